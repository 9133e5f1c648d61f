"""Parquet and CSV that were drawn: what is read is what pyarrow and the standard library read of the whole file at once.

Batches are kept until the last is there and several files are read by turns, so that a block or a buffer that is used again
too early shows.
"""

import bz2
import csv
import gzip
import io
import lzma
from itertools import zip_longest

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

LETTERS = st.characters(codec="utf-8") | st.sampled_from('",\n\r\t\0\ufeff')
TEXTS = st.text(LETTERS, max_size=20) | st.builds(
    lambda text, times: text * times, st.text(LETTERS, min_size=1, max_size=9), st.integers(1, 900)
)
NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)

TEXT_TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.dictionary(pa.int32(), pa.string()),
]
OTHERS = {
    pa.int64(): NUMBERS,
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): TEXTS,
    pa.dictionary(pa.int32(), pa.string()): st.sampled_from(["x", "yy", "é"]),
    pa.list_(pa.string()): st.lists(st.none() | TEXTS, max_size=3),
    pa.list_(pa.list_(pa.int64())): st.lists(
        st.none() | st.lists(st.none() | NUMBERS, max_size=2), max_size=2
    ),
    pa.struct({"a": pa.string(), "b": pa.list_(pa.int64())}): st.fixed_dictionaries(
        {"a": st.none() | TEXTS, "b": st.none() | st.lists(NUMBERS, max_size=2)}
    ),
}
COMPRESSED = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    ".zst": zstandard.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


def slices(path, unit_bytes=1 << 30):
    source = CorpusSource(name="s", paths=(str(path),))
    return [piece for unit in plan_units(source, list_inputs(source), unit_bytes) for piece in unit.slices]


def read_by_turns(files, fields, batch_bytes):
    """The batches of each slice of each file; slices are read by turns, and all batches are kept meanwhile."""
    pieces = [piece for path, unit_bytes in files for piece in slices(path, unit_bytes)]
    readers = [read(piece, fields, Limits(batch_bytes=batch_bytes)) for piece in pieces]
    turns = list(zip_longest(*readers))
    found = [[batch for batch in one if batch is not None] for one in zip(*turns, strict=True)]
    for piece, batches in zip(pieces, found, strict=True):
        assert sum(batch.bytes_read for batch in batches) == piece.bytes
        for batch in batches:
            batch.content.validate(full=True)
            assert batch.content.null_count == 0
    return list(zip(pieces, found, strict=True))


def rows_of(batches, fields):
    """(number, text, id, others) of each document, and (number, reason, position) of each letter, by number."""
    documents, letters = [], []
    for batch in batches:
        columns = [batch.fields[name].to_pylist() for name in fields.extra]
        others = list(zip(*columns, strict=True)) if columns else [()] * len(batch)
        documents += zip(
            batch.row.to_pylist(), batch.content.to_pylist(), batch.id.to_pylist(), others, strict=True
        )
        letters += [(letter.row, letter.reason, letter.position) for letter in batch.rejected]
    return documents, letters


@st.composite
def tables(draw):
    """A table with a text, an id and other columns, and how it is written."""
    count = draw(st.integers(0, 30))
    of_text = draw(st.sampled_from(TEXT_TYPES))
    value = TEXTS.map(str.encode) | st.binary(max_size=4) if "binary" in str(of_text) else TEXTS
    few = st.sampled_from(draw(st.lists(value, min_size=1, max_size=3)))
    texts = draw(st.lists(st.none() | draw(st.sampled_from([value, few])), min_size=count, max_size=count))
    ids = draw(st.sampled_from([pa.string(), pa.int64()]))
    values = {pa.string(): TEXTS, pa.int64(): NUMBERS}[ids]
    columns = {
        "text": pa.array(texts, of_text),
        "id": pa.array(draw(st.lists(st.none() | values, min_size=count, max_size=count)), ids),
    }
    for k, one in enumerate(
        sorted(draw(st.sets(st.sampled_from(sorted(OTHERS, key=str)), max_size=3)), key=str)
    ):
        cells = draw(st.lists(st.none() | OTHERS[one], min_size=count, max_size=count))
        columns[f"c{k}"] = pa.array(cells, one)
    # pyarrow 26 does not find its way through lists over several pages.
    listed = any(pa.types.is_nested(column.type) for column in columns.values())
    options = {
        "row_group_size": draw(st.integers(1, 12)),
        "compression": draw(st.sampled_from(["none", "snappy", "zstd", "gzip", "brotli", "lz4"])),
        "use_dictionary": draw(st.booleans()),
        "data_page_size": 1 << 20 if listed else draw(st.sampled_from([1, 64, 1 << 20])),
        "data_page_version": draw(st.sampled_from(["1.0", "2.0"])),
        "write_page_checksum": draw(st.booleans()),
        "store_schema": draw(st.booleans()),
    }
    return pa.table(columns), options


