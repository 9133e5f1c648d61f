"""What a container leaves of a machine is what there is, for whoever counts threads or memory."""

import os
from pathlib import Path

import pytest

from pairloom.pipeline.execution import machine
from pairloom.pipeline.execution.local import LocalExecutor


@pytest.mark.parametrize(
    ("quota", "found"), [("max 100000", 8), ("200000 100000", 2), ("1000 100000", 1), ("x", 8)]
)
def test_a_quota_is_so_many_processors(
    quota: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert machine.processors() == found
    assert LocalExecutor().places() == found


def test_a_limit_is_so_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = machine.memory()
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "_LIMITS", (limit, tmp_path / "none"))
    for said, found in (("max", there), (str(1 << 28), 1 << 28)):
        limit.write_text(said)
        assert machine.memory() <= max(found, there)
        assert (machine.memory() == 1 << 28) == (said != "max")
    assert LocalExecutor().room() == (1 << 28)
