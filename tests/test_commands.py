"""(U2) The commands of the documents are commands, and do what they say they do.

Every `$ pairloom ...` of a document is taken apart by the command line. Those of the README and of `docs/` are then run, one
after the other in a folder that holds what the words around them stand for; a block that cannot be is marked above by
`<!-- not run: why -->`.
"""

import io
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import typer

from pairloom.jobs.cli import app, main
from tests.support.documented import DOCUMENTS, ROOT, prepare

BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+?) -->\n+)?^```console\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)


class Line(NamedTuple):
    words: tuple[str, ...]
    given: str | None
    out: str | None
    run: bool


def commands(name: str) -> list[Line]:
    """Every command of Pairloom's, `a|b` as two of them."""
    found = []
    for block in BLOCK.finditer((ROOT / name).read_text(encoding="utf-8")):
        for text in re.findall(r"^\$ pairloom (.*)$", block["text"], re.MULTILINE):
            first, *rest = shlex.split(text, comments=True)
            files = {}
            while len(rest) > 1 and rest[-2] in ("<", ">"):
                files[rest[-2]] = rest[-1]
                rest = rest[:-2]
            run = block["why"] is None
            found += [Line((word, *rest), files.get("<"), files.get(">"), run) for word in first.split("|")]
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_have_the_options_that_are_named(name: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    for line in commands(name):
        command = group.commands[line.words[0]]  # type: ignore[union-attr]
        command.make_context(line.words[0], list(line.words[1:]))


@pytest.mark.parametrize(
    "name",
    [name for name in DOCUMENTS if not name.startswith("infra") and any(one.run for one in commands(name))],
)
def test_commands_of_the_documents_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare()
    for line in commands(name):
        if not line.run:
            continue
        monkeypatch.setattr(sys, "argv", ["pairloom", *line.words])
        if line.given is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(line.given).read_bytes())))
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        assert code == 0, (line, out, err)
        if line.out is not None:
            Path(line.out).write_text(out)
