"""Groups that are treated alike, by recipe: whatever the units, with weights, repaired, and what is refused."""

import json
import os
import random
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.counts import count_words
from pairloom.operators.errors import CorruptionError, RecipeError, StorageError
from pairloom.operators.learners import LEARNERS, Parity, Target
from pairloom.operators.models.bpe import count_pairs
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.pipeline import Recipe, make_plan, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, RoundDone
from pairloom.pipeline.repair.repair import repair
from pairloom.pipeline.stages.learn.groups import about_groups, check_groups, measured
from pairloom.pipeline.stages.learn.rounds import GROUP_TABLE, GroupsSpec, WordsSpec
from pairloom.pipeline.stages.learn.stage import Learn
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import contents
from tests.support.fates import ONCE, Fate, Killed, fated

EVERY = 4  # of the storage calls; which of them, each case chooses for itself
ENGLISH = [
    "the cat and the dog walked to the house",
    "a bird sang in the old tree",
    "the river ran by the house",
]
THAI = ["แมวและหมา", "นกร้องเพลง", "แม่น้ำ"]


def texts() -> list[tuple[str | None, str]]:
    lines: list[tuple[str | None, str]] = [("en", f"{ENGLISH[i % 3]} {i % 17}") for i in range(300)]
    lines += [("th", f"{THAI[i % 3]} {THAI[i % 2]}") for i in range(40)]
    return [*lines, *((None, "qx qy") for _ in range(9))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    lines = [{"text": text} | ({"lang": lang} if lang else {}) for lang, text in texts()]
    (folder / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ("en", "th"):
        some = [line for line in lines if line.get("lang") == name]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in some))
    return folder


def recipe(folder: Path, root: str, *, by: str = "lang", unit: int = 1 << 20, **vocabulary: Any) -> Recipe:
    names = ["all"] if by == "lang" else ["en", "th"]
    columns = {"columns": ["lang"]} if by == "lang" else {}
    sources = [{"name": name, "paths": [str(folder / f"{name}.jsonl")], **columns} for name in names]
    parity = vocabulary.pop("parity", {"by": by, "window": 7})
    chosen = {"size": 330, **({"parity": parity} if parity else {}), **vocabulary}
    return Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": sources,
            "vocabulary": chosen,
            "pack": {"seq_len": 64},
            "execution": {"engine": "local", "unit_bytes": unit},
        }
    )


def test_a_column_says_the_groups_and_units_decide_nothing(folder: Path) -> None:
    first = run(recipe(folder, "one"))
    dataset = open_dataset(str(folder / "one"))
    assert verify(dataset).tokens > 0
    vocabulary = dataset.vocabulary()
    groups = {
        name: count_words(pa.array([text for lang, text in texts() if lang == name]), Pretokenizer())
        for name in (None, "en", "th")
    }
    target = Target(size=330, special_tokens=("<|endoftext|>",), parity=Parity(by="lang", window=7))
    assert LEARNERS.get("bpe")().learn_groups(groups, target).fingerprint == vocabulary.fingerprint
    again = run(recipe(folder, "many", unit=1500))
    assert contents(first)["learn"] == contents(again)["learn"]
    plain = run(recipe(folder, "plain", parity=None))
    plain_vocabulary = open_dataset(str(folder / "plain")).vocabulary()
    facts = first.stages["learn"].facts
    told = about_groups(facts)["parity"]
    assert told["bytes_per_token"].keys() == {"", "en", "th"}
    assert 0 < told["gini"] < 0.2
    assert told["gini"] < about_groups(measured(plain_vocabulary, groups.items()))["parity"]["gini"]
    assert plain.stages["learn"].facts.keys() == {"words", "pretokens", "tokens"}
    assert facts["bytes of th"] == sum(
        len("".join(text.split(" ")).encode()) + 1 for lang, text in texts() if lang == "th"
    )
    ((label, line),) = Learn().lines(about_groups(facts))
    assert label == "groups"
    assert line.startswith("3, from ")
    assert "bytes a token" in line


def test_documents_without_a_value_and_with_an_empty_one_are_told_apart() -> None:
    names = (None, "", '""', "en")
    groups = {name: count_words(pa.array(["a bird sang " * 9]), Pretokenizer()) for name in names}
    vocabulary = LEARNERS.get("bpe")().learn(groups["en"], Target(size=260))
    told = about_groups(measured(vocabulary, groups.items()))["parity"]["bytes_per_token"]
    assert len(told) == 4
    assert told.keys() >= {"", '""', "en"}


def test_sources_are_groups_with_weights_and_what_is_lost_is_made_again(folder: Path) -> None:
    chosen = {"by": "source", "unit": "characters", "first": 9}
    made = recipe(folder, "sources", by="source", parity=chosen, weights={"th": 3}, unit=3000)
    first = run(made)
    root = Path(made.root)
    kept = {path: path.read_bytes() for path in root.rglob("*groups*") if path.is_file()}
    assert kept
    for path in kept:
        path.unlink()
    repair(made.root)
    assert {path: path.read_bytes() for path in kept} == kept
    other = recipe(folder, "sources", by="source", parity=chosen | {"first": 10}, weights={"th": 3})
    assert make_plan(other).keys["count"] == first.stages["count"].key
    assert make_plan(other).keys["learn"] != first.stages["learn"].key
    told = {"by": "source", "amounts": {"en": 3, "th": "1/2"}}
    written = recipe(folder, "x", by="source", parity=told).model_dump(mode="json")["vocabulary"]["parity"]
    assert written["amounts"] == {"en": "3", "th": "1/2"}
    assert "parity" not in recipe(folder, "x", parity=None).model_dump(mode="json")["vocabulary"]


