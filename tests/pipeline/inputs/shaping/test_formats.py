"""The same records in four formats give the same documents, whatever is asked of them."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

FLAT = [
    {"key": "a", "title": "Anna", "body": "über é😀", "lang": "de", "quality": 0.9, "size": 7, "dup": False},
    {"key": "b", "title": "Bert", "body": None, "lang": "en", "quality": 0.25, "size": -3, "dup": True},
    {"key": "c", "title": "C\nc", "body": 'q"\\', "lang": "de", "quality": None, "size": 9_007_199_254_740_993, "dup": False},
    {"key": "d", "title": None, "body": "dd", "lang": None, "quality": 1.0, "size": 0, "dup": None},
    {"key": "e", "title": "Emil", "body": "x" * 300, "lang": "fr", "quality": -1e-3, "size": 12, "dup": True},
]  # fmt: skip
FORMATS = ("jsonl", "parquet", "arrow", "csv")


def store(folder, rows, kind, schema=None):
    path = folder / f"x.{kind}"
    if kind == "jsonl":
        lines = [{name: value for name, value in row.items() if value is not None} for row in rows]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    elif kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        table = pa.Table.from_pylist(rows, schema)
        if kind == "parquet":
            pq.write_table(table, path, row_group_size=2)
        else:
            with pa.ipc.new_file(path, table.schema) as sink:
                sink.write_table(table, max_chunksize=2)
    return path


def taken(path, **keys):
    """(text and id of each document, reasons by record, records left out)."""
    source = CorpusSource(name="s", paths=(str(path),), **keys)
    documents, letters, filtered = [], {}, 0
    for unit in plan_units(source, list_inputs(source), 1 << 30):
        intake = Intake(unit, 1 << 20)
        for batch in intake.documents():
            batch.content.validate(full=True)
            ids = batch.id.to_pylist() if batch.id is not None else [None] * len(batch)
            documents += zip(batch.content.to_pylist(), ids, strict=True)
        letters |= {letter.row: letter.reason for letter in intake.rejected}
        ledger = intake.ledger()
        ledger.check("this source")
        filtered += sum(ledger.filtered.values())
        assert set(ledger.filtered) <= {"where"}
    return documents, letters, filtered


SHAPES = {
    "template": ({"text": "# {title}\n\n{body}", "id": "key"}, ["a", "c", "e"], {1, 3}, 0),
    "optional": ({"text": "{title?}: {body?} {{{size}}}", "id": "key"}, ["a", "b", "c", "d", "e"], set(), 0),
    "number": ({"text": "title", "id": "key", "where": "quality > 0.5"}, ["a"], {3}, 3),
    "not": ({"text": "title", "id": "key", "where": "not (quality > 0.5)"}, ["b", "e"], set(), 3),
    "integer": ({"text": "title", "id": "key", "where": "size >= 7"}, ["a", "c", "e"], set(), 2),
    "fields": ({"text": "title", "id": "key", "where": "quality < size"}, ["a", "e"], set(), 3),
    "texts": ({"text": "title", "id": "key", "where": "lang != title"}, ["a", "b", "c", "e"], set(), 1),
    "calculated": (
        {"text": "title", "id": "key", "where": "size * 2 > 13 and size / 2 - 1 <= 5"}, ["a", "e"], set(), 3
    ),
    "lengths": ({"text": "title", "id": "key", "where": "length(body) > length(title) * 2"}, ["e"], set(), 4),
    "text": ({"text": "title", "id": "key", "where": "lang == 'de'"}, ["a", "c"], set(), 3),
    "less text": ({"text": "title", "id": "key", "where": "lang < 'en'"}, ["a", "c"], set(), 3),
    "integer as text": ({"text": "title", "id": "key", "where": "size == '12'"}, ["e"], set(), 4),
    "in": ({"text": "title", "id": "key", "where": "lang in ('fr', 'en') and not dup == false"}, ["b", "e"], set(), 3),
    "not in": ({"text": "title", "id": "key", "where": "lang not in ('fr', 'en')"}, ["a", "c"], set(), 3),
    "numbers": ({"text": "title", "id": "key", "where": "quality in (0.25, 1)"}, ["b"], {3}, 3),
    "null": ({"text": "title", "id": "key", "where": "quality is null or lang is null"}, ["c"], {3}, 3),
    "not null": ({"text": "body", "id": "key", "where": "body is not null"}, ["a", "c", "d", "e"], set(), 1),
    "true": ({"text": "title", "id": "key", "where": "dup"}, ["b", "e"], set(), 3),
    "length": ({"text": "title", "id": "key", "where": "length(body) <= 7"}, ["a", "c"], {3}, 2),
    "matches": ({"text": "title", "id": "key", "where": "title matches '^[A-C]' and body matches 'é|q'"}, ["a", "c"], set(), 3),
    "either": ({"text": "title", "id": "key", "where": "lang == 'fr' or quality < 0.5 and dup"}, ["b", "e"], set(), 3),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_gives_the_same_documents(tmp_path, kind, shape):
    keys, kept, rejected, filtered = shape
    documents, letters, left_out = taken(store(tmp_path, FLAT, kind), **keys)
    assert [name for _, name in documents] == kept
    assert set(letters) == rejected
    assert left_out == filtered
    if kind != "jsonl":
        assert taken(store(tmp_path, FLAT, "jsonl"), **keys)[0] == documents


def test_templates_say_what_is_written(tmp_path):
    for kind in FORMATS:
        documents, _, _ = taken(store(tmp_path, FLAT[:2], kind), text="{title?}: {body?} {{{size}}}")
        assert [text for text, _ in documents] == ["Anna: über é😀 {7}", "Bert:  {-3}"]


NESTED = [
    {"data": {"content": "one", "a.b": "x"}, "meta": {"score": 0.5, "tags": ["p", "q"]}, "turns": [{"content": "hi"}, {"content": "ho"}]},
    {"data": {"content": None, "a.b": "y"}, "meta": {"score": 2.0, "tags": []}, "turns": [{"content": "only"}]},
    {"data": None, "meta": None, "turns": None},
    {"data": {"content": "four", "a.b": "z"}, "meta": {"score": -1.0, "tags": ["r", None]}, "turns": [{"content": None}]},
]  # fmt: skip
NESTED_SHAPES = {
    "path": ({"text": "data.content"}, ["one", "four"], {1: "null_text", 2: "null_text"}, 0),
    "a dot in a name": ({"text": r"data.a\.b"}, ["x", "y", "z"], {2: "null_text"}, 0),
    "where": ({"text": "data.content", "where": "meta.score >= 0.5"}, ["one"], {1: "null_text"}, 2),
    "backquotes": ({"text": "data.content", "where": r"`data.a\.b` == 'z'"}, ["four"], {}, 3),
    "template": ({"text": "{data.content?}|{meta.tags}", "list_separator": "+"}, ["one|p+q", "|"], {2: "", 3: ""}, 0),
    "list of objects": ({"text": "turns.content", "list_separator": "\n"}, ["hi\nho", "only"], {2: "", 3: ""}, 0),
    "id": ({"text": "data.content", "id": r"data.a\.b"}, ["one", "four"], {1: "", 2: ""}, 0),
}  # fmt: skip


@pytest.mark.parametrize("shape", NESTED_SHAPES.values(), ids=NESTED_SHAPES.keys())
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
def test_paths_lead_into_objects_and_structs_alike(tmp_path, kind, shape):
    keys, texts, rejected, filtered = shape
    documents, letters, left_out = taken(store(tmp_path, NESTED, kind), **keys)
    assert [text for text, _ in documents] == texts
    assert set(letters) == set(rejected)
    assert left_out == filtered
    for row, reason in rejected.items():
        if reason and kind != "jsonl":
            assert letters[row] == reason


def test_a_field_of_json_that_is_null_or_missing_is_one_or_the_other(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"data":{"content":null}}\n{"data":{}}\n{"data":null}\n{"data":"s"}\n{"data":["s"]}\n{}\n'
    )
    reasons = ["null_text", "missing_text", "null_text", "no_such_path", "text_not_a_string", "missing_text"]
    assert taken(path, text="data.content") == ([], dict(enumerate(reasons)), 0)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"text": "data.contnet"}, "no field 'contnet'; did you mean 'data.content'"),
        ({"text": "dat.content"}, "no column named 'dat'; did you mean 'data"),
        ({"text": "content"}, "did you mean 'data.content'"),
        ({"text": "turns.content"}, "column 'turns' is a list .* list_separator"),
        ({"text": "meta.tags"} | {"where": "meta.score > 0"}, "is of type list.* list_separator"),
        ({"text": "data", "where": "meta.score > 0"}, "column 'data' is of type struct.*must hold strings"),
        ({"text": "data.content", "where": "meta > 3"}, "column 'meta' is of type struct.*compares it with a number"),
        ({"text": "data.content", "where": "meta.score == 'x'"}, "'meta.score' is of type double; it must hold strings"),
        ({"text": "{data.content} {nobody}"}, "no column named 'nobody'"),
        ({"text": "data.content.more"}, "column 'data.content' is of type .*, which has no fields"),
    ],
)  # fmt: skip
def test_a_path_that_a_table_does_not_have_is_named(tmp_path, kind, keys, said):
    with pytest.raises(DataError, match=said):
        taken(store(tmp_path, NESTED, kind), **keys)


def test_a_cell_of_csv_has_no_fields(tmp_path):
    with pytest.raises(DataError, match=r"column 'title' is of type .*, which has no fields"):
        taken(store(tmp_path, FLAT, "csv"), text="title.de")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_type_that_changes_between_records_costs_those(tmp_path, kind):
    rows = [{"text": "a", "n": "3"}, {"text": "b", "n": "many"}, {"text": "c", "n": "1e1"}]
    assert taken(store(tmp_path, rows, kind), where="n > 2") == (
        [("a", None), ("c", None)],
        {1: "where_type"},
        0,
    )


def test_a_type_that_changes_between_files_is_read_as_what_it_is_compared_with(tmp_path):
    tables = {"a": pa.table({"text": ["a"], "n": [3.5]}), "b": pa.table({"text": ["b"], "n": ["4"]}),
              "c": pa.table({"text": ["c"], "n": pa.array([5], pa.int32())})}  # fmt: skip
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    assert [text for text, _ in taken(tmp_path / "*.parquet", where="n > 3")[0]] == ["a", "b", "c"]
    pq.write_table(pa.table({"text": ["d"], "n": [{"x": 1}]}), tmp_path / "d.parquet")
    with pytest.raises(DataError, match=r"d\.parquet: column 'n' is of type struct"):
        taken(tmp_path / "*.parquet", where="n > 3")


def test_text_that_is_no_utf8_costs_its_row(tmp_path):
    good, bad = b"ok", b"\xff"
    table = pa.table(
        {"d": pa.StructArray.from_arrays([pa.array([good, bad, good], pa.binary())], ["t"]), "n": [1, 1, 2]}
    )
    pq.write_table(table, tmp_path / "x.parquet")
    assert taken(tmp_path / "x.parquet", text="d.t", where="n == 1") == (
        [("ok", None)],
        {1: "invalid_utf8"},
        1,
    )
    assert taken(tmp_path / "x.parquet", text="d.t", where="n == 2") == ([("ok", None)], {}, 2)


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
def test_fields_of_two_kinds_are_not_compared(tmp_path, kind):
    path = store(tmp_path, FLAT, kind)
    documents, letters, filtered = taken(path, text="key", where="lang == quality")
    assert (documents, filtered) == ([], 2)
    assert letters == dict.fromkeys((0, 1, 4), "where_type")
    assert taken(path, text="key", where="dup == dup")[0] == [(key, None) for key in "abce"]


def test_a_text_without_quotes_is_a_field_that_is_not_there(tmp_path):
    path = store(tmp_path, FLAT, "jsonl")
    source = CorpusSource(name="s", paths=(str(path),), text="title", where="lang == de")
    with pytest.raises(DataError, match=r"has the field 'de'; write it in quotes if a text is meant"):
        check_sources([(source, list_inputs(source))], max_rejected=0.0, max_record_bytes=1 << 20)
