"""`pairloom vocabulary extend`: another vocabulary's tokens appended, and where each comes from."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

import pairloom as pl
from pairloom.jobs.cli import app
from pairloom.operators.models.bpe import unreachable_tokens

ENGLISH = ["the house of the old man is in the street", "there is a man in the house"]
GERMAN = ["das haus des alten mannes ist in der straße", "die größte straße über die häuser"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    paths = []
    for name, texts in (("old", ENGLISH), ("new", GERMAN)):
        path = tmp_path / f"{name}.json"
        pl.learn(texts * 5, 340).save(path)
        paths.append(str(path))
    return paths[0], paths[1]


def test_tokens_are_appended_with_where_they_come_from(files: tuple[str, str], tmp_path: Path) -> None:
    """C17."""
    out = tmp_path / "made" / "both.json"
    done = CliRunner().invoke(app, ["vocabulary", "extend", *files, "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    old, new, both = (pl.Vocabulary.load(path) for path in (*files, out))
    assert both.tokens[: len(old)] == tuple(old.tokens)
    assert told["reachable"] == len(both) - len(old) == told["appended"] + told["between"]
    assert unreachable_tokens(both).size == 0
    with pa.OSFile(told["rows"]) as file:
        table = pa.ipc.open_file(file).read_all()
    facts = json.loads(table.schema.metadata[b"pairloom"])
    assert facts == {"base": old.fingerprint, "from": new.fingerprint, "vocabulary": both.fingerprint}
    for row in table.to_pylist():
        assert both.tokens[row["id"]] == row["token"]
        assert b"".join(old.tokens[i] for i in row["pieces"]) == row["token"]
        assert (row["origin"] == "appended") == (row["their_id"] is not None)
        if row["their_id"] is not None:
            assert new.tokens[row["their_id"]] == row["token"]
    for text in GERMAN:
        assert len(both.encode_one(text)) < len(old.encode_one(text))
    for text in ENGLISH:
        ids = both.encode_one(text).tolist()
        assert max(ids) >= len(old) or ids == old.encode_one(text).tolist()


def test_a_size_or_dropping_leaves_out_and_says_so(files: tuple[str, str], tmp_path: Path) -> None:
    """C17."""
    out, runner = str(tmp_path / "both.json"), CliRunner()
    done = runner.invoke(app, ["vocabulary", "extend", *files, "--out", out, "--drop", "--json"])
    told = json.loads(done.stdout)
    assert told["between"] == 0
    assert unreachable_tokens(pl.Vocabulary.load(out)).size == 0
    done = runner.invoke(app, ["vocabulary", "extend", *files, "--out", out, "--size", "305"])
    assert done.exit_code == 0
    assert len(pl.Vocabulary.load(out)) <= 305
    assert "left out" in done.stdout
    done = runner.invoke(app, ["vocabulary", "extend", *files, "--out", out, "--size", "256"])
    assert "choose a larger one" in str(done.exception)


def test_a_recipe_appends_as_the_command_does(files: tuple[str, str], tmp_path: Path) -> None:
    """C17: one recipe from two vocabularies to rows; a lost vocabulary is made again."""
    out, corpus = tmp_path / "both.json", tmp_path / "text.jsonl"
    done = CliRunner().invoke(app, ["vocabulary", "extend", *files, "--out", str(out), "--size", "360"])
    assert done.exit_code == 0, done.output
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in (*ENGLISH, *GERMAN)))
    recipe = {
        "root": str(tmp_path / "root"),
        "corpus": [{"name": "text", "paths": [str(corpus)]}],
        "vocabulary": {"from": files[0], "append": files[1], "size": 360},
        "pack": {"seq_len": 16},
        "execution": {"engine": "local"},
    }
    dataset = pl.run(recipe)
    assert dataset.vocabulary().to_json() == out.read_bytes()
    assert pl.Recipe.model_validate(dataset.manifest.recipe).vocabulary.append == files[1]
    pl.verify(dataset)
    (lost,) = (tmp_path / "root" / "data" / "vocabulary").rglob("*.json")
    content = lost.read_bytes()
    lost.unlink()
    pl.repair(str(tmp_path / "root"))
    assert lost.read_bytes() == content
    for wrong, message in (
        ({"append": files[1]}, "name that with `from`"),
        ({"from": files[0], "append": files[1], "size": 256}, "choose a larger one"),
        ({"from": files[0], "append": files[1], "min_count": 2}, "remove min_count"),
        ({"from": files[0], "append": "nowhere.json"}, "vocabulary.append: cannot read nowhere.json"),
    ):
        with pytest.raises(pl.RecipeError, match=message):
            pl.run(recipe | {"root": str(tmp_path / "other"), "vocabulary": wrong})
