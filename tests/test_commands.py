"""(U2) The commands of the documents are commands, and do what they say they do.

Every `$ pairloom ...` of a document is taken apart by the command line. Those of the README are then run, one after the other
in one folder that holds what the words around them stand for; a block that cannot be is marked above by
`<!-- not run: why -->`.
"""

import io
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pyarrow as pa
import pytest
import typer

from pairloom.jobs.cli import app, main
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from tests.support.corpora import documents, write_jsonl

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    *(str(path.relative_to(ROOT)) for folder in ("docs", "infra") for path in ROOT.glob(f"{folder}/**/*.md")),
]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+?) -->\n+)?^```console\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)
RECIPE = """
root: out
corpus: [{name: web, paths: in/*.jsonl, id: id}]
vocabulary: {size: 400}
pack: {seq_len: 2048, validation: 0.1}
statistics: [{ngrams: {n: [2], top: 100}}]
execution: {engine: local}
"""

BOOK = "".join(f"{'b' * length}{letter}\n" for length in range(3, 10) for letter in "acdefgh")


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


def test_commands_of_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    Path("recipe.yaml").write_text(RECIPE)
    Path("book.txt").write_text("\n".join(text for _, text in documents(200)) + BOOK)
    ran = 0
    for line in commands("README.md"):
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
        if not Path("tokenizer.json").exists() and list(Path("out").glob("data/learn/**/*tokenizer*")):
            found = next(Path("out").glob("data/learn/**/*tokenizer*"))
            Path("tokenizer.json").write_bytes(found.read_bytes())
            Path("english.json").write_bytes(found.read_bytes())
            other = count_words(pa.array([text for _, text in documents(200, 9)]), Pretokenizer())
            learn_bpe(other, 500, pretokenizer=Pretokenizer()).save("portuguese.json")
        if line.out is not None:
            Path(line.out).write_text(out)
        ran += 1
    assert ran >= 20
