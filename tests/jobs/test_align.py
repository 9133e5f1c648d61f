"""`pairloom align` shows what differs, and gives chunks that tile the tokens of both."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from tests.support.owners import library

TEXTS = ["unrelatedly so, and related words", "naïve 日本"]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name, text, size in (("a", TEXTS[0] * 9, 280), ("b", "unrel atedly words so and " * 9, 290)):
        vocabulary = learn_bpe(count_words(pa.array([text]), Pretokenizer()), size, special_tokens=[])
        vocabulary.save(tmp_path / f"{name}.json")
    (tmp_path / "lines.txt").write_text("\n".join(TEXTS))
    return [str(tmp_path / "a.json"), str(tmp_path / "b.json"), f"@{tmp_path}/lines.txt"]


def test_both_forms(files: list[str]) -> None:
    said = CliRunner().invoke(app, ["align", *files[:2], "--text", files[2]])
    assert said.exit_code == 0
    assert "   ~   " in said.stdout
    assert "tokens by A" in said.stdout
    said = CliRunner().invoke(app, ["align", *files[:2], "--text", files[2], "--json"])
    found = [json.loads(line) for line in said.stdout.splitlines()]
    assert [one["text"] for one in found] == TEXTS
    for one in found:
        assert "".join(one["a"][i] for chunk in one["chunks"] for i in range(*chunk[:2])) == "".join(one["a"])
        assert one["chunks"][-1][3] == len(one["b"])
    assert "".join(found[0]["b"]) == TEXTS[0]


def test_what_cannot_be_aligned_is_said(files: list[str]) -> None:
    assert CliRunner().invoke(app, ["align", *files[:2]]).exit_code == 2
    with pytest.raises(RecipeError, match="is an address, and a file is read here"):
        CliRunner().invoke(
            app, ["align", *files[:2], "--text", "@https://host/lines.txt"], catch_exceptions=False
        )
    theirs = library().Tokenizer(library().models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    theirs.pre_tokenizer = library().pre_tokenizers.Whitespace()
    other = Path(files[0]).with_name("wordpiece.json")
    theirs.save(str(other))
    with pytest.raises(RecipeError, match="'wordpiece', whose tokens are not the bytes of a text"):
        CliRunner().invoke(app, ["align", files[0], str(other), "--text", "a"], catch_exceptions=False)
    said = CliRunner().invoke(app, ["inspect", str(other), "--json"], catch_exceptions=False)
    found = json.loads(said.stdout)
    assert (found["family"], found["pretokenizer"], found["normalizer"]) == (
        "wordpiece",
        "of the file",
        "of the file",
    )
