"""Learning a Unigram as a stage: in one task and in rounds the same bytes, begun and continued anywhere."""

from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.reference.models.bpe.superwords import script_of
from pairloom.pipeline import Recipe, make_plan, open_dataset, run
from pairloom.pipeline.flow.events import Event, RoundDone
from tests.support.corpora import contents, recipe_for, write_jsonl

FAMILY = "vocabulary.family={unigram: {seeds: 2000, coverage: 0.99}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unigram")
    texts = [path.read_text() for path in sorted(Path(__file__).parents[2].glob("docs/explain/*.md"))]
    lines = [line for text in texts for line in text.splitlines() if line][:300]
    lines += ["日本語のテキスト", "  zwei  Leerzeichen", "", "🙂 naïve"]
    for part in range(3):
        rows = [(f"d{part}-{i}", line) for i, line in enumerate(lines[part::3])]
        write_jsonl(folder / "in" / f"{part}.jsonl", rows)
    return folder


def recipe(folder: Path, root: Path, mode: str, *settings: str) -> Recipe:
    chosen = ["vocabulary.size=600", FAMILY, f"vocabulary.learn.mode={mode}", *settings]
    return recipe_for(folder, *chosen, root=root)


class Watch:
    """The rounds of a run; interrupts it in one of them if told to."""

    def __init__(self, interrupt: int = 0) -> None:
        self.rounds: list[RoundDone] = []
        self._interrupt = interrupt

    def __call__(self, event: Event) -> None:
        if isinstance(event, RoundDone):
            self.rounds.append(event)
            if event.rounds == self._interrupt:
                raise KeyboardInterrupt


def test_the_mode_and_interruptions_decide_no_byte(folder: Path, tmp_path: Path) -> None:
    expected = contents(run(recipe(folder, tmp_path / "one", "single")))
    settings = ["vocabulary.learn.members=3", "vocabulary.learn.checkpoint_seconds=3600"]
    sharded = recipe(folder, tmp_path / "many", "sharded", *settings)
    assert (
        make_plan(sharded).keys["learn"]
        == make_plan(recipe(folder, tmp_path / "one", "single")).keys["learn"]
    )
    stored = 0
    for last in (2, 5):
        watch = Watch(interrupt=last)
        with pytest.raises(KeyboardInterrupt):
            run(sharded, until="learn", observe=watch)
        assert watch.rounds[-1].merges > stored
        stored = watch.rounds[-1].merges
    watch = Watch()
    assert contents(run(sharded, observe=watch)) == expected
    assert watch.rounds[0].merges > stored
    assert watch.rounds[0].what == "answers"
    assert not list((tmp_path / "many").rglob("*merges*"))


def test_other_ways_to_cut_and_other_options_are_other_vocabularies(folder: Path, tmp_path: Path) -> None:
    keys = {
        make_plan(recipe(folder, tmp_path, "single", *more)).keys["learn"]
        for more in (
            [],
            ["vocabulary.family=unigram"],
            ["vocabulary.family={unigram: {prefix: false, seeds: 2000, coverage: 0.99}}"],
            ["vocabulary.family=bpe"],
        )
    }
    assert len(keys) == 4
    with pytest.raises(
        RecipeError, match="a vocabulary of the family unigram has no pretokenizer: remove it"
    ):
        recipe(folder, tmp_path, "single", "vocabulary.pretokenizer=o200k")
    with pytest.raises(RecipeError, match="coverage is a share"):
        recipe(folder, tmp_path, "single", "vocabulary.family={unigram: {coverage: 2.0}}")


def test_scripts_are_capped_the_same_in_rounds(folder: Path, tmp_path: Path) -> None:
    caps = "vocabulary.script_caps={Latin: 0.05, Han: 1}"
    alone = run(recipe(folder, tmp_path / "one", "single", caps), until="learn")
    many = recipe(folder, tmp_path / "many", "sharded", "vocabulary.learn.members=3", caps)
    watch = Watch(interrupt=4)
    with pytest.raises(KeyboardInterrupt):
        run(many, until="learn", observe=watch)
    again = run(many)
    assert contents(alone)["learn"] == contents(again)["learn"]
    tokens = open_dataset(many.root).vocabulary().tokens
    pieces = [token for token in tokens[258:] if len(token.decode()) > 1]
    assert sum(script_of(token) == "Latin" for token in pieces) == 30
    assert sum(script_of(token) == "Han" for token in pieces) <= 1
