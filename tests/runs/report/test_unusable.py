"""Records of a text that cannot be used are counted and said, and fail the report as they fail a run."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pairloom as pl
from pairloom.jobs.cli import app
from pairloom.operators.errors import DataError


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    pl.learn(["a rose is a rose is a rose"], 266).save(tmp_path / "tokenizer.json")
    good = json.dumps({"text": "a rose is a rose"}) + "\n"
    (tmp_path / "text.jsonl").write_text(good + "no JSON\n" + good * 2)
    return str(tmp_path / "tokenizer.json"), str(tmp_path / "text.jsonl")


def test_they_are_too_many(files: tuple[str, str]) -> None:
    """F20: exit 1, with how many, of how many, and where one is."""
    with pytest.raises(DataError, match=r"1 of 4 records cannot be used, .* = 0 allows") as caught:
        pl.report(files[0], texts=[files[1]])
    assert "text.jsonl, byte 29: invalid_json" in str(caught.value)
    assert CliRunner().invoke(app, ["report", files[0], "--text", files[1], "--json"]).exit_code != 0


def test_they_are_said_where_they_are_allowed(files: tuple[str, str]) -> None:
    """F20: the figures say which records they are without."""
    figures = pl.report(files[0], texts=[files[1]], max_rejected=0.25).figures
    assert figures["basis"].endswith("(besides 1 of 4 records that cannot be used: 1 invalid_json)")
    assert figures["sources"][0]["documents"] == 3


def test_a_wrong_column_is_found_first(files: tuple[str, str]) -> None:
    """U4: in a report as in a plan."""
    with pytest.raises(DataError, match=r"source 'text': .*text\.jsonl.* missing_text"):
        pl.report(files[0], texts=[files[1].replace("text.jsonl", "*.jsonl")], field="body", max_rejected=0.0)
