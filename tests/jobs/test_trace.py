"""`pairloom trace`, `where`, and `inspect` of a file, from the command line."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline import Dataset, run
from tests.support.corpora import documents, recipe_for, write_jsonl


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traced")
    write_jsonl(folder / "in" / "a.jsonl", documents(400))
    run(recipe_for(folder, "pack.seq_len=64", "pack.validation=0.2", "corpus.0.id=id"))
    return folder / "out"


def said(*words: str, code: int = 0) -> str:
    """What a command prints; what it raises is raised."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def lines(*words: str) -> list[Any]:
    return [json.loads(line) for line in said(*words, "--json").splitlines()]


def opened(root: Path) -> Dataset:
    from pairloom.pipeline import open_dataset

    return open_dataset(str(root))


def test_a_step_has_the_documents_that_the_loader_gave(root: Path, tmp_path: Path) -> None:
    loader = opened(root).loader(8, seed=3, epochs=None)
    batches = iter(loader)
    wanted = [next(batches) for _ in range(3)]
    (tmp_path / "state.json").write_text(json.dumps(loader.state_dict()))
    rows = lines("trace", root, "--batch", "8", "--seed", "3", "--steps", "1:3")
    assert [row["step"] for row in rows] == [1] * 8 + [2] * 8
    seen = [[one["document"] for one in row["segments"]] for row in rows]
    assert seen == [row for batch in wanted[1:] for row in batch.column("document").to_pylist()]
    texts = dict(documents(400))
    for one in (one for row in rows for one in row["segments"]):
        assert one["text"].removesuffix("<|endoftext|>").strip("\ufffd") in texts[one["id"]]
    assert lines("trace", root, "--batch", "8", "--state", tmp_path / "state.json") == rows[8:]
    assert said("trace", root, "--batch", "8", "--state", tmp_path / "state.json").startswith(
        "step 2, epoch 0, row "
    )


def test_where_a_document_is_agrees_with_what_steps_saw(root: Path) -> None:
    loader = opened(root).loader(1, seed=3)
    steps = -(-loader.rows // 8)
    rows = lines("trace", root, "--batch", "8", "--seed", "3", "--steps", f"0:{steps}")
    name = max((one["id"] for row in rows for one in row["segments"]), key=len)
    wanted = sorted(
        (row["row"], one["offset"], one["tokens"], row["step"])
        for row in rows
        if row["epoch"] == 0
        for one in row["segments"]
        if one["id"] == name
    )
    (found,) = lines("where", root, name, "--batch", "8", "--seed", "3")
    assert [(one["row"], one["offset"], one["tokens"], *one["steps"]) for one in found["segments"]] == wanted
    assert f"seen in step {wanted[0][3]}" in said("where", root, name, "--batch", "8", "--seed", "3")
    other = "train" if found["split"] == "validation" else "validation"
    assert "is in no row of split" in said("where", root, name, "--split", other)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["where", "ROOT", "nobody"], "no document of .* has the id 'nobody'"),
        (["trace", "ROOT", "--batch", "8", "--state", "FILE"], "is no state of a loader"),
    ],
)
def test_what_is_not_there_is_said(root: Path, tmp_path: Path, words: list[str], match: str) -> None:
    (tmp_path / "file.json").write_text('{"epoch": 1}')
    given = {"ROOT": str(root), "FILE": str(tmp_path / "file.json")}
    with pytest.raises(RecipeError, match=match):
        said(*(given.get(word, word) for word in words))


@pytest.mark.parametrize("steps", [None, "5", "3:3", "a:b", "-1:4"])
def test_steps_that_are_no_range_are_refused(root: Path, steps: str | None) -> None:
    words = ["trace", str(root), "--batch", "8", *(["--steps", steps] if steps else [])]
    assert CliRunner().invoke(app, words).exit_code == 2


def test_any_arrow_or_parquet_file_is_shown(root: Path, tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2, 3], "text": ["x", "y\x1b[31m", "z" * 500]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, 2)
    with pa.OSFile(str(tmp_path / "t.stream"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, 2)
    for name in ("t.parquet", "t.arrow", "t.stream"):
        (found,) = lines("inspect", tmp_path / name, "--rows", "2", "--start", "1")
        assert (found["rows"], found["columns"]) == (3, {"a": "int64", "text": "string"})
        assert found["first"] == table.slice(1, 2).to_pylist()
        shown = said("inspect", tmp_path / name)
        assert "3 rows, 2 columns" in shown
        assert "\x1b" not in shown
    rows = opened(root).files("pack", "train")[0].removeprefix("file://")
    assert "pairloom: {" in said("inspect", rows)


def test_a_tokenizer_is_shown(root: Path) -> None:
    (path,) = (path for path in opened(root).files("learn") if path.endswith(".json"))
    (found,) = lines("inspect", path.removeprefix("file://"))
    vocabulary = opened(root).vocabulary()
    assert (found["tokens"], found["fingerprint"]) == (len(vocabulary), vocabulary.fingerprint)


def test_files_that_are_damaged_or_something_else_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + b"\0" * 40)
    with pytest.raises(DataError, match=r"cut\.parquet is damaged"):
        said("inspect", tmp_path / "cut.parquet")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(RecipeError, match=r"neither Arrow, Parquet, tokenizer\.json nor"):
        said("inspect", tmp_path / "notes.txt")
