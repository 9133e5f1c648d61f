"""Following a corpus that changes: only what has changed is done again, and every byte is that of a run from nothing."""

import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack.strategies.best_fit import BestFit
from pairloom.operators.selection.order import in_validation, input_blocks
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted
from pairloom.pipeline.generations.retokenize import retokenize, rollback, unchanged
from pairloom.pipeline.inputs.readers import READERS
from pairloom.pipeline.stages.exchange.files import Exchanged
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.pack.rows import RowSettings
from pairloom.pipeline.stages.pack.tasks import PackShared, PackTask
from pairloom.pipeline.steps import DocumentSteps, RowSteps
from pairloom.pipeline.store.gc import collect
from pairloom.pipeline.store.manifest import Manifest
from tests.support.corpora import (
    contents,
    documents,
    mixed_recipe_for,
    open_objects_of,
    recipe_for,
    write_jsonl,
)

GROUPS = 8
BLOCK = (f"pack.shuffle={{mode: block, groups: {GROUPS}}}", "execution.unit_bytes=1000", "pack.seq_len=32")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A vocabulary that stays while the corpus changes."""
    folder = tmp_path_factory.mktemp("learned")
    write_jsonl(folder / "in" / "a.jsonl", documents(100))
    recipe = recipe_for(folder, "vocabulary.size=300")
    run(recipe, until="learn")
    path = folder / "tokenizer.json"
    open_dataset(recipe.root).vocabulary().save(path)
    return f"vocabulary={{from: {path}}}"


@pytest.fixture(autouse=True)
def blocks_of_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs have several blocks without being large. No power is cut here."""
    for place in ("operators.selection.order", "pipeline.stages.tokenize.shards"):
        monkeypatch.setattr(f"pairloom.{place}.BLOCK_BITS", 3)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


class Corpus:
    """A folder of inputs, some of them with several blocks, that changes from tick to tick."""

    def __init__(self, folder: Path, count: int, seed: int = 0) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.ticks = 0
        for i in range(count):
            self.write(f"{i:03}")

    def write(self, name: str, documents_in: int | None = None) -> None:
        """Write an input anew."""
        self.ticks += 1
        many = documents_in or self.rng.choice([1, 2, 5, 20])
        texts = documents(many, self.rng.randrange(10**6))
        path = self.folder / "in" / f"{name}.jsonl"
        write_jsonl(path, [(f"{name}-{self.ticks}-{n}", text) for n, (_, text) in enumerate(texts)])
        self.stamp(path)

    def stamp(self, path: Path) -> None:
        """A time of its own, which is an input's version."""
        self.ticks += 1
        os.utime(path, ns=(1, 1_000_000_000 + self.ticks))

    def names(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "in").iterdir())

    def tick(self) -> None:
        """Something changes, in one of the ways in which things change."""
        for _ in range(2):
            path = self.folder / "in" / f"{self.rng.choice(self.names())}.jsonl"
            way = self.rng.choice(["rewrite", "add", "remove", "append", "touch"])
            if way == "rewrite":
                self.write(path.stem)
            elif way == "add":
                self.write(f"{self.rng.randrange(1000):03}")
            elif way == "remove" and len(self.names()) > 3:
                path.unlink()
            elif way == "append":
                with path.open("a") as file:
                    file.write(f'{{"id": "more-{self.ticks}", "text": "and more {self.ticks}"}}\n')
                self.stamp(path)
            elif way == "touch":
                self.stamp(path)


class Steps:
    """How many units of each step were run, and not found done."""

    def __init__(self, dies_after: str | None = None) -> None:
        self.fresh: Counter[str] = Counter()
        self.dies_after = dies_after

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self.fresh[event.step] += event.units - event.reused
        if isinstance(event, StepFinished) and event.step == self.dies_after:
            raise KeyboardInterrupt


def from_nothing(recipe: Recipe, folder: Path) -> Manifest:
    return run(recipe.model_copy(update={"root": str(folder)}))


