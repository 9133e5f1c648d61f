"""Runs of tokens that are given: killed or failed at storage calls, they go on to the same bytes."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pairloom.operators.errors import StorageError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.store.objects import LocalObjects
from tests.runs.test_given_layouts import DELAY_FILL, PARTS, audio, interleaved
from tests.runs.test_given_tokens import proved
from tests.support.corpora import contents
from tests.support.fates import ONCE, Fate, Killed, fated

EVERY = 4  # of the storage calls; which of them, each case chooses for itself
CODES = [[[(7 * i + k + s) % 32 for s in range(3 + i % 4)] for k in range(4)] for i in range(40)]


def delayed(folder: Path) -> Recipe:
    return audio(folder, CODES, {"codebooks": 4, "pattern": "delay", "fill": DELAY_FILL})


def parallel(folder: Path) -> Recipe:
    return audio(folder, CODES, {"codebooks": 4, "pattern": "parallel"})


def mixed(folder: Path) -> Recipe:
    return interleaved(folder, PARTS * 12, given={"untrained": ["image"]})


@pytest.mark.parametrize(("first", "made"), [(1, delayed), (2, parallel), (3, mixed)])
def test_a_run_of_given_tokens_may_die_at_any_storage_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, made: Callable[[Path], Recipe]
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    recipe = made(tmp_path)
    with fated(LocalObjects, plain := Fate(0, "after", Killed)):
        whole = contents(run(recipe))
    proved(open_dataset(recipe.root))
    assert plain.calls > 20
    for number, at in enumerate(range(first, plain.calls + 1, EVERY)):
        error: type[BaseException] = Killed if number % 2 else StorageError
        again = recipe.model_copy(update={"root": str(tmp_path / f"struck-{at}")})
        with fated(LocalObjects, Fate(at, "after", error)), suppress(error):
            run(again, executor=ONCE)
        assert contents(run(again)) == whole, (at, error)
