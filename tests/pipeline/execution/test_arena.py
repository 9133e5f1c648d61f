"""State in files: the same merges, less memory, and nothing left behind."""

import random
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import WordCounts, learn_bpe
from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.layout import Allocate
from pairloom.operators.models.bpe.sharded import (
    ByteWords,
    Coordinator,
    Partition,
    byte_ids,
    partition_memory,
)
from pairloom.pipeline.execution.arena import arena


def words() -> WordCounts:
    rng = random.Random(4)
    spelled = sorted({bytes(rng.choices(range(26), k=rng.randint(4, 90))) for _ in range(20_000)})
    counts = [rng.randint(1, 50) for _ in spelled]
    return WordCounts(words=pa.array(spelled, pa.large_binary()), counts=np.array(counts, np.int64))


def learned(counts: WordCounts, empty: Allocate, folder: Path) -> tuple[list[list[int]], int, int]:
    """The merges, the most bytes of memory allocated, and of files mapped, meanwhile."""
    mapped = 0
    coordinator = Coordinator(first=256, merges=1500)
    tracemalloc.start()
    partition = Partition(ByteWords([counts], byte_ids(0), 256), empty=empty)
    while (message := coordinator.next()) is not None:
        coordinator.take([partition.answer(message)])
        mapped = max(mapped, bytes_mapped(folder))
        assert not list(folder.iterdir())  # files without a name go with the process, however it ends
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return coordinator.merges.tolist(), peak, mapped


def bytes_mapped(folder: Path) -> int:
    spans = [
        line.split()[0].split("-")
        for line in Path("/proc/self/maps").read_text().splitlines()
        if str(folder) in line
    ]
    return sum(int(end, 16) - int(start, 16) for start, end in spans)


def test_a_partition_in_files_learns_the_same_and_takes_no_memory_for_its_words(tmp_path: Path) -> None:
    counts = words()
    symbols = len(counts.words.buffers()[2])
    expected = learn_bpe(counts, 256 + 1500).model.merges.tolist()
    plain, in_memory, mapped = learned(counts, np.empty, tmp_path)
    assert (plain, mapped) == (expected, 0)
    filed, beside, mapped = learned(counts, arena(str(tmp_path)), tmp_path)
    assert filed == expected
    assert 9 * symbols < mapped <= partition_memory(len(counts), symbols) - partition_memory(0, 0)
    assert beside < in_memory - 9 * symbols
    assert bytes_mapped(tmp_path) == 0


def test_a_disk_without_room_is_named(tmp_path: Path) -> None:
    empty = arena(str(tmp_path))
    assert len(empty(0, np.uint32)) == 0
    with pytest.raises(CapacityError, match=rf"no room for {1 << 62} bytes in {tmp_path}"):
        empty(1 << 60, np.uint32)
    with pytest.raises(CapacityError, match="nowhere"):
        arena(str(tmp_path / "nowhere"))(1, np.uint32)


def test_there_may_be_more_arrays_than_files_were_let_be_open(tmp_path: Path) -> None:
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 9 + max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    try:
        empty = arena(str(tmp_path))
        held = [empty(1, np.int64) for _ in range(few)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))
    assert len(held) == few
