"""Parts and shards of any size hold the same, and the later of two attempts wins."""

import os
from pathlib import Path
from typing import Any

import pytest

from pairloom.operators.errors import ConflictError
from pairloom.pipeline import Dataset
from pairloom.pipeline.export.formats.mds import write_mds
from pairloom.pipeline.export.formats.npy import write_npy
from pairloom.pipeline.export.packed_rows import Rows
from pairloom.pipeline.export.target import DONE, Target
from pairloom.pipeline.export.whole_documents import Documents
from pairloom.pipeline.store.location import open_objects
from tests.runs.export.checks import item_documents
from tests.support.exports import (
    expected,
    made,
    read_mds,
    read_parts,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made(tmp_path_factory.mktemp("export"))


def source_and_target(dataset: Dataset, out: Path, kind: type = Documents) -> tuple[Any, Target]:
    source = kind(dataset, "train")
    return source, Target(open_objects(str(out)), {}, owned=".*", agree=source.check)


@pytest.mark.parametrize("limit", [1, 300, 1000, 10**9])
def test_parts_and_shards_of_any_size_hold_the_same(
    dataset: Dataset, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    for unit, kind in (("documents", Documents), ("rows", Rows)):
        wanted = expected(dataset, "train", unit)
        source, target = source_and_target(dataset, tmp_path / f"npy-{unit}", kind)
        write_npy(source, target, part_tokens=limit)
        said = target.finish({})
        assert read_parts(tmp_path / f"npy-{unit}", "uint16") == item_documents(wanted)
        sizes = [file["bytes"] // 2 for file in said["files"] if file["path"].endswith(".npy")]
        longest = max(len(item["tokens"]) for item in wanted)
        assert all(0 < size <= max(limit, longest) for size in sizes)
        source, target = source_and_target(dataset, tmp_path / f"mds-{unit}", kind)
        write_mds(source, target, shard_bytes=limit)
        target.finish({})
        assert [item["tokens"] for item in read_mds(tmp_path / f"mds-{unit}")] == [
            item["tokens"] for item in wanted
        ]


def test_the_later_of_two_attempts_wins(dataset: Dataset, tmp_path: Path) -> None:
    source, first = source_and_target(dataset, tmp_path)
    with first.data("a") as file:
        file.write(b"first")
    _, second = source_and_target(dataset, tmp_path)
    with second.data("a") as file:
        file.write(b"second")
    for batches in source.parts():
        list(batches)
    with pytest.raises(ConflictError, match=r"another export .* took over"):
        first.finish({})
    first.abandon()
    second._agree = lambda: None
    assert [file["path"] for file in second.finish({})["files"]] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", DONE]
    assert (tmp_path / "a").read_bytes() == b"second"