def same_as_from_nothing(made: Manifest, recipe: Recipe, folder: Path) -> None:
    fresh = from_nothing(recipe, folder)
    for stage in ("tokenize", "pack"):
        assert contents(made)[stage] == contents(fresh)[stage]
    assert made.stages["pack"].ledger == fresh.stages["pack"].ledger
    assert made.stages["pack"].facts == fresh.stages["pack"].facts


def group_of(path: Path) -> int:
    """The group of the first block of an input."""
    splits = Splits.of(1, 1, 0.0, mode="block", groups=GROUPS)
    uri, zero = pa.array([path.as_uri()], pa.large_string()), np.zeros(1, np.int64)
    return int(splits.by_hash(input_blocks(uri, zero, zero), np.zeros(1, np.bool_))[0])


@pytest.mark.parametrize(
    ("mode", "validation", "unit_bytes"),
    [("block", 0.3, 2500), ("block", 0.0, 700), ("none", 0.3, 1500), ("document", 0.3, 2500)],
)
def test_whatever_changes_the_bytes_are_those_of_a_run_from_nothing(
    tmp_path: Path, vocabulary: str, mode: str, validation: float, unit_bytes: int
) -> None:
    corpus = Corpus(tmp_path, 9, seed=unit_bytes)
    shuffle = f"pack.shuffle={{mode: {mode}{f', groups: {GROUPS}' if mode == 'block' else ''}}}"
    settings = (f"pack.validation={validation}", f"execution.unit_bytes={unit_bytes}", "pack.file_tokens=500")
    recipe = recipe_for(tmp_path, vocabulary, shuffle, *settings, "pack.seq_len=32")
    made = run(recipe)
    assert (made.stages["pack"].index is None) == (mode == "document")
    assert bool(made.stages["pack"].held) == (mode != "document" and validation > 0)
    for number in range(3):
        corpus.tick()
        made, _ = retokenize(recipe)
        same_as_from_nothing(made, recipe, tmp_path / f"fresh{number}")
    verify(open_dataset(recipe.root))
    assert not open_objects_of(tmp_path / "out").list("receipts/exchange")
    assert not open_objects_of(tmp_path / "out").list("data/exchange")


def write_even(folder: Path, name: str, seed: int, documents_in: int = 7) -> None:
    """An input that takes as many bytes as any other of so many documents."""
    rng = random.Random(f"{name} {seed}")
    texts = [
        " ".join(rng.choice(["one", "two", "six", "ten"]) for _ in range(20)) for _ in range(documents_in)
    ]
    write_jsonl(
        folder / "in" / f"{name}.jsonl", [(f"{name} {seed:03} {n:02}", text) for n, text in enumerate(texts)]
    )
    os.utime(folder / "in" / f"{name}.jsonl", ns=(1, 1_000_000_000 + seed))


def even_corpus(folder: Path, count: int, *settings: str) -> Recipe:
    """Inputs of one block and one unit each."""
    for i in range(count):
        write_even(folder, f"{i:03}", 0)
    size = (folder / "in" / "000.jsonl").stat().st_size
    return recipe_for(folder, *settings, f"execution.unit_bytes={size}")


def trained(name: str, seed: int, share: float, documents_in: int = 7) -> bool:
    """Whether any document of an even input is for training."""
    ids = pa.array([f"{name} {seed:03} {n:02}" for n in range(documents_in)], pa.large_string())
    return not in_validation(ids, share).all()


