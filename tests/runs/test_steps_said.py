"""Every command that takes time says what it is at, step by step, by the same names (U6)."""

import re
from pathlib import Path

import pytest

from tests.support.command import Command

LINE = re.compile(r"\d\d:\d\d:\d\d ([a-z]+(: [a-z ]+)?): ")


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        (("verify",), ("start", "verify: checksums", "verify: ledgers", "verify: rows", "verify: sources")),
        (("export", "--format", "npy"), ("start", "export", "export: finish")),
        (("repair", "--engine", "local"), ("start", "repair: compare")),
        (("report", "--engine", "local", "--json"), ("start", "report: counts", "report: tokens")),
    ],
)
def test_whatever_works_says_what_it_is_at(
    pairloom: Command, tmp_path: Path, words: tuple[str, ...], steps: tuple[str, ...]
) -> None:
    """Every command that takes time says its steps, by names of one form, and nothing else on standard error."""
    code, _, said = pairloom("run", pairloom.recipe)
    assert code == 0
    told = {match[1] for match in map(LINE.match, said.splitlines()) if match}
    assert {"start", "plan", "corpus", "prepare", "count", "count: merge", "learn", "pack", "commit"} <= told
    more = ("--out", str(tmp_path / "exported")) if words[0] == "export" else ()
    code, _, said = pairloom(words[0], pairloom.folder / "out", *words[1:], *more)
    assert code == 0
    assert all(LINE.match(line) for line in said.splitlines()), said
    told = {match[1] for match in map(LINE.match, said.splitlines()) if match}
    assert set(steps) <= told
