"""Every command that opens a corpus, where whoever has it does not give it: one line with the cause, and a code."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pairloom.jobs.boundary import ending
from pairloom.jobs.cli import run
from tests.support.corpora import documents, write_jsonl
from tests.support.websites import website

RECIPE = """
root: out
corpus: [{{name: lines, paths: ["{paths}"]}}]
vocabulary: {{size: 400}}
pack: {{seq_len: 64}}
execution: {{engine: local}}
"""
COMMANDS = {
    **{name: [name, "recipe.yaml"] for name in ("plan", "run", "count", "learn", "tokenize")},
    "retokenize": ["retokenize", "recipe.yaml", "--set", "root=made"],
    "report --text": ["report", "tokenizer.json", "--text", "ADDRESS"],
    "report --against-text": [
        *("report", "tokenizer.json", "--text", "a.jsonl"),
        *("--against-text", "x=a.jsonl", "--against-text", "y=ADDRESS"),
    ],
    "report --parallel": [
        *("report", "tokenizer.json", "--text", "ADDRESS"),
        *("--parallel", "id", "--by", "lang"),
    ],
}
FAILURES = {
    "nobody": (2, "nobody answers there"),
    "401": (2, "no access"),
    "403": (2, "no access"),
    "404": (2, "there is no such file"),
    "500": (1, "the server failed"),
    "loop": (2, "nothing can be read there"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, what was made of it, and its vocabulary."""
    import pairloom

    folder = tmp_path_factory.mktemp("place")
    write_jsonl(folder / "a.jsonl", documents(60))
    (folder / "own.yaml").write_text(
        RECIPE.format(paths=folder / "a.jsonl").replace("out", str(folder / "made"))
    )
    pairloom.run(str(folder / "own.yaml"))
    pairloom.open(str(folder / "made")).vocabulary().save(folder / "tokenizer.json")
    return folder


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with website(b"") as url:
        yield url


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_corpus_that_is_not_given(
    place: Path,
    web: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    failure: str,
) -> None:
    """F10."""
    pytest.importorskip("aiohttp")
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    address = f"{dead if failure == 'nobody' else web}/{failure}/a.jsonl"
    monkeypatch.chdir(place)
    Path("recipe.yaml").write_text(RECIPE.format(paths=address))
    words = [word.replace("ADDRESS", address) for word in COMMANDS[command]]
    monkeypatch.setattr(sys, "argv", ["pairloom", *words])
    code = ending(run, words)
    said = capsys.readouterr().err
    assert (code, "Traceback" in said) == (FAILURES[failure][0], False), said
    errors = [line for line in said.splitlines() if "error" in line]
    assert len(errors) == 1, said
    assert address in errors[0]
    assert FAILURES[failure][1] in errors[0]


@pytest.mark.parametrize(
    "words",
    [
        ["report", "tokenizer.json", "--text", "a.jsonl", "--against", "x=ADDRESS"],
        ["report", "tokenizer.json", "--text", "a.jsonl", "--lexicon", "en=ADDRESS"],
        ["report", "tokenizer.json", "--text", "a.jsonl", "--segmentation", "en=ADDRESS"],
        ["items", "spelling", "ADDRESS"],
        ["items", "addition", "--tokenizer", "ADDRESS"],
    ],
    ids=" ".join,
)
def test_an_address_where_a_file_is_read(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    """F10: what is no address, and is given one, says so."""
    monkeypatch.chdir(place)
    words = [word.replace("ADDRESS", "https://127.0.0.1/a.json") for word in words]
    monkeypatch.setattr(sys, "argv", ["pairloom", *words])
    assert ending(run, words) == 2
    *before, said = capsys.readouterr().err.splitlines()
    assert (
        said
        == "pairloom: error: https://127.0.0.1/a.json is an address, and a file is read here: fetch it first"
    )
    assert all(line.endswith("start: loading what is needed") for line in before)


@pytest.mark.parametrize("key", ["from", "extend"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_vocabulary_that_is_not_given(
    place: Path,
    web: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: str,
    key: str,
) -> None:
    """F10: the key of the recipe is named too."""
    pytest.importorskip("aiohttp")
    address = f"{'http://127.0.0.1:9' if failure == 'nobody' else web}/{failure}/tokenizer.json"
    monkeypatch.chdir(place)
    vocabulary = {key: address} | ({} if key == "from" else {"size": 500})
    text = RECIPE.format(paths="a.jsonl").replace("{size: 400}", json.dumps(vocabulary))
    Path("recipe.yaml").write_text(text)
    words = ["plan", "recipe.yaml"]
    monkeypatch.setattr(sys, "argv", ["pairloom", *words])
    code = ending(run, words)
    said = capsys.readouterr().err
    assert code == FAILURES[failure][0], said
    assert f"vocabulary.{key}: " in said
    assert address in said
    assert len(said.splitlines()) == 1