def held(name: str, seed: int, share: float, documents_in: int = 7) -> bool:
    """Whether any is held out."""
    ids = pa.array([f"{name} {seed:03} {n:02}" for n in range(documents_in)], pa.large_string())
    return bool(in_validation(ids, share).any())


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_changed_input_costs_its_unit_its_group_and_what_is_in_the_group(
    tmp_path: Path, vocabulary: str, share: float
) -> None:
    recipe = even_corpus(tmp_path, 24, vocabulary, *BLOCK, f"pack.validation={share}")
    first = run(recipe)
    assert len(first.stages["tokenize"].units) == 24
    for seed, name in enumerate(["007", "012", "019"], 1):
        before = open_dataset(recipe.root).manifest
        write_even(tmp_path, name, seed)
        steps = Steps()
        after, found = retokenize(recipe, observe=steps)
        group = group_of(tmp_path / "in" / f"{name}.jsonl")
        others = [f"{i:03}" for i in range(24) if f"{i:03}" != name]
        changed = {"007": 1, "012": 2, "019": 3}
        sharing = [
            other
            for other in others
            if group_of(tmp_path / "in" / f"{other}.jsonl") == group
            and trained(other, changed[other] if changed.get(other, 99) < seed else 0, share)
        ]
        apart = held(name, 0, share) or held(name, seed, share)
        assert steps.fresh == Counter(
            prepare=1, tokenize=1, exchange=1, rejoin=len(sharing), pack=1 + apart, carry=steps.fresh["carry"]
        )
        assert (found.units, found.units_reused) == (24, 23)
        kept = {file.path for file in before.stages["pack"].files} & {
            f.path for f in after.stages["pack"].files
        }
        assert found.packed_reused.files == len(kept) >= found.packed.files - 2 - apart - steps.fresh["carry"]
        assert found.packed.bytes == sum(file.bytes for file in after.stages["pack"].files)
    same_as_from_nothing(after, recipe, tmp_path / "fresh")


def test_what_is_added_and_removed_touches_its_group_alone(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 16, vocabulary, *BLOCK, "pack.validation=0")
    run(recipe)
    write_even(tmp_path, "00A", 1)
    steps = Steps()
    retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"], steps.fresh["pack"]) == (1, 1, 1)
    (tmp_path / "in" / "00A.jsonl").unlink()
    steps = Steps()
    back, _ = retokenize(recipe, observe=steps)
    # The group is what it was: what was packed of it then is packed still, once it has been found out.
    assert (steps.fresh["tokenize"], steps.fresh["exchange"], steps.fresh["pack"]) == (0, 0, 0)
    same_as_from_nothing(back, recipe, tmp_path / "fresh")


def test_an_input_that_is_only_touched_is_read_and_nothing_is_packed(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 6, vocabulary, *BLOCK, "pack.validation=0.2")
    first = run(recipe)
    os.utime(tmp_path / "in" / "003.jsonl", ns=(1, 77))
    steps = Steps()
    second, _ = retokenize(recipe, observe=steps)
    assert steps.fresh == Counter(prepare=1, tokenize=1, exchange=0, pack=0, carry=0)
    assert second.generation == 2
    assert second.stages["pack"].files == first.stages["pack"].files
    assert second.stages["pack"].index == first.stages["pack"].index


def test_of_a_large_input_only_the_blocks_that_changed_are_packed_again(
    tmp_path: Path, vocabulary: str
) -> None:
    groups = 64
    settings = (
        vocabulary,
        f"pack.shuffle={{mode: block, groups: {groups}}}",
        "pack.seq_len=32",
        "pack.validation=0",
    )
    write_even(tmp_path, "large", 0, documents_in=80)
    path = tmp_path / "in" / "large.jsonl"
    recipe = recipe_for(tmp_path, *settings, f"execution.unit_bytes={path.stat().st_size // 5}")
    run(recipe)
    lines = path.read_text().splitlines()
    lines[41] = lines[41].replace("one", "six")  # the sixth block of eight, as long as before
    path.write_text("\n".join(lines) + "\n")
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    # Every unit of the input is read again, for who knows; one shard is another one, and one block with its group.
    assert steps.fresh["tokenize"] == 5
    assert steps.fresh["exchange"] == 1
    assert steps.fresh["pack"] == 1
    same_as_from_nothing(made, recipe, tmp_path / "fresh")


