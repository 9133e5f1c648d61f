"""The command line in this process: what it prints, and with which exit code it ends."""

import sys
from pathlib import Path

import pytest

from pairloom.jobs.cli import main
from tests.support.corpora import documents, write_jsonl

RECIPE = """
root: {folder}/out
corpus: [{{name: lines, paths: ["{folder}/in/*"], id: id}}]
vocabulary: {{size: 400}}
pack: {{seq_len: 64, validation: 0.1}}
execution: {{engine: local}}
"""


class Command:
    """Runs commands in a folder that has a recipe and a small corpus."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        self.recipe = folder / "recipe.yaml"
        self.recipe.write_text(RECIPE.format(folder=folder))
        write_jsonl(folder / "in" / "a.jsonl", documents(100))

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["pairloom", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = self._capsys.readouterr()
        return code, out, err
