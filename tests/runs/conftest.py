"""The command line, in a folder of its own."""

from pathlib import Path

import pytest

from tests.support.command import Command


@pytest.fixture
def pairloom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, monkeypatch, capsys)
