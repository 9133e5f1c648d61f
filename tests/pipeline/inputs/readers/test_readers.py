"""Reading good input: types of columns, ids, batches, positions, and what is never imported."""

import bz2
import csv
import gzip
import io
import json
import lzma
import pickle
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zstandard

from pairloom.operators.documents import DeadLetter, excerpt_of
from pairloom.operators.errors import DataError, RecipeError, StorageError
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource
from tests.pipeline.inputs.readers.cases import lz4

WORDS = ["", "a", "é", "日本語", "😀" * 3, "x" * 300, "a\nb", "tail"]


def slices(path, unit_bytes=1 << 40):
    source = CorpusSource(name="s", paths=(str(path),))
    return [piece for unit in plan_units(source, list_inputs(source), unit_bytes) for piece in unit.slices]


def batches(path, id_field=None, **limits):
    return [batch for piece in slices(path) for batch in read(piece, Fields(id=id_field), Limits(**limits))]


def texts(path, **limits):
    return [text for batch in batches(path, **limits) for text in batch.content.to_pylist()]


STRINGS = pa.array(WORDS, pa.string())
COLUMNS = {
    "string": STRINGS,
    "large_string": STRINGS.cast(pa.large_string()),
    "string_view": STRINGS.cast(pa.string_view()),
    "binary": STRINGS.cast(pa.binary()),
    "large_binary": STRINGS.cast(pa.large_binary()),
    "binary_view": STRINGS.cast(pa.binary()).cast(pa.binary_view()),
    "dictionary": STRINGS.dictionary_encode(),
    "dictionary of large": STRINGS.cast(pa.large_string()).dictionary_encode(),
    "dictionary of binary": STRINGS.cast(pa.binary()).dictionary_encode(),
    "slice": pa.array(["before", *WORDS, "after"]).slice(1, len(WORDS)),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())
