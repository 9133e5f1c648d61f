"""One bad file each, and what becomes of it: dead letters with position and reason, or an error that says what to do.

`texts` are the records that must come out, `dead` the (position, reason) of the others; `error` is part of the message
of the DataError that must be raised instead.
"""

import bz2
import gzip
import io
import json
import lzma
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

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


def lz4(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


BAD = pa.array([0, 1, 3, 4], pa.int32()).buffers()[1].to_pybytes()
BAD_LARGE = pa.array([0, 1, 3, 4], pa.int64()).buffers()[1].to_pybytes()
STRINGS = column([f"text {k}" for k in range(6)])
GZIP = gzip.compress(MANY)
ZSTD = zstandard.compress(MANY)
XZ = lzma.compress(MANY)
BZ2 = bz2.compress(MANY)
LZ4 = lz4(MANY)
NO_SIZE = zstandard.ZstdCompressor(write_content_size=False).compress(MANY)


def check(folder, case):
    """Read the case's file, and compare what comes out of it."""
    path = folder / case.name
    path.write_bytes(case.data)
    source = CorpusSource(name="s", paths=(str(path),), id=case.id)

    def run():
        (unit,) = plan_units(source, list_inputs(source), 1 << 30)
        return [
            batch
            for piece in unit.slices
            for batch in read(piece, Fields(id=case.id), Limits(**(case.limits or {})))
        ]

    if case.error is not None:
        with pytest.raises(DataError, match=case.error) as caught:
            run()
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 600
        return
    batches = run()
    assert [text for batch in batches for text in batch.content.to_pylist()] == case.texts
    letters = [letter for batch in batches for letter in batch.rejected]
    assert [(letter.position, letter.reason) for letter in letters] == list(case.dead)
    numbers = sorted(
        [n for batch in batches for n in batch.row.to_pylist()] + [letter.row for letter in letters]
    )
    assert numbers == list(range(len(case.texts) + len(case.dead)))
    assert sum(batch.bytes_read for batch in batches) == len(case.data)
    for batch in batches:
        batch.content.validate(full=True)
        assert batch.content.null_count == 0
    for letter in letters:
        assert letter.uri == f"file://{path}"
        assert letter.detail
        assert len(letter.excerpt) <= 200
        assert letter.excerpt.isprintable()
