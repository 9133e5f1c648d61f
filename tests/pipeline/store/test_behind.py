"""Writeback that begins early changes nothing of what is written, and is done without where there is no such call."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pairloom.pipeline.store import behind


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("call", [True, False])
def test_every_byte_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, call: bool
) -> None:
    asked: list[tuple[int, int]] = []

    def noted(_handle: int, start: int, size: int, _flags: int) -> int:
        asked.append((start, size))
        return 0

    def found() -> Callable[[int, int, int, int], int] | None:
        return noted if call else None

    monkeypatch.setattr(behind, "STEP", 1000)
    monkeypatch.setattr(behind, "_sync_file_range", found)
    data = bytes(i % 251 for i in range(100_000))
    sizes = [1, 999, 5, 0, 20_000, 3, 3, 1000, 77_989]
    with behind.opened(tmp_path / "x", durable=durable) as file:
        at = 0
        for size in sizes:
            assert file.write(memoryview(data)[at : at + size]) == size
            at += size
    assert (tmp_path / "x").read_bytes() == data
    assert asked == (
        [(0, 1000), (1000, 20_005), (21_005, 1006), (22_011, 77_989)] if durable and call else []
    )
    with pytest.raises(FileExistsError):
        behind.opened(tmp_path / "x", durable=durable)


def test_the_call_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "STEP", 1000)
    data = bytes(range(256)) * 100
    with behind.opened(tmp_path / "x", durable=True) as file:
        for start in range(0, len(data), 777):
            file.write(data[start : start + 777])
    assert (tmp_path / "x").read_bytes() == data
