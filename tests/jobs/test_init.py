"""`pairloom init` writes recipes that run unchanged, whatever the files are."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
import zstandard
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.inputs.proposing import propose
from pairloom.pipeline.recipe.reading import load_recipe
from tests.support.corpora import documents

MADE = documents(60)


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def records(text: str = "text", own: str | None = "id") -> list[dict[str, Any]]:
    return [{"lang": "en", text: body, "n": 1} | ({own: f"{name}-x"} if own else {}) for name, body in MADE]


def jsonl(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(lines(records()))


def compressed(folder: Path) -> None:
    for name in ("web", "code"):
        (folder / name / "deep").mkdir(parents=True)
    (folder / "web" / "deep" / "a.jsonl.gz").write_bytes(gzip.compress(lines(records("body", "url"))))
    (folder / "web" / "b.jsonl.gz").write_bytes(gzip.compress(lines(records("body", "url"))))
    (folder / "code" / "deep" / "a.json.zst").write_bytes(zstandard.compress(lines(records("content", None))))


def parquet(folder: Path) -> None:
    pq.write_table(pa.Table.from_pylist(records("article", "uid")), folder / "a.parquet")


def arrow(folder: Path) -> None:
    table = pa.Table.from_pylist(records("passage", None))
    with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pa.OSFile(str(folder / "b.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def table_of_text(folder: Path) -> None:
    with (folder / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "review"])
        writer.writeheader()
        writer.writerows({"id": name, "review": text} for name, text in MADE)


def texts(folder: Path) -> None:
    for number, (_, text) in enumerate(MADE):
        (folder / f"{number}.txt").write_text(text)


def sources(folder: Path) -> None:
    (folder / "src" / "pkg").mkdir(parents=True)
    (folder / "src" / "pkg" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    for number, (_, text) in enumerate(MADE):
        (folder / "src" / "pkg" / f"m{number}.py").write_text(f"'''{text}'''\n")
        (folder / "src" / f"notes {number}.md").write_text(text)


def mixed(folder: Path) -> None:
    jsonl(folder)
    texts(folder)
    (folder / "empty.jsonl.gz").write_bytes(b"")


KINDS: dict[str, tuple[Callable[[Path], None], int]] = {
    "json lines": (jsonl, 60),
    "folders of compressed json lines": (compressed, 180),
    "parquet": (parquet, 60),
    "arrow": (arrow, 120),
    "csv": (table_of_text, 60),
    "texts": (texts, 60),
    "source code": (sources, 120),
    "several kinds": (mixed, 120),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_recipe_runs_unchanged(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, count = KINDS[kind]
    folder = tmp_path / "some [data]"
    folder.mkdir()
    make(folder)
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["init", "some [data]"])
    assert said.exit_code == 0, said.output
    assert "next: pairloom plan recipe.yaml" in said.output
    recipe = load_recipe("recipe.yaml", ["execution.engine=local", "vocabulary.size=300", "pack.seq_len=64"])
    manifest = run(recipe)
    assert manifest.stages["tokenize"].ledger.documents_in == count
    assert len(open_dataset(recipe.root).table()) > 0
    if kind == "source code":
        assert "logo" in said.output
    if kind == "several kinds":
        assert "left out" in said.output
        assert "empty" in said.output


def test_it_finds_text_and_id_and_names_the_other_fields(tmp_path: Path) -> None:
    compressed(tmp_path)
    found, left_out = propose([str(tmp_path)])
    assert left_out == {}
    assert [(one.name, one.text, one.id, one.others) for one in found] == [
        ("code", "content", None, ("lang", "n")),
        ("web", "body", "url", ("lang", "n")),
    ]
    assert [one.files for one in found] == [1, 2]


def test_a_recipe_that_is_there_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jsonl(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text("mine")
    with pytest.raises(RecipeError, match="is there already"):
        CliRunner().invoke(app, ["init", "a.jsonl"], catch_exceptions=False)
    assert (tmp_path / "recipe.yaml").read_text() == "mine"
    assert CliRunner().invoke(app, ["init", "a.jsonl", "--force"]).exit_code == 0
    said = CliRunner().invoke(app, ["init", "a.jsonl", "--out", "-"])
    assert yaml.safe_load(said.stdout)["corpus"][0]["paths"] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _: None, "nothing to read in"),
        (lambda folder: (folder / "a.7z").write_bytes(b"7z"), "archives and compression of this kind"),
        (lambda folder: (folder / "a.jsonl").write_bytes(b'{"n": 1}\n'), r"no field with text \(fields: n\)"),
        (lambda folder: (folder / "a.jsonl").write_bytes(b"no json\n"), "no record that can be read"),
    ],
)
def test_where_nothing_can_be_read_it_says_why(make: Any, why: str, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(RecipeError, match=why):
        propose([str(tmp_path)])
    with pytest.raises(RecipeError, match="there is no file or folder"):
        propose([str(tmp_path / "none")])
