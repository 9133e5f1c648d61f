"""The memory of the table of words."""

import os
from pathlib import Path

import numpy as np
import pytest

from pairloom.operators.encode.table import allocate

HUGE = 2 << 20
THERE = Path("/sys/kernel/mm/transparent_hugepage")


def mapped(address: int) -> list[str]:
    """The lines about the mapping of an address in what Linux says of a process's memory."""
    found: list[str] = []
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        where = line.split()[0]
        if "-" in where and not where.endswith(":"):
            low, high = (int(end, 16) for end in where.split("-"))
            inside = low <= address < high
        if inside:
            found.append(line)
    return found


@pytest.mark.parametrize("size", [1, 8, HUGE - 1, HUGE, HUGE + 1, 3 * HUGE])
def test_it_is_zero_and_as_large_as_asked(size: int) -> None:
    made = allocate(size)
    assert made.dtype == np.uint64
    assert size <= made.nbytes < size + 8
    assert not made.any()
    made[-1] = 1


@pytest.mark.skipif(not THERE.exists(), reason="this kernel has no transparent huge pages")
def test_large_ones_are_advised_to_be_on_huge_pages_and_private() -> None:
    made = allocate(2 * HUGE)
    assert made.ctypes.data % HUGE == 0
    lines = mapped(made.ctypes.data)
    assert lines[0].split()[1] == "rw-p"
    flags = next(line for line in lines if line.startswith("VmFlags:")).split()
    assert "hg" in flags
    assert "sh" not in flags


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that is forked")
def test_what_a_forked_process_writes_stays_its_own() -> None:
    made = allocate(HUGE)
    child = os.fork()
    if child == 0:
        made[0] = 1
        os._exit(0)
    os.waitpid(child, 0)
    assert made[0] == 0
