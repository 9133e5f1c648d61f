"""Files that change between planning and reading, or while they are read."""

import gzip
import os
import random

import pytest

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs import storage
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource
from tests.pipeline.inputs.readers.cases import (
    GOOD,
    GZIP,
    MANY,
    STRINGS,
    arrow,
    parquet,
)


@pytest.mark.parametrize("change", ["longer", "shorter", "touched", "gone"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.txt", "x.csv", "x.jsonl.gz", "x.parquet", "x.arrow"])
def test_a_file_that_changes_after_planning(tmp_path, name, change):
    path = tmp_path / name
    kinds = {
        "x.jsonl.gz": GZIP,
        "x.parquet": parquet(STRINGS),
        "x.arrow": arrow(STRINGS),
        "x.csv": b"text\na\n",
    }
    data = kinds.get(name, GOOD)
    path.write_bytes(data)
    source = CorpusSource(name="s", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    if change == "gone":
        path.unlink()
    elif change == "touched":
        path.write_bytes(data)
        os.utime(path, ns=(1, 1))
    else:
        path.write_bytes(data + b"\n" if change == "longer" else data[:-1])
    with pytest.raises(DataError, match="changed during the run"):
        list(read(unit.slices[0], Fields()))


@pytest.mark.parametrize("name", ["x.jsonl", "x.txt.gz"])
def test_a_file_that_shrinks_while_it_is_read(tmp_path, name):
    path = tmp_path / name
    data = MANY * 30 if name == "x.jsonl" else gzip.compress(random.Random(1).randbytes(5 << 20))
    path.write_bytes(data)
    source = CorpusSource(name="s", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)

    real = storage._open

    def opened(uri):
        handle = real(uri)
        with path.open("r+b") as other:
            other.truncate(len(data) // 2)
        return handle

    storage._open = opened
    try:
        with pytest.raises(DataError, match="changed during the run: ended at byte"):
            list(read(unit.slices[0], Fields()))
    finally:
        storage._open = real


@pytest.mark.parametrize("how", ["another", "touched", "shorter", "gone", "a pipe"])
def test_a_small_file_that_is_not_the_planned_one_when_it_is_read(tmp_path, how):
    """A small text file is read in one go: what was opened must be what was planned."""
    path = tmp_path / "x.txt"
    path.write_text("some words")
    source = CorpusSource(name="s", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    assert [text for batch in read(unit.slices[0], Fields()) for text in batch.content.to_pylist()] == [
        "some words"
    ]
    if how == "touched":
        os.utime(path, (1, 1))
    else:
        path.unlink()
    if how == "another":
        path.write_text("other word")
        os.utime(path, (2, 2))
    if how == "shorter":
        path.write_text("some")
    if how == "a pipe":
        os.mkfifo(path)
    with pytest.raises(DataError, match="changed during the run"):
        list(read(unit.slices[0], Fields()))
