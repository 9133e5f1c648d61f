"""What becomes of each kind of bad input: a dead letter with position and reason, or an error that says what to do.

Each case writes one file. `texts` are the records that must come out, `dead` the (position, reason) of the others;
`error` is part of the message of the DataError that must be raised instead.
"""

import gzip
import io
import json
import os
import random
import zlib
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs import storage
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.units import Source, list_inputs, plan_units

GOOD = b'{"text":"a"}\n'
MANY = b"".join(json.dumps({"text": f"line {k} " + "é" * (k % 50)}).encode() + b"\n" for k in range(5000))


class Case(NamedTuple):
    name: str
    data: bytes
    texts: list[str] | None = None
    dead: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    id: str | None = None
    limits: dict[str, Any] | None = None


def line(data, reason, id_field=None):
    """A JSON line between two good ones that is rejected for a reason."""
    good = b'{"text":"a","id":1}\n'
    return Case(
        "x.jsonl", good + data + b"\n" + good, ["a", "a"], [(f"byte {len(good)}", reason)], id=id_field
    )


def parquet(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def arrow(table, kind=pa.ipc.new_file):
    sink = io.BytesIO()
    with kind(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def column(values, kind=None):
    return pa.table({"text": pa.array(values, kind)})


def not_utf8(kind, offsets):
    """Three strings, the second of which is no UTF-8."""
    return pa.table({"text": kind.from_buffers(3, pa.py_buffer(offsets), pa.py_buffer(b"ab\xffc"))})


def wild_offsets():
    """An Arrow file whose second text ends far behind its data."""
    return arrow(column(["aaaa", "bbbb"])).replace(
        (0).to_bytes(4, "little") + (4).to_bytes(4, "little") + (8).to_bytes(4, "little"),
        (0).to_bytes(4, "little") + (4).to_bytes(4, "little") + (1 << 30).to_bytes(4, "little"),
    )


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


BAD = pa.array([0, 1, 3, 4], pa.int32()).buffers()[1].to_pybytes()
BAD_LARGE = pa.array([0, 1, 3, 4], pa.int64()).buffers()[1].to_pybytes()
STRINGS = column([f"text {k}" for k in range(6)])
GZIP = gzip.compress(MANY)
ZSTD = zstandard.compress(MANY)
NO_SIZE = zstandard.ZstdCompressor(write_content_size=False).compress(MANY)

CASES = {
    # Lines of JSON: what is wrong with one line costs that line.
    "json: not json": line(b"{oops", "invalid_json"),
    "json: cut short": line(b'{"text":"a', "invalid_json"),
    "json: two objects on a line": line(b'{"text":"a"}{"text":"b"}', "invalid_json"),
    "json: something behind the object": line(b'{"text":"a"} x', "invalid_json"),
    "json: null behind the object": line(b'{"text":"a"} null', "invalid_json"),
    "json: only a line of null": Case(
        "x.jsonl", b"null\nnull\n", [], [("byte 0", "not_an_object"), ("byte 5", "not_an_object")]
    ),
    "json: an array": line(b'[{"text":"a"}]', "not_an_object"),
    "json: a string": line(b'"a"', "not_an_object"),
    "json: a number": line(b"12", "not_an_object"),
    "json: trailing comma": line(b'{"text":"a",}', "invalid_json"),
    "json: single quotes": line(b"{'text':'a'}", "invalid_json"),
    "json: comment": line(b'{"text":"a"} // c', "invalid_json"),
    "json: raw control character": line(b'{"text":"a\x01"}', "invalid_json"),
    "json: raw tab": line(b'{"text":"a\tb"}', "invalid_json"),
    "json: zero byte": line(b'{"text":"a\x00b"}', "invalid_json"),
    "json: only zeros": line(b"\x00\x00\x00", "invalid_json"),
    "json: a form feed is no blank": line(b"\x0c", "invalid_json"),
    "json: unknown escape": line(b'{"text":"\\x41"}', "invalid_json"),
    "json: half an escape": line(b'{"text":"\\u12"}', "invalid_json"),
    "json: leading zero": line(b'{"text":"a","n":01}', "invalid_json"),
    "json: number without fraction": line(b'{"text":"a","n":1.}', "invalid_json"),
    "json: byte order mark within the file": line(b'\xef\xbb\xbf{"text":"a"}', "invalid_json"),
    "json: no-break space": line(b'\xc2\xa0{"text":"a"}', "invalid_json"),
    "json: missing text": line(b'{"txet":"a"}', "missing_text"),
    "json: empty object": line(b"{}", "missing_text"),
    "json: text only within another field": line(b'{"x":{"text":"a"}}', "missing_text"),
    "json: null text": line(b'{"text":null}', "null_text"),
    "json: number": line(b'{"text":5}', "text_not_a_string"),
    "json: list": line(b'{"text":["a"]}', "text_not_a_string"),
    "json: boolean": line(b'{"text":true}', "text_not_a_string"),
    "json: the last of two texts counts": line(b'{"text":"a","text":null}', "null_text"),
    "json: lone high surrogate": line(b'{"text":"\\ud800"}', "lone_surrogate"),
    "json: lone low surrogate": line(b'{"text":"\\udc00x"}', "lone_surrogate"),
    "json: surrogates the wrong way round": line(b'{"text":"\\ude00\\ud83d"}', "lone_surrogate"),
    "json: latin-1": line(b'{"text":"caf\xe9"}', "invalid_utf8"),
    "json: surrogate in utf-8": line(b'{"text":"\xed\xa0\x80"}', "invalid_utf8"),
    "json: overlong": line(b'{"text":"\xc0\x80"}', "invalid_utf8"),
    "json: above unicode": line(b'{"text":"\xf4\x90\x80\x80"}', "invalid_utf8"),
    "json: bad utf-8 in a field nobody wants": line(b'{"text":"a","x":"\xff"}', "invalid_utf8"),
    "json: nested too deep": line(b'{"text":"a","x":' + b"[" * 300 + b"]" * 300 + b"}", "nested_too_deep"),
    "json: very deep": line(b"[" * 500_000, "nested_too_deep"),
    "json: missing id": line(b'{"text":"a"}', "missing_id", id_field="id"),
    "json: null id": line(b'{"text":"a","id":null}', "null_id", id_field="id"),
    "json: fraction as id": line(b'{"text":"a","id":1.0}', "id_not_a_string", id_field="id"),
    "json: boolean as id": line(b'{"text":"a","id":true}', "id_not_a_string", id_field="id"),
    "json: surrogate in id": line(b'{"text":"a","id":"\\ud800"}', "lone_surrogate", id_field="id"),
    "json: utf-16": Case("x.jsonl", '{"text":"a"}'.encode("utf-16"), [], [("byte 0", "invalid_utf8")]),
    "json: too long": Case(
        "x.jsonl",
        GOOD * 3 + b'{"text":"' + b"a" * 100 + b'"}',
        limits={"max_record_bytes": 99},
        error=r"the record at byte 39 is longer than 99 bytes",
    ),
    "json: too long, in parts": Case(
        "x.jsonl",
        GOOD + b" " * (5 << 20),
        limits={"max_record_bytes": 99, "batch_bytes": 10},
        error=r"the record at byte 13 is longer than 99 bytes",
    ),
    "json: no newline anywhere": Case(
        "x.jsonl.gz",
        gzip.compress(b"a" * (5 << 20)),
        limits={"max_record_bytes": 1 << 20},
        error="the record at byte 0 is longer",
    ),
    # Not bad, only unusual.
    "json: last line without newline": Case("x.jsonl", GOOD + GOOD[:-1], ["a", "a"]),
    "json: blank lines": Case("x.jsonl", b"\n \t\n\r\n" + GOOD + b"\n\n" + GOOD + b"  ", ["a", "a"]),
    "json: byte order mark": Case("x.jsonl", b"\xef\xbb\xbf" + GOOD, ["a"]),
    "json: windows line ends": Case("x.jsonl", b'{"text":"a"}\r\n{"text":"b"}\r\n', ["a", "b"]),
    "json: escaped key": Case("x.jsonl", b'{"te\\u0078t":"a"}', ["a"]),
    "json: surrogate in a field nobody wants": Case("x.jsonl", b'{"text":"a","x":"\\ud800"}', ["a"]),
    "json: not a number": Case("x.jsonl", b'{"text":"a","x":[NaN,-Infinity]}', ["a"]),
    "json: a number of 5000 digits": Case("x.jsonl", b'{"text":"a","x":' + b"7" * 5000 + b"}", ["a"]),
    "json: looks like a time": Case("x.jsonl", b'{"text":"2020-01-01T00:00:00Z"}', ["2020-01-01T00:00:00Z"]),
    "json: empty file": Case("x.jsonl", b"", []),
    # Compressed streams.
    "gzip: cut short": Case(
        "x.jsonl.gz", GZIP[:-20], error=f"cut short: the file ends at byte {len(GZIP) - 20}"
    ),
    "gzip: without its last byte": Case("x.jsonl.gz", GZIP[:-1], error="cut short"),
    "gzip: only a header": Case("x.jsonl.gz", GZIP[:10], error="cut short"),
    "gzip: empty": Case("x.jsonl.gz", b"", error="cut short"),
    "gzip: checksum": Case("x.jsonl.gz", flipped(GZIP, -6), error="damaged"),
    "gzip: flipped within": Case("x.jsonl.gz", flipped(GZIP, len(GZIP) // 2), error="damaged|cut short"),
    "gzip: garbage behind": Case(
        "x.jsonl.gz", GZIP + b"garbage", error="damaged or followed by something else"
    ),
    "gzip: second member cut": Case("x.jsonl.gz", GZIP + GZIP[:50], error="cut short"),
    "gzip: not gzip": Case("x.jsonl.gz", GOOD, error="damaged"),
    "gzip: bare deflate": Case("x.jsonl.gz", zlib.compress(GOOD), error="damaged"),
    "gzip: zeros behind": Case("x.jsonl.gz", gzip.compress(GOOD) + bytes(512), ["a"]),
    "gzip: zeros, then garbage": Case("x.jsonl.gz", gzip.compress(GOOD) + bytes(512) + b"x", error="damaged"),
    "gzip: only zeros": Case("x.jsonl.gz", bytes(100), error="damaged"),
    "gzip: empty member": Case("x.jsonl.gz", gzip.compress(b"") + gzip.compress(GOOD), ["a"]),
    "gzip: a line over two members": Case(
        "x.jsonl.gz", gzip.compress(GOOD[:5]) + gzip.compress(GOOD[5:]), ["a"]
    ),
    "zstd: cut short": Case(
        "x.jsonl.zst", ZSTD[:-20], error=f"cut short: the file ends at byte {len(ZSTD) - 20}"
    ),
    "zstd: without its last byte": Case("x.jsonl.zst", ZSTD[:-1], error="cut short"),
    "zstd: without size, cut short": Case("x.jsonl.zst", NO_SIZE[:-1], error="cut short"),
    "zstd: empty": Case("x.jsonl.zst", b"", error="cut short"),
    "zstd: garbage behind": Case(
        "x.jsonl.zst", ZSTD + b"garbage", error="damaged or followed by something else"
    ),
    "zstd: zeros behind": Case("x.jsonl.zst", ZSTD + bytes(64), error="damaged"),
    "zstd: second frame cut": Case("x.jsonl.zst", ZSTD + ZSTD[:50], error="cut short"),
    "zstd: not zstd": Case("x.jsonl.zst", GOOD, error="damaged"),
    "zstd: skippable frame": Case(
        "x.jsonl.zst", b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zstandard.compress(GOOD), ["a"]
    ),
    # Text files.
    "text: empty": Case("x.txt", b"", [""]),
    "text: not utf-8": Case("x.txt", b"ab\xe9cd", [], [("byte 2", "invalid_utf8")]),
    "text: a character cut off": Case("x.txt", b"ab\xf0\x9f", [], [("byte 2", "invalid_utf8")]),
    "text: binary": Case("x.bin", b"\x7fELF\x80\x00", [], [("byte 4", "invalid_utf8")]),
    "text: zero bytes are text": Case("x.txt", b"a\x00b", ["a\x00b"]),
    "text: too long": Case(
        "x.txt", b"a" * 101, limits={"max_record_bytes": 100}, error="the record at byte 0 is longer"
    ),
    "text: gzip cut short": Case("x.txt.gz", GZIP[:-9], error="cut short"),
    # CSV.
    "csv: empty": Case("x.csv", b"", error="no header row"),
    "csv: without the column": Case(
        "x.csv", b"id,body\n1,a\n", error=r"no column named 'text'; the header row has \['id', 'body'\]"
    ),
    "csv: the column twice": Case("x.csv", b"text,text\na,b\n", error="2 columns named 'text'"),
    "csv: only a header": Case("x.csv", b"text,id\n", []),
    "csv: ragged": Case(
        "x.csv",
        b"text,id\na,1\nb\nc,2,3\nd,4\n",
        ["a", "d"],
        [("byte 12", "ragged_row"), ("byte 14", "ragged_row")],
    ),
    "csv: bad utf-8 in one row": Case(
        "x.csv", b"text,id\na,1\n\xff,2\nc,3\n", ["a", "c"], [("byte 12", "invalid_utf8")]
    ),
    "csv: bad utf-8 in a cell nobody wants": Case("x.csv", b"text,id\na,\xff\n", ["a"]),
    "csv: quote out of place": Case("x.csv", b'text\n"a"b\nc\n', ["c"], [("byte 5", "invalid_csv")]),
    "csv: quote never closed": Case(
        "x.csv", b'text\na\n"b\nc\nd\n', error="a quote that is opened in the row at byte 7 is never closed"
    ),
    "csv: newline in quotes": Case("x.csv", b'id,text\r\n1,"a\nb\r\n""c"""\r\n2,d', ['a\nb\r\n"c"', "d"]),
    "csv: byte order mark": Case("x.csv", b"\xef\xbb\xbftext\na\n\nb\n", ["a", "b"]),
    "csv: a long cell": Case("x.csv", b"text\n" + b"a" * 200_000 + b"\n", ["a" * 200_000]),
    "csv: too long": Case(
        "x.csv",
        b'text\n"' + b"a\n" * 100 + b'"\n',
        limits={"max_record_bytes": 99},
        error="the record at byte 5 is longer",
    ),
    "csv: lone carriage return": Case("x.csv", b"text\na\rb\nc\n", ["c"], [("byte 5", "invalid_csv")]),
    "tsv: commas are text": Case("x.tsv", b"id\ttext\n1\ta,b\n", ["a,b"]),
    # Parquet.
    "parquet: no footer": Case("x.parquet", parquet(STRINGS)[:-30], error="not a whole parquet file"),
    "parquet: empty file": Case("x.parquet", b"", error="not a whole parquet file"),
    "parquet: not parquet": Case("x.parquet", GOOD, error="not a whole parquet file"),
    "parquet: footer damaged": Case(
        "x.parquet", flipped(parquet(STRINGS), -8), error="not a whole parquet file"
    ),
    "parquet: page damaged": Case(
        "x.parquet",
        flipped(parquet(STRINGS, write_page_checksum=True, compression="none"), 60),
        error="not a whole parquet file",
    ),
    "parquet: without the column": Case(
        "x.parquet",
        parquet(pa.table({"body": ["a"], "n": [1]})),
        error="no column named 'text'; it has 'body', 'n'",
    ),
    "parquet: a column of numbers": Case(
        "x.parquet",
        parquet(column([1, 2])),
        error="column 'text' is of type int64; it must hold strings or binaries",
    ),
    "parquet: a column of lists": Case(
        "x.parquet", parquet(column([["a"]])), error="column 'text' is of type list"
    ),
    "parquet: nulls": Case(
        "x.parquet",
        parquet(column(["a", None, "", None, "b"]), row_group_size=2),
        ["a", "", "b"],
        [("row 1", "null_text"), ("row 3", "null_text")],
    ),
    "parquet: binary": Case(
        "x.parquet", parquet(column([b"a", b"\xff", b"b"])), ["a", "b"], [("row 1", "invalid_utf8")]
    ),
    "parquet: strings that are not utf-8": Case(
        "x.parquet", parquet(not_utf8(pa.StringArray, BAD)), ["a", "c"], [("row 1", "invalid_utf8")]
    ),
    "parquet: no rows": Case("x.parquet", parquet(column([], pa.string())), []),
    "parquet: null id": Case(
        "x.parquet",
        parquet(pa.table({"text": ["a", "b"], "id": [None, 2]})),
        ["b"],
        [("row 0", "null_id")],
        id="id",
    ),
    "parquet: fraction as id": Case(
        "x.parquet",
        parquet(pa.table({"text": ["a"], "id": [1.5]})),
        error="column 'id' is of type double",
        id="id",
    ),
    "parquet: too long": Case(
        "x.parquet",
        parquet(column(["a", "b" * 200])),
        limits={"max_record_bytes": 100},
        error="the record at row 1 is longer",
    ),
    # Arrow.
    "arrow: cut short": Case("x.arrow", arrow(STRINGS)[:-8], error="cut short: no footer"),
    "arrow: stream cut short": Case(
        "x.arrows", arrow(STRINGS, pa.ipc.new_stream)[:-8], error="cut short: no end-of-stream"
    ),
    "arrow: stream cut within": Case("x.arrows", arrow(STRINGS, pa.ipc.new_stream)[:-60], error="cut short"),
    "arrow: stream with another behind": Case(
        "x.arrows", arrow(STRINGS, pa.ipc.new_stream) * 2, error="something follows it"
    ),
    "arrow: empty file": Case("x.arrow", b"", error="neither an Arrow file nor a stream"),
    "arrow: not arrow": Case("x.arrow", GOOD, error="neither an Arrow file nor a stream"),
    "arrow: feather 1": Case("x.feather", b"FEA1" + bytes(50) + b"FEA1", error="Feather version 1"),
    "arrow: without the column": Case(
        "x.arrow", arrow(pa.table({"body": ["a"]})), error="no column named 'text'; it has 'body'"
    ),
    "arrow: nulls": Case(
        "x.arrow", arrow(column(["a", None, "b"])), ["a", "b"], [("record batch 0, row 1", "null_text")]
    ),
    "arrow: null within a dictionary": Case(
        "x.arrow",
        arrow(column(["a", None, "a"]).cast(pa.schema([("text", pa.dictionary(pa.int8(), pa.string()))]))),
        ["a", "a"],
        [("record batch 0, row 1", "null_text")],
    ),
    "arrow: strings that are not utf-8": Case(
        "x.arrow",
        arrow(not_utf8(pa.StringArray, BAD)),
        ["a", "c"],
        [("record batch 0, row 1", "invalid_utf8")],
    ),
    "arrow: large strings that are not utf-8": Case(
        "x.arrows",
        arrow(not_utf8(pa.LargeStringArray, BAD_LARGE), pa.ipc.new_stream),
        ["a", "c"],
        [("record batch 0, row 1", "invalid_utf8")],
    ),
    "arrow: offsets out of bounds": Case("x.arrow", wild_offsets(), error="not a whole arrow file"),
    "arrow: no record batches": Case("x.arrow", arrow(column([], pa.string()).slice(0, 0)), []),
    "arrow: a column of nulls": Case("x.arrow", arrow(column([None, None])), error="of type null"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input(tmp_path, case):
    path = tmp_path / case.name
    path.write_bytes(case.data)
    source = Source(name="s", paths=(str(path),), id=case.id)

    def run():
        (unit,) = plan_units(source, list_inputs(source), 1 << 30)
        return [
            batch
            for piece in unit.slices
            for batch in read(piece, text="text", id=case.id, **(case.limits or {}))
        ]

    if case.error is not None:
        with pytest.raises(DataError, match=case.error) as caught:
            run()
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 600
        return
    batches = run()
    assert [text for batch in batches for text in batch.texts.to_pylist()] == case.texts
    letters = [letter for batch in batches for letter in batch.rejected]
    assert [(letter.position, letter.reason) for letter in letters] == list(case.dead)
    numbers = sorted(
        [n for batch in batches for n in batch.rows.tolist()] + [letter.row for letter in letters]
    )
    assert numbers == list(range(len(case.texts) + len(case.dead)))
    assert sum(batch.bytes_read for batch in batches) == len(case.data)
    for batch in batches:
        batch.texts.validate(full=True)
        assert batch.texts.null_count == 0
    for letter in letters:
        assert letter.uri == f"file://{path}"
        assert letter.detail
        assert len(letter.excerpt) <= 200
        assert letter.excerpt.isprintable()


@pytest.mark.parametrize("change", ["longer", "shorter", "touched", "gone"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.txt", "x.csv", "x.jsonl.gz", "x.parquet", "x.arrow"])
def test_a_file_that_changes_after_planning(tmp_path, name, change):
    path = tmp_path / name
    kinds = {
        "x.jsonl.gz": GZIP,
        "x.parquet": parquet(STRINGS),
        "x.arrow": arrow(STRINGS),
        "x.csv": b"text\na\n",
    }
    data = kinds.get(name, GOOD)
    path.write_bytes(data)
    source = Source(name="s", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    if change == "gone":
        path.unlink()
    elif change == "touched":
        path.write_bytes(data)
        os.utime(path, ns=(1, 1))
    else:
        path.write_bytes(data + b"\n" if change == "longer" else data[:-1])
    with pytest.raises(DataError, match="changed during the run"):
        list(read(unit.slices[0], text="text", id=None))


@pytest.mark.parametrize("name", ["x.jsonl", "x.txt.gz"])
def test_a_file_that_shrinks_while_it_is_read(tmp_path, name):
    path = tmp_path / name
    data = MANY * 30 if name == "x.jsonl" else gzip.compress(random.Random(1).randbytes(5 << 20))
    path.write_bytes(data)
    source = Source(name="s", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)

    real = storage._open

    def opened(uri):
        handle = real(uri)
        with path.open("r+b") as other:
            other.truncate(len(data) // 2)
        return handle

    storage._open = opened
    try:
        with pytest.raises(DataError, match="changed during the run: ended at byte"):
            list(read(unit.slices[0], text="text", id=None))
    finally:
        storage._open = real