@pytest.mark.parametrize("kind", ["arrow", "arrows", "parquet"])
def test_every_type_of_text_column(tmp_path, column, kind):
    table = pa.table({"other": pa.array(range(len(WORDS))), "text": column})
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=3)
    else:
        with (pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream)(path, table.schema) as writer:
            writer.write_table(table)
    assert texts(path) == WORDS
    assert texts(path, batch_bytes=1) == WORDS


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([0, -5, 2**63 - 1]),
        pa.array([0, 1, 2**64 - 1], pa.uint64()),
        pa.array([1, -1, 127], pa.int8()),
        pa.array(["a", "", "ü"]),
        pa.array([b"a", b"b", b"c"]),
        pa.array(["a", "b", "a"]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_every_type_of_id_column(tmp_path, ids, kind):
    table = pa.table({"id": ids, "text": ["x", "y", "z"]})
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    (batch,) = batches(path, id_field="id")
    assert batch.content.to_pylist() == ["x", "y", "z"]
    expected = [value.decode() if isinstance(value, bytes) else str(value) for value in ids.to_pylist()]
    assert batch.id.to_pylist() == expected


def test_json_ids_are_strings_or_whole_numbers(tmp_path):
    path = tmp_path / "x.jsonl"
    given = ["a", "", 0, -7, 10**30, "\u00e9\n"]
    path.write_text(
        "".join(json.dumps({"id": one, "text": "t"}) + "\n" for one in given) + '{"id":-0,"text":"t"}'
    )
    (batch,) = batches(path, id_field="id")
    assert batch.id.to_pylist() == ["a", "", "0", "-7", str(10**30), "é\n", "0"]
    assert batches(path)[0].id is None


def test_text_and_id_may_be_one_field(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text":"\\u00e9a"}\n' * 100)
    (batch,) = batches(path, id_field="text")
    assert batch.content.to_pylist() == batch.id.to_pylist() == ["éa"] * 100


def test_a_text_file_gives_no_id(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\n")
    (batch,) = batches(path, id_field="anything")
    assert batch.id is None
    assert batch.content.to_pylist() == ["\ufeffa\r\n"]


@pytest.mark.parametrize("batch_bytes", [1, 1000, 100_000, 1 << 24])
@pytest.mark.parametrize(
    "kind",
    [
        "x.jsonl",
        "x.jsonl.gz",
        "x.jsonl.zst",
        "x.jsonl.xz",
        "x.jsonl.bz2",
        "x.jsonl.lz4",
        "x.parquet",
        "x.arrow",
        "x.csv",
    ],
)
def test_batches_are_bounded_and_count_rejected_rows(tmp_path, kind, batch_bytes):
    rng = np.random.default_rng(5)
    values = [None if k % 97 == 5 else "é" * int(n) for k, n in enumerate(rng.integers(0, 400, 3000))]
    path = tmp_path / kind
    if "jsonl" in kind:
        packs = {"gz": gzip.compress, "zst": zstandard.compress, "xz": lzma.compress, "bz2": bz2.compress}
        pack = (packs | {"lz4": lz4}).get(path.suffix[1:], bytes)
        path.write_bytes(
            pack("".join(json.dumps({"text": v}, ensure_ascii=False) + "\n" for v in values).encode())
        )
    elif kind == "x.csv":
        with path.open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["text", "n"])
            rows.writerows([v, 1] if v is not None else ["short"] for v in values)
    elif kind == "x.parquet":
        pq.write_table(pa.table({"text": values}), path, row_group_size=1000)
    else:
        table = pa.table({"text": values})
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
    found = batches(path, batch_bytes=batch_bytes)
    if batch_bytes == 1 << 24 and kind not in {"x.parquet", "x.arrow"}:
        assert len([batch for batch in found if batch.records]) == 1
    row = 0
    for batch in found:
        assert batch.content.nbytes - 8 * len(batch.content) - 8 <= max(batch_bytes, 64) + 2 * 900
        expected = values[row : row + batch.records]
        assert batch.content.to_pylist() == [v for v in expected if v is not None]
        assert batch.row.type == pa.int64()
        assert batch.row.to_pylist() == [row + k for k, v in enumerate(expected) if v is not None]
        assert [letter.row for letter in batch.rejected] == [
            row + k for k, v in enumerate(expected) if v is None
        ]
        row += batch.records
    assert row == 3000
    assert sum(batch.bytes_read for batch in found) == path.stat().st_size


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("zst", zstandard.compress), ("xz", partial(lzma.compress, preset=0)), ("bz2", bz2.compress)],
)
def test_a_bomb_is_unpacked_piece_by_piece(tmp_path, ending, pack):
    """R9: memory does not depend on what a few bytes stand for."""
    unpacked = 400 << 20
    blank = pack(bytes([10]) * unpacked)
    path = tmp_path / f"bomb.jsonl.{ending}"
    path.write_bytes(blank)
    assert len(blank) < 100_000
    tracemalloc.start()
    try:
        (piece,) = slices(path)
        piece = replace(piece, file=replace(piece.file, max_expansion=1 << 24))
        assert sum(batch.records for batch in read(piece, Fields(), Limits(batch_bytes=1 << 20))) == 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < unpacked // 3


def test_csv_means_what_its_writer_meant(tmp_path):
    values = ['a"b', 'a,b\n"c"', "", " x ", "é", "\r\n", "a\x00b", '"']
    path = tmp_path / "x.csv"
    sink = io.StringIO(newline="")
    csv.writer(sink).writerows([["text", "id"], *([v, k] for k, v in enumerate(values))])
    path.write_bytes(sink.getvalue().encode())
    (batch,) = batches(path, id_field="id")
    assert batch.content.to_pylist() == values
    assert batch.id.to_pylist() == [str(k) for k in range(len(values))]


