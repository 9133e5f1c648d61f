"""CSV: what a writer wrote comes back, whatever the batches, and bad bytes cost their own row."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

cells = st.text(st.characters(codec="utf-8") | st.sampled_from('",\n\r\t\x00\ufeff'), max_size=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("delimited")


def outcome(path, batch_bytes):
    source = CorpusSource(name="s", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    texts, letters, size = [], [], 0
    for batch in read(unit.slices[0], Fields(id="id"), Limits(batch_bytes=batch_bytes)):
        texts += zip(batch.row.to_pylist(), batch.content.to_pylist(), batch.id.to_pylist(), strict=True)
        letters += [(letter.row, letter.reason) for letter in batch.rejected]
        size += batch.bytes_read
    assert size == path.stat().st_size
    return texts, letters


@given(
    st.lists(st.tuples(cells, cells, cells)),
    st.sampled_from(["csv", "tsv"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 80),
)
def test_rows_come_back(folder, rows, kind, newline, batch_bytes):
    sink = io.StringIO(newline="")
    writer = csv.writer(
        sink, delimiter="," if kind == "csv" else "\t", lineterminator=newline, quoting=csv.QUOTE_ALL
    )
    writer.writerows([("id", "x", "text"), *rows])
    path = folder / f"x.{kind}"
    path.write_bytes(sink.getvalue().encode())
    assert outcome(path, batch_bytes) == ([(k, row[2], row[0]) for k, row in enumerate(rows)], [])


@given(
    st.lists(st.sampled_from([b"1,a", b"2,\xff", b"\xc3,b", b"3", b"4,c,d", b'5,"a"b', b'6,"e\nf"', b""])),
    st.integers(1, 80),
)
def test_every_row_is_kept_or_rejected(folder, rows, batch_bytes):
    path = folder / "mixed.csv"
    path.write_bytes(b"\n".join([b"id,text", *rows]))
    expected = {b"1,a": ("a", "1"), b'6,"e\nf"': ("e\nf", "6")}
    reasons = {
        b"2,\xff": "invalid_utf8",
        b"\xc3,b": "invalid_utf8",
        b"3": "ragged_row",
        b"4,c,d": "ragged_row",
    }
    records = [row for row in rows if row]
    texts, letters = outcome(path, batch_bytes)
    assert texts == [(k, *expected[row]) for k, row in enumerate(records) if row in expected]
    assert letters == [
        (k, reasons.get(row, "invalid_csv")) for k, row in enumerate(records) if row not in expected
    ]
