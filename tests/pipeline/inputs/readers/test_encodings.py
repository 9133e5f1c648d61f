"""Text that is not UTF-8, and CSV that is not by commas, where a recipe says so."""

import gzip
import json

import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Limits
from pairloom.pipeline.inputs.units import fields_of, plan_units
from pairloom.pipeline.recipe import CorpusSource

WORDS = ["naïve", "größer, als", "", 'say "é"', "x" * 300]
ENCODINGS = ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-8"]


def batches(path, batch_bytes=1 << 20, **keys):
    source = CorpusSource(name="s", paths=(str(path),), **keys)
    files = list_inputs(source)
    check_sources([(source, files)], max_rejected=1.0, max_record_bytes=1 << 30)
    found = [
        batch
        for unit in plan_units(source, files, 64)
        for piece in unit.slices
        for batch in read(piece, fields_of(source), Limits(batch_bytes=batch_bytes))
    ]
    assert sum(batch.bytes_read for batch in found) == path.stat().st_size
    return found


def texts(path, **keys):
    found = batches(path, **keys)
    assert not any(batch.rejected for batch in found)
    return [one for batch in found for one in batch.content.to_pylist()]


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.txt", "x.jsonl.gz", "x.json"])
def test_text_of_every_format_is_read_by_its_encoding(tmp_path, name, encoding, batch_bytes):
    """F17: UTF-16 is read where the recipe says so."""
    lines = [json.dumps({"text": one}, ensure_ascii=False) for one in WORDS]
    cells = ['"' + one.replace('"', '""') + '"' for one in WORDS]
    written = {
        "csv": "\n".join(["text", *cells]),
        "txt": "\n".join(WORDS),
        "json": "[" + ",\n ".join(lines) + "]",
    }.get(name.split(".")[-1], "\n".join(lines))
    data = written.encode(encoding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    keys = {"format": "json"} if name == "x.json" else {}
    expected = ["\n".join(WORDS)] if name == "x.txt" else WORDS
    found = texts(path, batch_bytes=batch_bytes, encoding=encoding, **keys)
    assert [one.removeprefix("\ufeff") for one in found] == expected


def test_a_byte_that_is_no_character_costs_its_record(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("text\né\n".encode("cp1252") + b"a\x81b\nlast\n")
    (batch,) = batches(path, encoding="cp1252")
    assert batch.content.to_pylist() == ["é", "last"]
    assert [(one.position, one.reason) for one in batch.rejected] == [("byte 8", "invalid_utf8")]


def test_what_cannot_be_read_on_names_the_byte(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("text\nab\n".encode("utf-16-le") + b"\x00\xd8a\x00" + "\n".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"not utf-16-le at byte 16: .*correct the source's encoding"):
        batches(path, encoding="utf-16-le")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"encoding": "latin-99"}, "no encoding of text is called 'latin-99'"),
        ({"encoding": "base64"}, "no encoding of text is called 'base64'"),
        ({"encoding": "unicode_escape"}, "no encoding of files"),
        ({"csv": {"delimiter": "ab"}}, "csv.delimiter"),
        ({"csv": {"delimiter": "§"}}, "csv.delimiter"),
        ({"csv": {"quote": "'", "delimiter": "'"}}, "different characters"),
        ({"csv": {"delimitter": ";"}}, "delimitter"),
    ],
)
def test_what_is_none_is_refused_with_the_recipe(keys, said):
    with pytest.raises(ValueError, match=said):
        CorpusSource(name="s", paths=("x",), **keys)


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("x.parquet", {"encoding": "latin-1"}, "encoding says how to read files that it does not have"),
        (
            "x.jsonl",
            {"csv": {"delimiter": ";"}},
            "csv.delimiter says how to read files that it does not have",
        ),
    ],
)
def test_a_key_that_is_about_no_file_is_an_error(tmp_path, name, keys, said):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(RecipeError, match=said):
        list_inputs(CorpusSource(name="s", paths=(str(tmp_path / name),), **keys))


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b'id;text\n1;a,b\n2;"c;d"\n', {"delimiter": ";"}),
        (b"id|text\n1|a,b\n2|'c;d'\n", {"delimiter": "|", "quote": "'"}),
        (b"id\ttext\n1\ta,b\n2\tc;d\n", {"delimiter": "\t"}),
        (b"id;text\n1;a,b\n2;c\\;d\n", {"delimiter": ";", "escape": "\\"}),
        (b'1;a,b\n2;"c;d"\n', {"delimiter": ";", "header": ["id", "text"]}),
        (b"id\ttext\n1\ta,b\n2\tc;d\n", {"delimiter": "\t", "quote": "none"}),
    ],
)
def test_dialects(tmp_path, data, keys):
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    (batch,) = batches(path, csv=keys, id="id")
    assert batch.content.to_pylist() == ["a,b", "c;d"]
    assert batch.id.to_pylist() == ["1", "2"]


def test_quotes_are_characters_where_nothing_is_quoted(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_bytes(b'text\n"a\nb"c\n')
    assert texts(path, csv={"quote": "none"}) == ['"a', 'b"c']


def test_a_header_in_one_cell_says_what_may_be_wrong(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"id;text\n1;a\n")
    with pytest.raises(DataError, match=r"kept apart by ';': set the source's csv: \{delimiter: ';'\}"):
        batches(path)


def test_how_a_file_is_read_decides_what_it_is(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"id;text\n1;a\n")
    plain, other = (
        list_inputs(CorpusSource(name="s", paths=(str(path),), csv=keys))[0].identity()
        for keys in ({}, {"delimiter": ";"})
    )
    assert other == [*plain, {"delimiter": ";"}]
