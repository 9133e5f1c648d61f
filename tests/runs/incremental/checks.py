"""A corpus that changes, the steps that a run of it takes, and a run from nothing beside it."""

import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from pairloom.operators.selection.order import in_validation, input_blocks
from pairloom.pipeline import Recipe, run
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.store.manifest import Manifest
from tests.support.corpora import (
    contents,
    documents,
    recipe_for,
    write_jsonl,
)

GROUPS = 8
BLOCK = (f"pack.shuffle={{mode: block, groups: {GROUPS}}}", "execution.unit_bytes=1000", "pack.seq_len=32")


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