def test_dead_letters_show_what_can_be_shown(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n" + b"\xff\x00\x1b" + "é\u2028".encode() + b"z" * 1000 + b"\n")
    ((letter,),) = [batch.rejected for batch in batches(path)]
    assert letter == DeadLetter(
        uri=f"file://{path}",
        position="byte 1",
        row=0,
        reason="invalid_utf8",
        detail="byte 0 of the record: invalid start byte",
        excerpt=("\\xff\\x00\\x1bé\\u2028" + "z" * 200)[:200],
    )
    assert pickle.loads(pickle.dumps(letter)) == letter
    assert excerpt_of(b"") == ""
    assert len(excerpt_of(b"\x00" * 1000)) == 200


def test_batches_survive_pickling(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text":"a","id":1}\n{"text":"b","id":2}\n')
    (batch,) = batches(path, id_field="id")
    again = pickle.loads(pickle.dumps(batch))
    assert again.content == batch.content
    assert again.id == batch.id
    assert again.records == 2


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Fields, {"text": ""}),
        (Fields, {"id": ""}),
        (Fields, {"extra": ("",)}),
        (Limits, {"batch_bytes": 0}),
        (Limits, {"max_record_bytes": 0}),
    ],
)
def test_options_are_checked(kind, wrong):
    with pytest.raises(RecipeError):
        kind(**wrong)


EXTRA = {"lang": ["en", "de", None], "n": [1, 2, 3], "score": [0.5, None, 1.5]}


def written(folder, kind, **columns):
    """A file of three records with these fields."""
    table, path = pa.table({"text": ["a", "", "c"], **columns}), folder / f"x.{kind}"
    match kind:
        case "parquet":
            pq.write_table(table, path, row_group_size=2)
        case "arrow":
            with pa.ipc.new_file(path, table.schema) as writer:
                writer.write_table(table, max_chunksize=2)
        case "csv":
            pa.csv.write_csv(table, path)
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "arrow"])
def test_other_fields_come_with_the_text_in_one_pass(tmp_path, kind):
    (piece, *more) = slices(written(tmp_path, kind, **EXTRA))
    assert not more
    found = list(read(piece, Fields(id="n", extra=("score", "lang", "n"))))
    assert [text for batch in found for text in batch.content.to_pylist()] == ["a", "", "c"]
    assert [one for batch in found for one in batch.id.to_pylist()] == ["1", "2", "3"]
    got = {name: [v for batch in found for v in batch.fields[name].to_pylist()] for name in EXTRA}
    match kind:
        case "jsonl":
            assert got == EXTRA | {"n": ["1", "2", "3"], "score": ["0.5", None, "1.5"]}
        case "csv":
            assert got == {"n": ["1", "2", "3"], "score": ["0.5", "", "1.5"], "lang": ["en", "de", ""]}
        case _:
            assert got == EXTRA


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_fields_keep_the_types_that_a_file_gives_them(tmp_path, kind):
    nested = pa.array([{"a": [1]}, {"a": []}, None])
    words = pa.array(["x", "y", "x"]).dictionary_encode()
    (piece,) = slices(written(tmp_path, kind, nested=nested, words=words))
    batches = list(read(piece, Fields(extra=("nested", "words"))))
    assert all(pa.types.is_struct(batch.fields["nested"].type) for batch in batches)
    assert {batch.fields["words"].type for batch in batches} == {pa.string()}
    assert [v for batch in batches for v in batch.fields["nested"].to_pylist()] == nested.to_pylist()


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "txt"])
def test_a_field_that_a_file_does_not_have(tmp_path, kind):
    path = tmp_path / "x.txt"
    path.write_text("a")
    (piece,) = slices(path if kind == "txt" else written(tmp_path, kind))
    with pytest.raises(DataError, match=r"(no column named|plain text has no field) 'lang'"):
        list(read(piece, Fields(extra=("lang",))))


def test_failing_storage_is_worth_another_attempt(tmp_path, monkeypatch):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text":"a"}\n')
    (piece,) = slices(path)

    class Broken(io.BytesIO):
        def readinto(self, buffer):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("pairloom.pipeline.inputs.storage._open", lambda uri: Broken())
    with pytest.raises(StorageError, match="Input/output error"):
        list(read(piece, Fields()))


def test_arrow_reports_failing_storage_as_such(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)
    (piece,) = slices(path)

    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("pairloom.pipeline.inputs.storage._open", lambda uri: Broken(path.read_bytes()))
    with pytest.raises(StorageError, match="Input/output error"):
        list(read(piece, Fields()))


def test_reading_needs_no_cluster():
    code = "import sys, pairloom.pipeline.inputs.units, pairloom.pipeline.inputs.readers; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