def test_where_the_order_is_kept_what_comes_before_the_change_is_kept(
    tmp_path: Path, vocabulary: str
) -> None:
    settings = ("pack.shuffle.mode=none", "pack.seq_len=32", "pack.validation=0.2", "pack.file_tokens=400")
    recipe = even_corpus(tmp_path, 20, vocabulary, *settings)
    first = run(recipe)
    write_even(tmp_path, "020", 0)
    steps = Steps()
    second, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 1)
    same_as_from_nothing(second, recipe, tmp_path / "grown")
    units = [m.stages["pack"].units for m in (first, second)]
    train = [
        Splits.of(m.stages["tokenize"].ledger.tokens, 400, 0.2, mode="none").train for m in (first, second)
    ]
    assert units[0][: train[0] - 1] == units[1][: train[0] - 1]
    write_even(tmp_path, "010", 1)
    steps = Steps()
    third, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 11)  # it and those behind it
    same_as_from_nothing(third, recipe, tmp_path / "changed")


def test_where_everything_mixes_everything_is_exchanged(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 8, vocabulary, "pack.file_tokens=400", "pack.seq_len=32")
    run(recipe)
    write_even(tmp_path, "003", 1)
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"], steps.fresh["rejoin"]) == (1, 8, 0)
    same_as_from_nothing(made, recipe, tmp_path / "fresh")


@pytest.mark.parametrize(
    ("mode", "asked"), [("block", {"epochs": 1.5}), ("none", {"weight": 1}), ("document", {"weight": 1})]
)
def test_mixtures_are_those_of_a_run_from_nothing(
    tmp_path: Path, vocabulary: str, mode: str, asked: dict[str, float]
) -> None:
    for name in ("prose", "code"):
        write_jsonl(tmp_path / name / "a.jsonl", [(f"{name} {i}", f"{t} {name}") for i, t in documents(20)])
        write_jsonl(tmp_path / name / "b.jsonl", [(f"{name} b{i}", t) for i, t in documents(20, 1)])
    settings = (vocabulary, f"pack.shuffle.mode={mode}", "pack.file_tokens=2000", "execution.unit_bytes=4000")
    recipe = mixed_recipe_for(tmp_path, {"prose": asked, "code": asked}, *settings, "pack.deduplicate=exact")
    run(recipe)
    write_jsonl(tmp_path / "code" / "a.jsonl", [(f"code {i}", f"{t} again") for i, t in documents(25)])
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    assert steps.fresh["exchange"] == len(made.stages["tokenize"].units)
    assert made.stages["pack"].index is None
    same_as_from_nothing(made, recipe, tmp_path / "fresh")
    verify(open_dataset(recipe.root))


@pytest.mark.parametrize("step", ["exchange", "rejoin", "pack"])
def test_a_run_that_dies_between_its_steps_goes_on(tmp_path: Path, vocabulary: str, step: str) -> None:
    recipe = even_corpus(tmp_path, 24, vocabulary, *BLOCK, "pack.validation=0.2")
    run(recipe)
    write_even(tmp_path, "007", 1)
    dead = Steps(dies_after=step)
    with pytest.raises(KeyboardInterrupt):
        retokenize(recipe, observe=dead)
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    whole = dead.fresh + steps.fresh
    assert {name: whole[name] for name in ("tokenize", "exchange")} == {"tokenize": 1, "exchange": 1}
    assert not any(steps.fresh[name] for name in dead.fresh if name != "prepare")  # nothing is done twice
    same_as_from_nothing(made, recipe, tmp_path / "fresh")
    verify(open_dataset(recipe.root))


def test_what_is_kept_outlives_garbage_collection_and_going_back(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 12, vocabulary, *BLOCK, "pack.validation=0.2")
    objects = open_objects_of(tmp_path / "out")
    run(recipe)
    write_even(tmp_path, "007", 1)
    second, _ = retokenize(recipe)
    collect(objects, now=4e9, grace=0, keep=1, delete=True)
    verify(open_dataset(recipe.root))
    held_out = {file.path for file in second.stages["pack"].held}
    assert set(objects.list("data/held")) == held_out
    assert objects.list("data/index") == [second.stages["pack"].index.path]
    assert not objects.list("data/exchange")
    write_even(tmp_path, "003", 2)
    steps = Steps()
    third, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 1)
    same_as_from_nothing(third, recipe, tmp_path / "third")
    rollback(recipe.root, 2)
    write_even(tmp_path, "005", 3)
    steps = Steps()
    last, _ = retokenize(recipe, observe=steps)
    # What generation 3 had is known, but generation 2 has not kept it.
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 2)
    same_as_from_nothing(last, recipe, tmp_path / "last")


