"""A generation that is made of the last one may die at any storage call too, and goes on to the bytes of a run from nothing."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from pairloom.operators.errors import StorageError
from pairloom.pipeline import Recipe, run
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.store.files import check_stored
from pairloom.pipeline.store.gc import collect
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import contents, documents, recipe_for, write_jsonl
from tests.support.fates import ONCE, Fate, Killed, fated

EVERY = 8  # of the calls; which of them, each case chooses for itself


def recipe_of(folder: Path, root: str) -> Recipe:
    shuffle = "pack.shuffle={mode: block, groups: 2}"
    settings = ["vocabulary.size=264", "execution.unit_bytes=600", "pack.validation=0.4", "pack.seq_len=16"]
    return recipe_for(folder, shuffle, *settings, root=folder / root)


def write(folder: Path, name: str, seed: int) -> None:
    path = folder / "in" / f"{name}.jsonl"
    write_jsonl(path, [(f"{name} {seed} {i}", text[:80]) for i, (_, text) in enumerate(documents(6, seed))])
    os.utime(path, ns=(1, 1_000_000_000 + seed))


@pytest.mark.parametrize(
    ("first", "error", "when"),
    [(1, Killed, "after"), (2, StorageError, "before"), (3, StorageError, "after")],
)
def test_re_tokenizing_may_die_at_storage_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, error: type[BaseException], when: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    for i in range(5):
        write(tmp_path, f"{i}", i)
    run(recipe_of(tmp_path, "before"))
    write(tmp_path, "3", 13)
    shutil.copytree(tmp_path / "before", tmp_path / "whole")
    plain = Fate(0, "after", error)
    with fated(LocalObjects, plain):
        whole, _ = retokenize(recipe_of(tmp_path, "whole"))
    assert whole.generation == 2
    assert whole.stages["pack"].held
    assert plain.calls > 50
    for at in range(first, plain.calls + 1, EVERY):
        root = str(tmp_path / f"{at}")
        shutil.copytree(tmp_path / "before", root)
        with fated(LocalObjects, Fate(at, when, error)), suppress(error):
            retokenize(recipe_of(tmp_path, root), executor=ONCE)
        made, _ = retokenize(recipe_of(tmp_path, root))
        assert contents(made) == contents(whole)
        objects = open_objects(root)
        for record in made.stages.values():
            for file in record.stored:
                check_stored(objects, file)
        collect(objects, now=4e9, grace=0, delete=True)
        assert not objects.list("data/exchange")
        assert {file.path for file in made.stages["pack"].held} <= set(objects.list("data/held"))
        shutil.rmtree(root)
