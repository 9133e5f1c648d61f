"""What the first bytes of a file say, whatever its name says."""

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.units import fields_of, plan_units
from pairloom.pipeline.recipe import CorpusSource
from tests.pipeline.inputs.readers.cases import lz4

LINES = b'{"text": "a b"}\n{"text": "c"}\n'


def parquet(**options):
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a b", "c"]}), sink, **options)
    return sink.getvalue()


def arrow(kind):
    sink = io.BytesIO()
    table = pa.table({"text": ["a b", "c"]})
    with kind(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def archive(kind):
    sink = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(sink, "w") as file:
            file.writestr("a.txt", "text")
    else:
        with tarfile.open(fileobj=sink, mode="w") as file:
            file.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return sink.getvalue()


def texts(path, **keys):
    source = CorpusSource(name="web", paths=(str(path),), **keys)
    files = list_inputs(source)
    check_sources([(source, files)], max_rejected=0.0, max_record_bytes=1 << 30)
    units = plan_units(source, files, 1 << 30)
    found = [batch for unit in units for piece in unit.slices for batch in read(piece, fields_of(source))]
    assert not any(batch.rejected for batch in found)
    return [text for batch in found for text in batch.content.to_pylist()]


@pytest.mark.parametrize(
    ("name", "data", "keys"),
    [
        ("x.jsonlines", LINES, {}),
        ("x.jl", LINES, {}),
        ("x.JSONL", LINES, {}),
        ("x.jsonl.gzip", gzip.compress(LINES), {}),
        ("x.jsonl.zstd", zstandard.compress(LINES), {}),
        ("x.jsonl.xz", lzma.compress(LINES), {}),
        ("x.ndjson.bz2", bz2.compress(LINES), {}),
        ("x.csv.lz4", lz4(b"text\na b\nc\n"), {}),
        ("part-00000", lzma.compress(LINES), {"format": "jsonl.xz"}),
        ("part-00000", bz2.compress(LINES), {"format": "jsonl.bz2"}),
        ("x.tsv.xz", lzma.compress(b"text\tn\na b\t1\nc\t2\n"), {}),
        ("x.pq", parquet(), {}),
        ("x.parquet.gzip", parquet(compression="gzip"), {}),
        ("x.parquet.gz", parquet(), {}),
        ("x.feather.zst", arrow(pa.ipc.new_file), {}),
        ("part-00000", LINES, {"format": "jsonl"}),
        ("part-00000", gzip.compress(LINES), {"format": "jsonl.gz"}),
        ("part-00000", zstandard.compress(LINES), {"format": "jsonl.zst"}),
        ("part-00000.gz", gzip.compress(LINES), {"format": "jsonl"}),
        ("part-00000", parquet(), {"format": "parquet"}),
        ("x.gz", parquet(), {"format": "parquet"}),
        ("x.dump", arrow(pa.ipc.new_stream), {"format": "arrow"}),
        ("x.dat", b"text\na b\nc\n", {"format": "csv"}),
    ],
)
def test_a_file_is_read_as_what_it_is(tmp_path, name, data, keys):
    """F13: endings that people use, and what the recipe says instead of a name."""
    (tmp_path / name).write_bytes(data)
    assert texts(tmp_path / name, **keys) == ["a b", "c"]


@pytest.mark.parametrize("name", ["part-00000", "x.records", "x", ".hidden.data"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (LINES, "JSON Lines.* jsonl"),
        (b"\xef\xbb\xbf" + LINES, "JSON Lines.* jsonl"),
        (b'\n{"text": "' + b"a" * 5000 + b'"}\n', "JSON Lines.* jsonl"),
        (parquet(), "those of Parquet.* format of the source to parquet"),
        (arrow(pa.ipc.new_file), "an Arrow file.* to arrow"),
        (arrow(pa.ipc.new_stream), "an Arrow stream.* to arrow"),
        (gzip.compress(LINES), r"those of gzip.* jsonl\.gz"),
        (zstandard.compress(LINES), r"those of zstd.* jsonl\.zst"),
        (bz2.compress(LINES), r"those of bzip2.* jsonl\.bz2"),
        (lz4(LINES), r"those of lz4.* jsonl\.lz4"),
        (lzma.compress(LINES), r"those of xz.* jsonl\.xz"),
        (archive("zip"), r"a zip archive.* set the format of the source to zip"),
        (archive("tar"), r"a tar archive.* to tar"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"WARC/1.0\r\nWARC-Type: response\r\n", "a WARC archive"),
        (b"<!DOCTYPE html>\n<html>", "HTML"),
        (b" \n<HTML lang=de>", "HTML"),
        ("text".encode("utf-16"), "UTF-16"),
        (("a text of some length " * 3).encode("utf-16-le"), "UTF-16"),
        (("a text of some length " * 3).encode("utf-16-be"), "UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs"),
    ],
)
def test_nothing_else_becomes_a_document(tmp_path, name, data, said):
    """F13, U1, F17: a name that says nothing is no reason to take records, archives or pages for a document."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        texts(tmp_path / name)
    assert str(caught.value).startswith("source 'web': ")
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.jsonl", gzip.compress(LINES), r"gzip.* jsonl\.gz"),
        ("x.jsonl", parquet(), "Parquet.* to parquet"),
        ("x.jsonl.gz", gzip.compress(b"WARC/1.0\r\n"), "within gzip .*WARC"),
        ("x.jsonl.gz", gzip.compress(gzip.compress(LINES)), "within gzip are those of gzip"),
        ("x.warc.gz", gzip.compress(b"WARC/1.0\r\nWARC-Type: warcinfo\r\n"), "cut short in the record"),
        ("x.csv", "text\na\n".encode("utf-16"), "UTF-16"),
        ("x.csv", zstandard.compress(b"text\na\n"), r"csv\.zst"),
        ("x.parquet", LINES, "not a whole parquet file"),
        ("x.parquet", gzip.compress(parquet()), "those of gzip"),
        ("x.parquet", arrow(pa.ipc.new_file), "an Arrow file"),
        ("x.arrow", parquet(), "those of Parquet"),
        ("x.json", json.dumps([{"text": "a"}, {"text": "b"}]).encode(), "a JSON array, and JSON Lines"),
        ("x.json", json.dumps([{"text": "a"}], indent=2).encode(), "a JSON array, and JSON Lines"),
        ("x.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("x.parquet", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("x.html", b"<html>", "HTML"),
    ],
)
def test_a_name_that_says_something_else_is_told(tmp_path, name, data, said):
    """F13, F17: what the file is, where its name promises another format."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        texts(tmp_path / name)


def test_the_last_word_is_the_recipes(tmp_path):
    """F13: `format: text` takes HTML and a line of JSON for the text that they are; a database is no UTF-8 all the same."""
    page, record = tmp_path / "a.html", tmp_path / "b.records"
    page.write_bytes(b"<html>")
    record.write_bytes(LINES)
    assert texts(tmp_path / "*.*", format="text") == ["<html>", LINES.decode()]
    with sqlite3.connect(tmp_path / "c.db") as database:
        database.execute("create table a (b)")
    with pytest.raises(DataError, match="an SQLite database"):
        texts(tmp_path / "c.db")


@pytest.mark.parametrize(
    "data", [b"{\n  indented: 1\n}\n", b"{% block %}\n", b'{"a": 1}', b"ORCHARDS\n", b"BZhu\n", b""]
)
def test_text_remains_text(tmp_path, data):
    (tmp_path / "a.source").write_bytes(data)
    assert texts(tmp_path / "a.source", allow_empty=True) == [data.decode()]


@pytest.mark.parametrize(("form", "said"), [("whisper", "no reader"), ("parquet.gz", "compress inside")])
def test_a_format_that_is_not_read(tmp_path, form, said):
    (tmp_path / "x").write_bytes(b"a")
    with pytest.raises(RecipeError, match=f"'web': format: .*{said}"):
        texts(tmp_path / "x", format=form)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.jsonl", b'{"body": "a"}\n', "byte 0: missing_text: no field 'text'; the record has .'body'"),
        ("x.csv", b"body\na\n", "no column named 'text'"),
        ("x.parquet", parquet(), "no column named 'text'"),
        ("x.arrow", arrow(pa.ipc.new_file), "no column named 'text'"),
    ],
)
def test_a_wrong_column_is_found_first(tmp_path, name, data, said):
    """U4: before anything is counted, by source and file."""
    if name.endswith((".parquet", ".arrow")):
        said = said.replace("'text'", "'body'")
    (tmp_path / name).write_bytes(data)
    text = "body" if name.endswith((".parquet", ".arrow")) else "text"
    with pytest.raises(DataError, match=f"^source 'web': file://.*{name}.*{said}"):
        texts(tmp_path / name, text=text)


def test_an_empty_source_is_an_error_unless_asked(tmp_path):
    """U1: one empty file, or all of them."""
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(RecipeError, match=r"source 'web': .*a\.txt is empty.*allow_empty: true"):
        texts(tmp_path / "*.txt")
    assert texts(tmp_path / "*.txt", allow_empty=True) == [""]
    (tmp_path / "b.txt").write_bytes(b"b")
    assert texts(tmp_path / "*.txt") == ["", "b"]


def test_some_bad_records_are_for_the_run_to_count(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"body": "a"}\n' + LINES)
    source = CorpusSource(name="web", paths=(str(tmp_path / "x.jsonl"),))
    check_sources([(source, list_inputs(source))], max_rejected=0.0, max_record_bytes=1 << 30)
