"""`pairloom adapt`: one command from text and a model to a model that has the words of the text."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import pairloom as pl
from pairloom.jobs.cli import app
from pairloom.operators import append_tokens
from pairloom.operators.errors import RecipeError
from pairloom.operators.models.bpe import unreachable_tokens
from pairloom.pipeline.transplant.safetensors import open_tensors
from tests.support.documented import write_model

ENGLISH = ["the house of the old man is in the street", "there is a man in the house"]
GERMAN = ["das haus des alten mannes ist in der straße", "die größte straße über die häuser der männer"]
TEXT = "\n".join(GERMAN * 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("adapt")
    base = pl.learn(ENGLISH * 5, 300, special_tokens=["<|endoftext|>"])
    base.save(made / "base.json")
    (made / "german.txt").write_text(TEXT)
    write_model(made / "model", len(base))
    return made


def recipe(folder: Path, root: str, **vocabulary: Any) -> Path:
    path = folder / f"{root}.json"
    path.write_text(
        json.dumps(
            {
                "root": str(folder / root),
                "corpus": [{"name": "german", "paths": [str(folder / "german.txt")], "format": "text"}],
                "vocabulary": {"extend": str(folder / "base.json"), "size": 340} | vocabulary,
                "execution": {"engine": "local"},
            }
        )
    )
    return path


def adapted(*words: str) -> Any:
    return CliRunner().invoke(app, ["adapt", *words])


@pytest.mark.parametrize("by", ["merges", "tokens"])
def test_text_takes_fewer_tokens_and_rows_follow(folder: Path, tmp_path: Path, by: str) -> None:
    """(C17, C26)"""
    path, out = recipe(folder, by, extend_by=by), tmp_path / "out"
    said = adapted(
        str(path), "--embeddings", str(folder / "model"), "--out", str(out), "--pad-to", "64", "--json"
    )
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert told == json.loads((out / "adapt.json").read_text())
    base, made = (
        pl.Vocabulary.load(folder / "base.json"),
        pl.Vocabulary.load(out / "tokenizer" / "tokenizer.json"),
    )
    assert made.tokens[: len(base)] == tuple(base.tokens)
    assert (told["base_tokens"], told["tokens"]) == (len(base), len(made))
    assert told["reachable"] == len(made) - len(base) > 20
    assert unreachable_tokens(made).size == 0
    before, after = told["text"]["before"], told["text"]["after"]
    assert after["tokens_per_word"] < 0.6 * before["tokens_per_word"]
    assert before["tokens"] == len(base.encode_one(TEXT))
    assert after["tokens"] == len(made.encode_one(TEXT))
    rows = pa.ipc.open_file(out / "model" / "transplant.rows.arrow").read_all().to_pylist()
    assert [row["origin"] for row in rows[: len(base)]] == ["same"] * len(base)
    assert {row["origin"] for row in rows[len(base) : len(made)]} == {"pieces"}
    shard = open_tensors(out / "model" / "model.safetensors")
    assert shard.rows(shard.tensors[0]).shape == (384, 8)
    assert json.loads((out / "model" / "config.json").read_text())["eos_token_id"] == 0


def test_tokens_of_a_vocabulary_of_its_own_are_appended_in_their_order(folder: Path) -> None:
    """(C17) As `vocabulary extend` appends them."""
    found = pl.run(recipe(folder, "tokens", extend_by="tokens"), until="learn").vocabulary()
    base = pl.Vocabulary.load(folder / "base.json")
    own = pl.learn([TEXT], 340, pretokenizer=base.pretokenizer)
    assert found.tokens == append_tokens(base, own.tokens, 340, repair=True).vocabulary.tokens
    assert found.fingerprint != pl.run(recipe(folder, "merges"), until="learn").vocabulary().fingerprint


def test_pieces_count_as_often_as_they_occur_in_the_text(folder: Path, tmp_path: Path) -> None:
    """(C16)"""
    path, out = recipe(folder, "merges"), tmp_path / "out"
    said = adapted(
        str(path), "--embeddings", str(folder / "model"), "--out", str(out), "--method", "frequency"
    )
    assert said.exit_code == 0, said.output
    assert "tokens a word before" in said.output
    base = pl.Vocabulary.load(folder / "base.json")
    counts = np.bincount(base.encode_one(TEXT), minlength=len(base))
    rows = pa.ipc.open_file(out / "model" / "transplant.rows.arrow").read_all().to_pylist()
    made = [row for row in rows if row["origin"] == "method"]
    assert made
    for row in made:
        held = counts[row["old_ids"]]
        assert row["weights"] == pytest.approx(held / held.sum(), rel=1e-6)


def test_what_was_killed_begins_anew(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every write: afterwards the same command makes what it would have made, and what others put there stays."""
    path, out = str(recipe(folder, "merges")), tmp_path / "out"
    words = [path, "--embeddings", str(folder / "model"), "--out"]

    def held(place: Path) -> dict[str, bytes]:
        files = [file for file in place.rglob("*") if file.is_file()]
        return {file.relative_to(place).as_posix(): file.read_bytes() for file in files}

    assert adapted(*words, str(tmp_path / "whole")).exit_code == 0
    whole = held(tmp_path / "whole")
    same = whole.keys() - {"adapt.json", "model/transplant.json"}  # which name the folder

    class Killed(BaseException):
        pass

    def killed(at: int, calls: list[str], name: str, call):  # type: ignore[no-untyped-def]
        def instead(file, *args, **kwargs):  # type: ignore[no-untyped-def]
            calls.extend([name] * (out in file.parents))
            if len(calls) == at and out in file.parents:
                raise Killed
            return call(file, *args, **kwargs)

        return instead

    at, done, notes = 1, False, 0
    while not done:
        with monkeypatch.context() as patched:
            calls: list[str] = []
            for name in ("write_text", "replace", "hardlink_to", "unlink"):
                patched.setattr(Path, name, killed(at, calls, name, getattr(Path, name)))
            try:
                done = adapted(*words, str(out)).exit_code == 0
            except Killed:
                done = False
        if not done:
            notes += (out / "adapt.begun.json").exists()
            if (out / "tokenizer").exists():  # what a store leaves of a file that it was writing
                (out / "tokenizer" / ".tokenizer.json.0.tmp").write_text("")
            (out / "mine").write_text("")
            before = held(out)
            said = adapted(*words, str(out))
            assert "is not empty: choose another folder" in str(said.exception)
            assert held(out) == before
            (out / "mine").unlink()
            said = adapted(*words, str(out))
            assert said.exit_code == 0, said.exception
        found = held(out)
        assert found.keys() == whole.keys()
        assert all(found[name] == whole[name] for name in same)
        shutil.rmtree(out)
        at += 3
    assert notes > 6


def test_what_cannot_be_adapted_is_said_before_anything_runs(folder: Path, tmp_path: Path) -> None:
    path, model = str(recipe(folder, "never")), str(folder / "model")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine").write_text("")
    pl.learn(ENGLISH + GERMAN, 330, special_tokens=["<|endoftext|>"]).save(tmp_path / "larger.json")
    own = ["--set", "vocabulary={size: 300}"]
    for words, says in (
        (["--out", str(tmp_path / "used")], "is not empty: choose another folder"),
        (["--out", str(tmp_path / "a"), "--method", "omp"], "new ones are only learned now"),
        (["--out", str(tmp_path / "a"), *own], "extends no vocabulary"),
        (
            ["--out", str(tmp_path / "a"), "--set", f"vocabulary.extend={tmp_path}/larger.json"],
            "none of this model",
        ),
    ):
        said = adapted(path, "--embeddings", model, *words)
        assert isinstance(said.exception, RecipeError), said.output
        assert says in str(said.exception)
    assert not (folder / "never").exists()
    assert not (tmp_path / "a").exists()