@pytest.mark.parametrize(
    ("vocabulary", "said"),
    [
        ({"parity": "speech"}, "vocabulary.parity is by 'speech', which no source has among its columns"),
        ({"superwords": {}}, "parity is by groups: choose one"),
        ({"family": "unigram"}, "the family unigram has no parity"),
        ({"extend": "x.json", "size": 999}, "`extend` brings these with it: remove parity"),
        (
            {"parity": {"by": "source", "amounts": {"de": 1}}},
            "amounts are of de, and the sources are all: name these",
        ),
        (
            {
                "by": "source",
                "parity": {"by": "source", "amounts": {"en": 1, "th": 1}},
                "weights": {"th": 2},
            },
            "remove one of them",
        ),
        ({"parity": {"by": "source", "amounts": {"all": 0}}}, "it must be more than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(folder: Path, vocabulary: dict[str, Any], said: str) -> None:
    with pytest.raises((RecipeError, ValueError), match=said):
        recipe(folder, "refused", **vocabulary)


def test_a_run_that_dies_anywhere_goes_on_to_the_same_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(recipe(folder, "whole", unit=9000), until="learn")
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    with fated(LocalObjects, plain := Fate(0, "after", Killed)):
        run(recipe(folder, "counted", unit=9000), until="learn")
    draw = random.Random(3)
    for at in sorted(draw.sample(range(1, plain.calls), 5)):
        killed = recipe(folder, f"killed {at}", unit=9000)
        with fated(LocalObjects, Fate(at, "after", Killed)), suppress(Killed):
            run(killed, until="learn", executor=ONCE)
        assert contents(run(killed, until="learn")) == contents(whole)


@pytest.mark.parametrize(("first", "family"), [(1, "bpe"), (2, "character_bpe"), (3, "wordpiece")])
def test_rounds_may_die_at_any_storage_call(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first: int, family: str
) -> None:
    """Of the driver, which stores what is learned after every round."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    learn = {"mode": "sharded", "members": 2, "checkpoint_seconds": 0}
    chosen = {"family": family, "size": 400, "parity": {"by": "lang", "window": 7, "first": 9}}
    alone = recipe(folder, f"{family} alone", **chosen)
    run(alone, until="count")
    shutil.copytree(alone.root, folder / f"{family} counted")
    whole = contents(run(alone, until="learn"))

    def counted(root: str) -> Recipe:
        shutil.copytree(folder / f"{family} counted", folder / root)
        return recipe(folder, root, learn=learn, **chosen)

    with fated(LocalObjects, plain := Fate(0, "after", Killed)):
        assert contents(run(counted(f"{family} rounds"), until="learn")) == whole
    assert plain.calls > 40
    for number, at in enumerate(range(first, plain.calls + 1, EVERY)):
        error: type[BaseException] = Killed if number % 2 else StorageError
        struck = counted(f"{family} {at}")
        with fated(LocalObjects, Fate(at, "after", error)), suppress(error):
            run(struck, until="learn", executor=ONCE)
        assert contents(run(struck, until="learn")) == whole, (at, error)
        shutil.rmtree(struck.root)


def test_a_member_declares_a_table_for_each_group(folder: Path) -> None:
    made = recipe(folder, "declared")
    files = tuple(file for file in run(made, until="count").stages["count"].files if file.role == "groups")
    assert max(file.facts["groups"] for file in files) == 3
    rounds = LEARNERS.get("bpe")().rounds(Target(size=330, parity=Parity(by="lang")))
    specs = [kind(root=made.root, number=0, words=files, rounds=rounds) for kind in (GroupsSpec, WordsSpec)]
    spilled = [replace(spec, allowed=1) for spec in specs]
    assert specs[0].projected - specs[1].projected == 3 * GROUP_TABLE
    assert spilled[0].need() - spilled[1].need() == 3 * GROUP_TABLE


class Watch:
    """The rounds of a run; raises in one of them if told to."""

    def __init__(self, interrupt: int = 0) -> None:
        self.rounds: list[RoundDone] = []
        self._interrupt = interrupt

    def __call__(self, event: Event) -> None:
        if isinstance(event, RoundDone):
            self.rounds.append(event)
            if event.rounds == self._interrupt:
                raise KeyboardInterrupt


@pytest.mark.parametrize("family", ["bpe", "character_bpe", "wordpiece"])
def test_rounds_are_one_task_and_go_on_after_what_is_stored(folder: Path, family: str) -> None:
    parity = {"by": "lang", "window": 7, "first": 9, "unit": "characters"}
    chosen = {"family": family, "size": 420, "parity": parity}
    whole = contents(run(recipe(folder, f"{family} one", **chosen), until="learn"))
    for members in (1, 3):
        learn = {"mode": "sharded", "members": members, "checkpoint_seconds": 3600}
        made, stored = recipe(folder, f"{family} {members}", learn=learn, **chosen), 0
        for last in (3, 4):
            watch = Watch(interrupt=last)
            with pytest.raises(KeyboardInterrupt):
                run(made, until="learn", observe=watch)
            assert watch.rounds[-1].merges > stored
            stored = watch.rounds[-1].merges
        assert contents(run(made, until="learn")) == whole
        assert not list(Path(made.root).rglob("*merges*"))


def test_groups_that_are_not_the_corpus_are_noticed() -> None:
    counts = count_words(pa.array(["a bird sang"]), Pretokenizer())
    check_groups([("a", counts), (None, counts)], 2 * count_pairs(counts))
    for pairs in (count_pairs(counts), 3 * count_pairs(counts)):
        with pytest.raises(CorruptionError, match="the groups are not those of the corpus"):
            check_groups([("a", counts), (None, counts)], pairs)
