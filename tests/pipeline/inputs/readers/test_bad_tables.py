"""CSV, Parquet and Arrow files that are cut short, damaged, or hold something else."""

import pyarrow as pa
import pytest

from tests.pipeline.inputs.readers.cases import (
    BAD,
    BAD_LARGE,
    GOOD,
    STRINGS,
    Case,
    arrow,
    check,
    column,
    flipped,
    not_utf8,
    parquet,
    wild_offsets,
)

CASES = {
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
    check(tmp_path, case)
