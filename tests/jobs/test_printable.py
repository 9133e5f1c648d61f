"""What comes from elsewhere and goes to a terminal is not obeyed by it (R8)."""

import json
from pathlib import Path

import pytest

from pairloom.jobs.show.care import show_rejected
from pairloom.jobs.show.rows import show_rows
from pairloom.operators.shown import printable
from pairloom.pipeline import open_dataset, run
from tests.support.corpora import recipe_for


def test_ids_and_dead_letters_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """(R8)"""
    (tmp_path / "in").mkdir()
    lines = [json.dumps({"id": f"\x1b]0;owned\x07{i}\u202e\r", "text": "a b c"}) for i in range(40)]
    (tmp_path / "in" / "a.jsonl").write_text("\n".join([*lines, '{"id": "\x1b[2J"']) + "\n")
    run(recipe_for(tmp_path, "max_rejected=0.5", "vocabulary.size=257"))
    dataset = open_dataset(str(tmp_path / "out"))
    show_rows(dataset, "train", 0, 1, 40)
    show_rejected(dataset, None, 5, False)
    shown = capsys.readouterr().out
    assert "\\x1b]0;owned\\x07" in shown
    assert printable(shown) == shown
