"""Keys that shape a vocabulary, by recipe: the same bytes in one task and in rounds, and what they ask for."""

from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.reference.models.bpe.superwords import script_of
from pairloom.pipeline import Recipe, make_plan, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, RoundDone
from pairloom.pipeline.store.obtained import obtained
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

SHAPE = (
    "vocabulary.max_token_length=5",
    "vocabulary.limit_alphabet=40",
    "vocabulary.initial_alphabet=['é', 'q']",
    "vocabulary.required=[' pairloom', ' method']",
    "vocabulary.blocked=[' t', '*in*']",
    "vocabulary.script_caps={Latin: 0.08, Han: 4k}",
    f"vocabulary.fillers={[' ' * n for n in range(2, 180)]}",
)


def recipe(folder: Path, *settings: str, root: str = "out") -> Recipe:
    return recipe_for(folder, "vocabulary.size=500", *settings, root=folder / root)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_jsonl(folder / "in" / "a.jsonl", documents(120, 1))
    return folder


def test_in_rounds_and_in_one_task_the_same(folder: Path) -> None:
    chosen = recipe(folder, *SHAPE, root="single")
    first = run(chosen)
    dataset = open_dataset(chosen.root)
    assert verify(dataset).tokens > 0
    tokens = dataset.vocabulary().tokens
    assert len(tokens) == 512
    assert {b" pairloom", b" method", b"  "} <= set(tokens)
    assert b" t" not in tokens
    made = [token for token in tokens[257:] if token not in b" pairloom method"]
    assert not any(b"in" in token for token in made)
    assert 30 < sum(script_of(token) == "Latin" for token in made if len(token) > 1) <= 40
    sharded = ("vocabulary.learn={mode: sharded, members: 3}", "execution.unit_bytes=3000")
    again = run(recipe(folder, *SHAPE, *sharded, root="sharded"))
    for stage in ("learn", "pack"):
        assert contents(first)[stage] == contents(again)[stage]
    assert first.stages["learn"].units == again.stages["learn"].units


@pytest.mark.parametrize("family", ["wordpiece", "character_bpe"])
def test_families_of_characters_are_learned_in_rounds(folder: Path, family: str) -> None:
    chosen = (
        f"vocabulary.family={family}",
        "vocabulary.max_token_length=5",
        "vocabulary.limit_alphabet=60",
        "vocabulary.initial_alphabet=['é', 'q']",
        "execution.unit_bytes=3000",
    )
    alone = run(recipe(folder, *chosen, root=f"{family}-single"), until="learn")
    sharded = recipe(
        folder, *chosen, "vocabulary.learn={mode: sharded, members: 3}", root=f"{family}-sharded"
    )
    with pytest.raises(KeyboardInterrupt):
        run(sharded, until="learn", observe=_interrupting)
    again = run(sharded, until="learn")
    assert contents(alone)["learn"] == contents(again)["learn"]
    assert alone.stages["learn"].units == again.stages["learn"].units
    assert not list((folder / f"{family}-sharded").rglob("*merges*"))


def _interrupting(event: Event) -> None:
    if isinstance(event, RoundDone) and event.rounds == 3:
        raise KeyboardInterrupt


@pytest.mark.parametrize("family", ["bpe", "unigram"])
def test_a_vocabulary_that_runs_out_names_the_keys_that_leave_tokens_out(folder: Path, family: str) -> None:
    capped = (f"vocabulary.family={family}", "vocabulary.size=100000", "vocabulary.script_caps={Latin: 3}")
    first, *_ = obtained(run(recipe(folder, *capped, root=f"{family}-capped"), until="learn"))
    assert first.obtained < first.asked == 100_000
    assert (
        first.why == "nothing else that occurs may become a token; it takes more text, or another script_caps"
    )


def test_each_key_is_another_vocabulary_and_none_is_the_old_one(folder: Path) -> None:
    plain = make_plan(recipe(folder))
    keys = {make_plan(recipe(folder, one)).keys["learn"] for one in SHAPE if "initial" not in one}
    assert len(keys | {plain.keys["learn"]}) == len(SHAPE)
    written = recipe(folder, *SHAPE).model_dump(mode="json")["vocabulary"]
    assert written["blocked"] == [" t", "*in*"]
    assert written["script_caps"] == {"Latin": "2/25", "Han": "4000"}
    assert "blocked" not in recipe(folder).model_dump(mode="json")["vocabulary"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["vocabulary.family=lzw", "vocabulary.blocked=[a]"], "the family lzw has no blocked"),
        (["vocabulary.required=[the]", "vocabulary.blocked=['*h*']"], "which is blocked"),
        (["vocabulary={extend: x.json, required: [a]}"], "`extend` brings these with it: remove required"),
        (["vocabulary={from: x.json, blocked: [a]}"], "`from` brings a whole vocabulary: remove blocked"),
        (["vocabulary.superwords={}", "vocabulary.fillers=[a]"], "fillers have filled"),
        (["vocabulary.initial_alphabet=[a]"], "says what limit_alphabet keeps"),
        (["vocabulary.script_caps={Klingon: 9}"], "script_caps has 'Klingon'; there are: Latin"),
        (
            ["vocabulary={family: characters, script_caps: {Han: 9}}"],
            "the family characters has no script_caps",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(folder: Path, settings: list[str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(folder, *settings)