def expected_of(table, fields, first, records):
    """What `rows_of` gives for these rows of a table, `first` being the first of them."""
    documents, letters = [], []
    for row in range(records):
        text, own, *others = (table[name][first + row].as_py() for name in fields.names)
        bad = fault(text, "text") or fault(own, "id")
        if bad:
            letters.append((row, bad, f"row {first + row}"))
        else:
            text = text.decode() if isinstance(text, bytes) else text
            documents.append((row, text, str(own), tuple(others)))
    return documents, letters


def fault(value, field):
    """Why a value is no text."""
    if value is None:
        return f"null_{field}"
    try:
        value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        return "invalid_utf8"
    return None


@settings(max_examples=60)
@given(st.lists(tables(), min_size=1, max_size=3), st.integers(1, 4000), st.sampled_from([1, 40, 1 << 20]))
def test_parquet_is_what_pyarrow_reads(folder, some, unit_bytes, batch_bytes):
    """Row groups, pages, codecs, nulls, dictionaries, lists and structs; every slice has its own rows."""
    names = sorted(set.intersection(*(set(table.column_names) for table, _ in some)) - {"text", "id"})
    fields = Fields(text="text", id="id", extra=tuple(names))
    files = []
    for k, (table, options) in enumerate(some):
        files.append((folder / f"{k}.parquet", unit_bytes))
        pq.write_table(table, files[-1][0], **options)
    whole = {f"file://{path}": pq.ParquetFile(path) for path, _ in files}
    for piece, batches in read_by_turns(files, fields, batch_bytes):
        file = whole[piece.file.uri]
        groups = [file.metadata.row_group(k).num_rows for k in range(piece.stop)]
        first, records = sum(groups[: piece.start]), sum(groups[piece.start :])
        assert rows_of(batches, fields) == expected_of(file.read(), fields, first, records)


def written_rows(rows, delimiter, newline, quoting):
    """Rows as the standard library writes them, which quotes no lone carriage return unless it quotes everything."""
    sink = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if any("\r" in cell for row in rows for cell in row) else quoting
    csv.writer(sink, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows(rows)
    return sink.getvalue()


ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=12)
FILES = st.tuples(
    ROWS,
    st.sampled_from([".csv", ".tsv"]),
    st.sampled_from(sorted(COMPRESSED)),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=60)
@given(st.lists(FILES, min_size=1, max_size=3), st.sampled_from([1, 40, 1 << 20]))
def test_csv_is_what_the_standard_library_reads(folder, some, batch_bytes):
    """Quotes, newlines within them, both ends of lines, a byte order mark, no rows, a long row, every compression."""
    fields, files, whole = Fields(text="text", id="id", extra=("x",)), [], {}
    for k, (rows, kind, compression, newline, quoting, marked, ended) in enumerate(some):
        delimiter = "," if kind == ".csv" else "\t"
        text = written_rows([("id", "x", "text"), *rows], delimiter, newline, quoting)
        text = text if ended else text.removesuffix(newline)
        path = folder / f"{k}{kind}{compression}"
        data = (b"\xef\xbb\xbf" if marked else b"") + text.encode()
        path.write_bytes(COMPRESSED[compression](data))
        files.append((path, 1 << 30))
        cells = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        whole[f"file://{path}"] = [(k, one["text"], one["id"], (one["x"],)) for k, one in enumerate(cells)]
    for piece, batches in read_by_turns(files, fields, batch_bytes):
        assert rows_of(batches, fields) == (whole[piece.file.uri], [])
