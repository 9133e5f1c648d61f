"""Drawn vocabularies as files: by the command, in ranges, again, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Vocabulary
from pairloom.operators.errors import PairloomError
from pairloom.operators.sampled import surface_forms
from tests.operators.sampled.test_sampled import BASE
from tests.support.corpora import documents, write_jsonl

SMALL = ["--size", "500", "--least", "350", "--size-spread", "50", "--documents", "10"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(40))
    BASE.save(tmp_path / "base.json")
    return tmp_path


def draw(folder: Path, out: str, *words: str) -> dict[str, bytes]:
    asked = [
        "vocabulary",
        "draw",
        str(folder / "base.json"),
        "--text",
        str(folder / "in" / "*"),
        *SMALL,
        *words,
    ]
    said = CliRunner().invoke(app, [*asked, "--out", str(folder / out)])
    assert said.exit_code == 0, said.output
    return {path.name: path.read_bytes() for path in sorted((folder / out).iterdir())}


def test_steps_are_the_same_whoever_draws_them(folder: Path) -> None:
    """(N03) In one go, in two, and again."""
    whole = draw(folder, "whole", "--steps", "4")
    draw(folder, "parts", "--steps", "2", "--first", "2")
    parts = draw(folder, "parts", "--steps", "2")
    steps = {name for name in whole if name.startswith("step-")}
    assert steps == {f"step-{i:08}.{ending}" for i in range(4) for ending in ("json", "npy")}
    assert {name: whole[name] for name in steps} == {name: parts[name] for name in steps}
    assert draw(folder, "whole", "--steps", "4") == whole
    assert (
        draw(folder, "other", "--steps", "1", "--seed", "1")["step-00000000.json"]
        != whole["step-00000000.json"]
    )
    kept = sum(bool(text) for _, text in documents(40))
    told = json.loads(whole["steps-00000000-00000003.json"])
    assert (told["seed"], told["documents"], told["base"]) == (0, kept, BASE.fingerprint)
    for i, one in enumerate(told["steps"]):
        vocabulary = Vocabulary.load(folder / "whole" / f"step-{i:08}.json")
        forms = np.load(folder / "whole" / f"step-{i:08}.npy")
        assert (one["tokens"], one["width"]) == forms.shape
        assert np.array_equal(forms, surface_forms(BASE, vocabulary)[0])
        assert one["fingerprint"] == vocabulary.fingerprint


def test_surface_forms_of_one_vocabulary(folder: Path) -> None:
    """(N03)"""
    draw(folder, "drawn", "--steps", "1")
    new, out = str(folder / "drawn" / "step-00000000.json"), str(folder / "forms.npy")
    asked = [
        "vocabulary",
        "surface",
        str(folder / "base.json"),
        new,
        "--out",
        out,
        "--width",
        "3",
        "--pad",
        "0",
    ]
    said = CliRunner().invoke(app, [*asked, "--json"])
    assert said.exit_code == 0, said.output
    assert np.load(out).shape == (json.loads(said.stdout)["tokens"], 3)
    said = CliRunner().invoke(app, asked[:-4])
    assert "is there with other content; choose another folder" in str(said.exception)


def test_text_that_is_none_or_damaged_is_named(folder: Path) -> None:
    (folder / "empty.txt").write_text("")
    (folder / "bad.jsonl").write_text('{"text": 1')
    for name in ("empty.txt", "bad.jsonl", "nowhere.txt"):
        asked = [
            "vocabulary",
            "draw",
            str(folder / "base.json"),
            "--text",
            str(folder / name),
            "--steps",
            "1",
        ]
        said = CliRunner().invoke(app, [*asked, "--out", str(folder / "out")])
        assert isinstance(said.exception, PairloomError)
        assert name in str(said.exception)
    assert not (folder / "out").exists()
