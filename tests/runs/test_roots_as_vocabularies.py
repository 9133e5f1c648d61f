"""A root, one of its generations or a folder stands for its vocabulary wherever a file does."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import pairloom as pl
from pairloom.jobs.cli import app
from pairloom.jobs.report.subjects import load_tokenizer
from pairloom.operators.errors import PairloomError
from tests.support.corpora import documents, write_jsonl
from tests.support.documented import write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("roots")
    write_jsonl(made / "in" / "a.jsonl", documents(30))
    recipe = {
        "root": str(made / "out"),
        "corpus": [{"name": "a", "paths": [str(made / "in" / "*")]}],
        "vocabulary": {"size": 300, "special_tokens": ["<|go|>", "<|stop|>"], "roles": {"eos": "<|stop|>"}},
        "tokenize": {"append": ["<|stop|>"]},
        "pack": {"seq_len": 64},
        "execution": {"engine": "local"},
    }
    pl.run(recipe)
    old = pl.learn([text for _, text in documents(30, 4)], 290, special_tokens=["<|endoftext|>"])
    (made / "old").mkdir()
    old.save(made / "old" / "tokenizer.json")
    write_model(made / "model", len(old))
    (made / "empty").mkdir()
    return made


def test_a_model_gets_the_vocabulary_of_a_root_by_the_roles_of_its_recipe(
    folder: Path, tmp_path: Path
) -> None:
    for new, out in ((f"{folder}/out", tmp_path / "a"), (f"{folder}/out@1", tmp_path / "b")):
        asked = ["transplant", f"{folder}/old", new, "--embeddings", str(folder / "model"), "--out", str(out)]
        said = CliRunner().invoke(app, [*asked, "--json"])
        assert said.exit_code == 0, said.output
        rows = pa.ipc.open_file(out / "transplant.rows.arrow").read_all().to_pylist()
        assert [row["origin"] for row in rows[:2]] == ["all", "role"]
        assert json.loads((out / "config.json").read_text())["eos_token_id"] == 1


def test_other_commands_take_roots_too(folder: Path, tmp_path: Path) -> None:
    assert load_tokenizer(f"{folder}/out").fingerprint == pl.open(f"{folder}/out").vocabulary().fingerprint
    said = CliRunner().invoke(app, ["align", f"{folder}/old", f"{folder}/out", "--text", "a rose"])
    assert said.exit_code == 0, said.output
    out = str(tmp_path / "both.json")
    said = CliRunner().invoke(app, ["vocabulary", "extend", f"{folder}/old", f"{folder}/out", "--out", out])
    assert said.exit_code == 0, said.output
    assert np.all(
        np.array(pl.Vocabulary.load(out).tokens[:290]) == np.array(load_tokenizer(f"{folder}/old").tokens)
    )


@pytest.mark.parametrize("name", ["empty", "nowhere", "nowhere@1", "out@9"])
def test_what_is_neither_is_named(folder: Path, name: str) -> None:
    with pytest.raises(PairloomError, match=name.partition("@")[0]):
        load_tokenizer(f"{folder}/{name}")