def test_rows_of_another_length_need_no_index_anew(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 6, vocabulary, *BLOCK, "pack.validation=0.2")
    first = run(recipe)
    steps = Steps()
    longer = even_corpus(tmp_path, 6, vocabulary, *BLOCK, "pack.validation=0.2", "pack.seq_len=64")
    second = run(longer, observe=steps)
    assert (steps.fresh["exchange"], steps.fresh["rejoin"]) == (0, 6)
    assert second.stages["pack"].index == first.stages["pack"].index
    same_as_from_nothing(second, longer, tmp_path / "fresh")


@pytest.mark.parametrize(
    ("role", "column", "message"),
    [
        ("index", "train", r"index\.arrow is not what was written"),
        (
            "held",
            "key",
            r"held\.arrow is not what was written: record batch 0.*; `pairloom repair .* makes it again",
        ),
    ],
)
def test_what_is_kept_and_was_changed_is_noticed(
    tmp_path: Path, vocabulary: str, role: str, column: str, message: str
) -> None:
    shuffle = "pack.shuffle={mode: block, groups: 1}"
    recipe = even_corpus(tmp_path, 6, vocabulary, shuffle, "pack.validation=0.5")
    run(recipe)
    for path in (tmp_path / "out" / "data" / role).rglob("*.arrow"):
        data = bytearray(path.read_bytes())
        value = pa.ipc.open_file(pa.py_buffer(bytes(data))).read_all().column(column)[0].as_py()
        what = value if isinstance(value, bytes) else value.to_bytes(8, "little")
        data[data.index(what)] ^= 1
        path.write_bytes(data)
    write_even(tmp_path, "006", 1)
    assert held("006", 1, 0.5)
    with pytest.raises(CorruptionError, match=message):
        retokenize(recipe)


def test_an_index_that_is_gone_is_named(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 3, vocabulary, *BLOCK)
    first = run(recipe)
    assert first.stages["pack"].index is not None
    open_objects_of(tmp_path / "out").delete(first.stages["pack"].index.path)
    write_even(tmp_path, "003", 1)
    with pytest.raises(CorruptionError, match=r"index\.arrow is committed but missing"):
        retokenize(recipe)
    with pytest.raises(CorruptionError, match="is missing"):
        verify(open_dataset(recipe.root))


def test_a_partition_is_not_packed_of_other_documents_than_the_index_says(tmp_path: Path) -> None:
    settings = RowSettings(
        vocabulary="v",
        seq_len=8,
        strategy=BestFit(),
        overflow="split",
        predict_every_token=False,
        min_bucket=4,
        pad_id=0,
        mode="block",
        seed=0,
    )
    task = PackTask(
        root=str(tmp_path),
        split="train",
        number=0,
        group=0,
        batch=0,
        documents=(1, 5, "0" * 32),
        width=2,
        carries=False,
        sources=("web",),
        settings=settings,
    )
    none = DocumentSteps(steps=(), tables=(), seed=0), RowSteps(steps=(), tables=())
    shared = PackShared(groups=(Exchanged.of([], 1),), documents=none[0], rows=none[1])
    with pytest.raises(
        CorruptionError, match=r"train partition 0: exchange files have \(0, 0, .* says \(1, 5, "
    ):
        task.run(shared)


def test_a_tick_opens_no_input(tmp_path: Path, vocabulary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"text": ["one two", "three"], "id": ["a", "b"]})
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in" / "a.parquet")
    recipe = recipe_for(tmp_path, vocabulary)
    run(recipe)
    assert unchanged(recipe)
    monkeypatch.setattr(READERS.get("parquet"), "blocks", lambda *_: pytest.fail("was opened"))
    assert unchanged(recipe)
    pq.write_table(table, tmp_path / "in" / "b.parquet")
    assert not unchanged(recipe)
