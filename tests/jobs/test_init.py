"""`pairloom init` writes recipes that run unchanged, whatever the files are."""

import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
import zstandard
from pyarrow import orc
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.inputs.proposing import propose
from pairloom.pipeline.recipe.reading import load_recipe
from tests.support.corpora import documents
from tests.support.warc import PAGE, answer, record, warc_file

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


def nested(folder: Path) -> None:
    made = [{"meta": {"id": name, "score": 0.5}, "data": {"content": text, "by": "x"}} for name, text in MADE]
    (folder / "a.jsonl.xz").write_bytes(lzma.compress(lines(made)))


def array(folder: Path) -> None:
    (folder / "a.json").write_text(json.dumps(records(), indent=1))
    (folder / "b.json.gz").write_bytes(gzip.compress(json.dumps(records()).encode()))


def structs(folder: Path) -> None:
    made = [{"doc": {"body": text}, "quality": 0.5} for _, text in MADE]
    orc.write_table(pa.Table.from_pylist(made), folder / "a.orc")


def zipped(folder: Path) -> None:
    with zipfile.ZipFile(folder / "notes.zip", "w") as archive:
        archive.writestr("notes/logo.png", b"\x89PNG\r\n\x1a\n")
        for name, text in MADE:
            archive.writestr(f"notes/{name}.md", text)


def tarred(folder: Path) -> None:
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        for name in ("x.jsonl", "y.jsonl"):
            info = tarfile.TarInfo(name)
            info.size = len(lines(records()))
            archive.addfile(info, io.BytesIO(lines(records())))


def crawled(folder: Path) -> None:
    made = [record("conversion", text.encode(), "text/plain", number=k) for k, (_, text) in enumerate(MADE)]
    (folder / "a.warc.wet.gz").write_bytes(warc_file(made))


KINDS: dict[str, tuple[Callable[[Path], None], int]] = {
    "json lines": (jsonl, 60),
    "folders of compressed json lines": (compressed, 180),
    "parquet": (parquet, 60),
    "arrow": (arrow, 120),
    "csv": (table_of_text, 60),
    "texts": (texts, 60),
    "source code": (sources, 120),
    "several kinds": (mixed, 120),
    "nested json lines, xz": (nested, 60),
    "json arrays": (array, 120),
    "orc with structs": (structs, 60),
    "a zip of markdown": (zipped, 60),
    "a tar of json lines": (tarred, 120),
    "texts of the web": (crawled, 60),
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


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (nested, {"text": "data.content", "id": "meta.id", "others": ("meta.score", "data.by")}),
        (structs, {"text": "doc.body", "id": None, "others": ("quality",)}),
        (zipped, {"text": None, "members": ("*.md",)}),
        (tarred, {"text": "text", "id": "id", "members": ()}),
        (crawled, {"text": "text", "id": "id", "where": None}),
    ],
)
def test_what_it_proposes_for_containers(make: Any, found: dict[str, Any], tmp_path: Path) -> None:
    make(tmp_path)
    ((one,), left_out) = propose([str(tmp_path)])
    assert not left_out
    assert {name: getattr(one, name) for name in found} == found


def test_pages_are_proposed_with_a_step_that_extracts(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(
        warc_file([record("response", answer(PAGE.encode(), "text/html"), "application/http")])
    )
    said = CliRunner().invoke(app, ["init", str(tmp_path), "--out", "-"], catch_exceptions=False)
    source = yaml.safe_load(said.stdout)["corpus"][0]
    assert (source["text"], source["where"]) == ("html", "html is not null")
    assert source["steps"] == [{"extract": {"by": "trafilatura"}}]


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


def test_a_saved_dataset_is_proposed_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source for each split, whose files are those that it names; caches beside them are none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my [data]").mkdir()
    table = {"uid": [name for name, _ in MADE], "article": [text for _, text in MADE], "n": [1] * len(MADE)}
    splits = {name: datasets.Dataset.from_dict(table) for name in ("train", "test")}
    datasets.DatasetDict(splits).save_to_disk("my [data]/saved")
    datasets.Dataset.from_dict(table).save_to_disk("my [data]/alone")
    (tmp_path / "my [data]" / "alone" / "cache-1234.arrow").write_bytes(b"not of the dataset")
    jsonl(tmp_path / "my [data]")
    found, left_out = propose(["my [data]"])
    assert not left_out
    assert [(one.name, one.paths, one.text, one.id, one.others) for one in found] == [
        ("my-data", ("my [[]data]/*.jsonl",), "text", "id", ("lang", "n")),
        ("alone", ("my [data]/alone",), "article", "uid", ("n",)),
        ("test", ("my [data]/saved/test",), "article", "uid", ("n",)),
        ("train", ("my [data]/saved/train",), "article", "uid", ("n",)),
    ]
    assert propose(["my [data]/saved/train"])[0][0].paths == ("my [data]/saved/train",)
    assert CliRunner().invoke(app, ["init", "my [data]"]).exit_code == 0
    manifest = run(load_recipe("recipe.yaml", overrides=["execution.engine=local"]))
    assert manifest.stages["tokenize"].ledger.documents_out == 4 * sum(bool(text) for _, text in MADE)


def test_a_saved_dataset_that_is_not_whole_is_left_out_and_said(tmp_path: Path) -> None:
    jsonl(tmp_path)
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).unlink()
    found, left_out = propose([str(tmp_path)])
    assert [one.text for one in found] == ["text"]
    assert "save it again" in left_out[str(tmp_path / "saved")]
