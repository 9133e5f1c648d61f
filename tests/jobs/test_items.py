"""`pairloom items` writes the items that the operators make (C29, C30, C31)."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.jobs.cli import main
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.evaluate.content import atomicity, covariates
from pairloom.operators.evaluate.items import addition_items, counting_items, deletion_items, spelling_items
from pairloom.operators.evaluate.langgame import langgame_items
from pairloom.operators.evaluate.needles import follow, needle_item
from tests.support.unplaced import unplaced

TEXT = "the quick brown foxes jumped over several lazy hounds while their keepers slept under trees " * 3


def call(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["pairloom", "items", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_items_are_those_of_the_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, model = tmp_path / "words.txt", tmp_path / "tokenizer.json"
    words.write_text(TEXT)
    vocabulary = learn_bpe(count_words(pa.array([TEXT]), Pretokenizer()), 300)
    vocabulary.save(model)
    measured = ["--tokenizer", str(model)]

    code, said, _ = call(["spelling", str(words), "--per-length", "8", *measured], monkeypatch, capsys)
    expected = list(spelling_items(TEXT.split(), per_length=8))
    assert code == 0
    assert expected
    assert lines(said) == [item | covariates(vocabulary, item["word"], item["index"]) for item in expected]

    code, said, _ = call(["deletion", "--count", "2", "--length", "9"], monkeypatch, capsys)
    assert (code, lines(said)) == (0, list(deletion_items(2, length=9)))

    out = tmp_path / "counting.jsonl"
    code, said, _ = call(["counting", "--count", "2", "--out", str(out), *measured], monkeypatch, capsys)
    assert (code, said) == (0, f"{out}: {2 * 3 * 7} items\n")
    found = lines(out.read_text())
    assert [{k: row[k] for k in item} for row, item in zip(found, counting_items(2), strict=True)] == list(
        counting_items(2)
    )
    for row in found:
        (form,) = (one for one in atomicity(vocabulary, row["letters"]) if one["form"] == row["form"])
        assert (row["tokens"], row["atomic"]) == (form["tokens"], form["atomic"])
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []

    code, said, err = call(["addition", "--count", "1", "--separator", ",", *measured], monkeypatch, capsys)
    assert (code, lines(said)) == (0, list(addition_items(1, separator=",")))
    assert "of the additions are cut in other places" in err

    code, said, _ = call(["addition", "--digits", "3", "--reverse", "--count", "4"], monkeypatch, capsys)
    assert (code, lines(said)) == (0, list(addition_items(4, digits=(3,), reverse=True)))

    code, said, _ = call(["langgame", str(words), "--count", "3"], monkeypatch, capsys)
    assert (code, lines(said)) == (0, list(langgame_items(TEXT.split(), 3)))

    asked = ["--task", "threads", "--threads", "2", "--thread-length", "3", "--characters", "2000"]
    code, said, _ = call(["needles", "--count", "3", *asked, *measured], monkeypatch, capsys)
    assert code == 0
    for number, row in enumerate(lines(said)):
        assert row.pop("context_tokens") == len(vocabulary.encode_one(row["haystack"]))
        assert row == needle_item("threads", characters=2000, number=number, threads=2, thread_length=3)
        haystack = json.loads(row["haystack"])
        assert [follow(haystack, key) for key in row["keys"]] == [(end, 3) for end in row["answer"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["spelling", "nowhere.txt"], "cannot read nowhere.txt"),
        (["needles", "--characters", "80", "--task", "multi", "--needles", "9"], "no room for 9 needles"),
        (["needles", "--task", "double"], "'double'"),
        (["addition", "--direction", "up"], "'up'"),
        (["addition", "--digits", "0"], "a list of numbers from 1 to 99"),
        (["langgame", "README.md", "--count", "0"], "greater than or equal to 1"),
        (["counting", "--letters", ""], "one letter or more"),
        (["counting", "--tokenizer", "nowhere.json"], "cannot read nowhere.json"),
    ],
)
def test_what_cannot_be_made_says_so(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(arguments, monkeypatch, capsys)
    assert code == 2
    assert message in err


def test_a_text_without_words_is_an_error_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.txt").write_text("a an the")
    out = tmp_path / "out.jsonl"
    code, _, err = call(["spelling", str(tmp_path / "words.txt"), "--out", str(out)], monkeypatch, capsys)
    assert code == 2
    assert "fewer than 4 words" in err
    assert not out.exists()


@pytest.mark.parametrize("kind", ["counting", "spelling"])
def test_a_tokenizer_whose_tokens_have_no_places_in_a_text_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unplaced(tmp_path / "unplaced.json", monkeypatch)
    (tmp_path / "words.txt").write_text(TEXT)
    text = [str(tmp_path / "words.txt")] if kind == "spelling" else []
    code, _, err = call([kind, *text, "--tokenizer", str(tmp_path / "unplaced.json")], monkeypatch, capsys)
    assert code == 2
    assert "'unplaced', of which is not known where in a text its tokens are" in err
