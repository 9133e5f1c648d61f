"""The loader over a bucket: blocks are fetched ahead, once each, and few of them are held."""

import threading
import time
from pathlib import Path

import pytest

from pairloom.operators.errors import StorageError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.dataset import stream as rows
from pairloom.pipeline.dataset.blocks import RowFile
from pairloom.pipeline.dataset.stream import BLOCK_ROWS, block_sizes
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.remote import files as remote_files
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.servers import Proxy


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root in a folder, with blocks enough to tell what is read of them."""
    folder = tmp_path_factory.mktemp("remote_loader")
    write_jsonl(folder / "in" / "a.jsonl", documents(400))
    run(recipe_for(folder, "pack.seq_len=4", "pack.file_tokens=20000", "vocabulary.size=300"))
    return folder / "out"


@pytest.fixture
def dataset(here: Path, s3_root: str) -> Dataset:
    """The same root in a bucket."""
    bucket, folder = open_objects(s3_root), LocalObjects(str(here))
    for path in folder.list(""):
        bucket.put(path, folder.read(path))
    return open_dataset(s3_root)


class Reads:
    """The blocks that are asked for, as they begin; with a gate that they wait at."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        real = RowFile.read

        def read(file: RowFile, start: int, stop: int) -> object:
            self.rows.append(stop - start)
            assert self.gate.wait(60)
            return real(file, start, stop)

        patch.setattr(RowFile, "read", read)

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 60
        while len(self.rows) < count and time.monotonic() < until:
            time.sleep(0.005)
        assert len(self.rows) == count


def sizes(dataset: Dataset) -> list[int]:
    files = [file for file in dataset.manifest.stage("pack").files if file.role == "train"]
    return [size for file in files for size in block_sizes(file).tolist()]


@pytest.mark.parametrize("seed", [None, 5])
def test_blocks_are_read_ahead_once_each_and_bounded(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, seed: int | None
) -> None:
    total, reads = sizes(dataset), Reads(monkeypatch)
    assert len(total) > 6
    loader = dataset.loader(1, seed=seed, prefetch=3)
    batches = iter(loader)
    seen = next(batches).num_rows
    reads.wait_for(4)  # the block at hand, and three ahead
    reads.gate.clear()  # from here on nothing arrives, and what has arrived is enough for its rows
    at_hand = reads.rows[0]
    while seen < at_hand:
        seen += next(batches).num_rows
    reads.wait_for(4)
    reads.gate.set()
    seen += sum(batch.num_rows for batch in batches)
    assert sorted(reads.rows) == sorted(total)
    assert seen == sum(total)


def test_large_blocks_are_not_read_ahead_of_need(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(monkeypatch)
    monkeypatch.setattr(rows, "AHEAD_BYTES", 1)
    batches = iter(dataset.loader(8, prefetch=3))
    next(batches)
    reads.wait_for(1)
    batches.close()  # type: ignore[attr-defined]
    assert reads.rows == [BLOCK_ROWS]


def test_a_block_costs_its_bytes(dataset: Dataset, faulty: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "FIRST_WINDOW", 1024)
    [first, *_] = [file for file in dataset.manifest.stage("pack").files if file.role == "train"]
    blocks = -(-first.rows // BLOCK_ROWS)
    faulty.requests.clear()
    batches = iter(dataset.loader(8, prefetch=0))
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    gets = [(path, headers) for method, path, headers in faulty.requests if method == "GET"]
    assert {path.partition("?")[0].endswith(first.path) for path, _ in gets} == {True}
    ranges = [headers["Range"].removeprefix("bytes=").split("-") for _, headers in gets]
    fetched = sum(int(last) - int(start) + 1 for start, last in ranges)
    assert blocks > 3
    assert fetched < first.bytes / 2


def test_a_bad_network_changes_no_row(dataset: Dataset, faulty: Proxy) -> None:
    expected = [batch.to_pylist() for batch in dataset.loader(500, seed=5)]
    faulty.at_random(0.1, seed=3)
    found = [batch.to_pylist() for batch in dataset.loader(500, seed=5, prefetch=1)]
    assert sum(faulty.seen.values()) > 0
    assert found == expected


def test_a_store_that_stays_away_fails_the_loader_by_name(dataset: Dataset, faulty: Proxy) -> None:
    batches = iter(dataset.loader(8, prefetch=2))
    faulty.at_random(1.0, faults=("error_500",))
    with pytest.raises(StorageError, match="s3://"):
        next(batches)
