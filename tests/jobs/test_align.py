"""`pairloom align` shows what differs, and gives chunks that tile the tokens of both."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from tests.support.owners import library
from tests.support.unplaced import unplaced

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
    head, *rows, last = said.stdout.splitlines()
    assert head.split() == ["text", "character", "behind", "A", "B"]
    assert "tokens by A" in last
    number, place, behind, *_ = next(row.split() for row in rows if row.split()[1] != "0")
    assert TEXTS[int(number) - 1][: int(place)].replace(" ", "\u2423").endswith(behind)
    assert any("|" in row for row in rows)
    # Every difference, side by side, is the same text.
    apart = sum(
        int(part.replace(",", "")) * sign
        for part, sign in zip(re.findall(r"([\d,]+) (?:chunks|of them)", last), (1, -1), strict=True)
    )
    assert len(rows) == apart > 0
    said = CliRunner().invoke(app, ["align", *files[:2], "--text", files[2], "--json"])
    found = [json.loads(line) for line in said.stdout.splitlines()]
    assert [one["text"] for one in found] == TEXTS
    for one in found:
        assert "".join(one["a"][i] for chunk in one["chunks"] for i in range(*chunk[:2])) == "".join(one["a"])
        assert one["chunks"][-1][3] == len(one["b"])
    assert "".join(found[0]["b"]) == TEXTS[0]


def test_what_cannot_be_aligned_is_said(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert CliRunner().invoke(app, ["align", *files[:2]]).exit_code == 2
    with pytest.raises(RecipeError, match="is an address, and a file is read here"):
        CliRunner().invoke(
            app, ["align", *files[:2], "--text", "@https://host/lines.txt"], catch_exceptions=False
        )
    theirs = library().Tokenizer(library().models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    theirs.pre_tokenizer = library().pre_tokenizers.Whitespace()
    other = Path(files[0]).with_name("wordpiece.json")
    theirs.save(str(other))
    made = CliRunner().invoke(app, ["align", files[0], str(other), "--text", "a a ", "--json"])
    assert json.loads(made.stdout)["b"] == ["a", " a "]  # what is in no token goes with the next, or the last
    unplaced(other.with_name("unplaced.json"), monkeypatch)
    with pytest.raises(RecipeError, match="'unplaced', of which is not known where in a text its tokens are"):
        CliRunner().invoke(
            app,
            ["align", files[0], str(other.with_name("unplaced.json")), "--text", "a"],
            catch_exceptions=False,
        )
    said = CliRunner().invoke(app, ["inspect", str(other), "--json"], catch_exceptions=False)
    found = json.loads(said.stdout)
    assert (found["family"], found["pretokenizer"], found["normalizer"]) == (
        "wordpiece",
        "of the file",
        "of the file",
    )


def test_biases_are_written_for_the_step_that_reads_them(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "biases.parquet"
    said = CliRunner().invoke(app, ["align", *files[:2], "--text", files[2], "--biases", str(out)])
    assert said.exit_code == 0
    assert f"{out}: the biases of pairs, counted on 2 texts" in said.stdout
    assert pq.read_table(out).schema.names == ["a", "b", "bias_a", "bias_b"]
    with pytest.raises(RecipeError, match="cannot write"):
        CliRunner().invoke(
            app,
            ["align", *files[:2], "--text", "a", "--biases", str(tmp_path / "no" / "b.parquet")],
            catch_exceptions=False,
        )


def test_control_characters_of_a_text_are_not_sent_to_the_terminal(files: list[str]) -> None:
    said = CliRunner().invoke(app, ["align", *files[:2], "--text", "unrelated\x1b[2J\nwords"])
    assert "\x1b[2J" not in said.stdout
    assert "tokens by A" in said.stdout


def test_a_text_without_characters_has_no_tokens(files: list[str]) -> None:
    said = CliRunner().invoke(app, ["align", *files[:2], "--text", "", "--json"], catch_exceptions=False)
    assert json.loads(said.stdout) == {"text": "", "a": [], "b": [], "chunks": []}


def test_vocabularies_that_cut_alike_have_no_table(files: list[str]) -> None:
    said = CliRunner().invoke(app, ["align", files[0], files[0], "--text", TEXTS[0]])
    assert len(said.stdout.splitlines()) == 1


def test_biases_go_to_a_file_of_this_machine(files: list[str]) -> None:
    asked = ["align", *files[:2], "--text", "a", "--biases", "s3://bucket/b.parquet"]
    result = CliRunner().invoke(app, asked)
    assert isinstance(result.exception, RecipeError)
    assert "s3://bucket/b.parquet: it has to be on this machine" in str(result.exception)
