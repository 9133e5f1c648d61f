"""Avro and ORC: the records of other systems, whole and damaged."""

import datetime
import io
import os
import random

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from pyarrow import orc

from pairloom.operators.errors import DataError, PairloomError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Limits
from pairloom.pipeline.inputs.units import fields_of, plan_units
from pairloom.pipeline.recipe import CorpusSource

TEXTS = [f"text {k} " + "é" * k for k in range(60)]
SCHEMA = {
    "type": "record",
    "name": "Page",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "text", "type": ["null", "string"]},
        {"name": "raw", "type": "bytes"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "meta", "type": {"type": "record", "name": "Meta", "fields": [{"name": "score", "type": "double"}]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}  # fmt: skip
RECORDS = [
    {
        "id": k,
        "text": text,
        "raw": text.encode(),
        "day": datetime.date(2026, 1, 1 + k % 28),
        "meta": {"score": k / 100},
        "tags": ["a", str(k)],
    }
    for k, text in enumerate(TEXTS)
]


def avro(records=RECORDS, codec="deflate"):
    fastavro = pytest.importorskip("fastavro")
    sink = io.BytesIO()
    if codec == "zstandard":  # fastavro needs another library to write it
        return by_zstandard(avro(records, "null"))
    fastavro.writer(sink, SCHEMA, records, codec=codec, sync_interval=500, sync_marker=b"0123456789abcdef")
    return sink.getvalue()


def by_zstandard(data):
    """A file whose blocks are not compressed, compressed."""
    header, *blocks = data.split(b"0123456789abcdef")
    found = [header.replace(b"\x08null", b"\x12zstandard")]
    for block in blocks[:-1]:
        at = 2 if block[0] >= 0x80 else 1
        end = next(i for i in range(at, len(block)) if block[i] < 0x80) + 1
        packed = zstandard.compress(block[end:])
        size, written = 2 * len(packed), b""
        while size >= 0x80:
            size, written = size >> 7, written + bytes([size & 0x7F | 0x80])
        found.append(block[:at] + written + bytes([size]) + packed)
    return b"0123456789abcdef".join([*found, b""])


def orc_file(texts=TEXTS, **options):
    sink = io.BytesIO()
    rows = [{"score": k / 100} for k in range(len(texts))]
    with orc.ORCWriter(sink, stripe_size=1024, **options) as writer:
        for start in range(0, len(texts), 20):
            part = slice(start, start + 20)
            writer.write(pa.table({"id": range(len(texts))[part], "text": texts[part], "meta": rows[part]}))
    return sink.getvalue()


def batches(path, unit_bytes=1 << 40, batch_bytes=1 << 20, checked=True, **keys):
    source = CorpusSource(name="s", paths=(str(path),), **keys)
    files = list_inputs(source)
    if checked:
        check_sources([(source, files)], max_rejected=0.0, max_record_bytes=1 << 30)
    units = plan_units(source, files, unit_bytes)
    found = [
        batch
        for unit in units
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
@pytest.mark.parametrize("codec", ["null", "deflate", "zstandard", "xz", "bzip2"])
def test_avro_of_every_codec(tmp_path, codec, batch_bytes):
    path = tmp_path / "x.avro"
    path.write_bytes(avro(codec=codec))
    assert texts(path, batch_bytes=batch_bytes) == TEXTS
    assert texts(path, text="raw") == TEXTS
    assert texts(path, text="tags", list_separator="-")[7] == "a-7"
    assert texts(path, text="{day}: {id}", where="meta.score >= 0.58") == ["2026-01-03: 58", "2026-01-04: 59"]


def test_avro_records_that_cannot_be_used(tmp_path):
    path = tmp_path / "x.avro"
    bad = [RECORDS[0], RECORDS[1] | {"text": None}, RECORDS[2] | {"raw": b"\xff"}, RECORDS[3]]
    data = avro(bad)
    path.write_bytes(data)
    found = batches(path, checked=False)
    letters = [letter for batch in found for letter in batch.rejected]
    first = data.index(b"0123456789abcdef") + 16
    assert [(one.row, one.reason, one.position) for one in letters] == [
        (1, "null_text", f"block at byte {first}, record 1"),
        (2, "invalid_utf8", f"block at byte {first}, record 2"),
    ]


def test_avro_that_is_damaged_or_cut(tmp_path):
    path = tmp_path / "x.avro"
    data = avro(codec="null")
    second = data.index(b"0123456789abcdef", data.index(b"0123456789abcdef") + 16) + 16
    for damaged, said in (
        (data[:-30], r"cut short in the block at byte \d+: .* bytes of \d+ are missing"),
        (data[: second - 4], "cut short in the block at byte"),
        (data[: second - 16] + b"?" * 16 + data[second:], "the mark behind it is not that of the file"),
        (b"Obj\x01" + b"\xff" * 40, "damaged in the block at byte 0: a number does not end"),
        (data.replace(b'"record"', b'"recerd"', 1), "damaged in the block at byte 0: its schema"),
        (data.replace(b"null", b"lzzz", 1), "compressed by lzzz, which is not read"),
        (b"no avro at all", "it does not begin as Avro does"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=said) as caught:
            batches(path, checked=False)
        assert str(path) in str(caught.value)


def test_an_avro_block_is_no_bomb(tmp_path):
    """R9: a block unpacks to no more than `max_expansion` allows."""
    path = tmp_path / "x.avro"
    path.write_bytes(avro([RECORDS[0] | {"text": " " * (100 << 20)}]))
    with pytest.raises(DataError, match=r"\(max_expansion\)"):
        batches(path, checked=False)


@pytest.mark.parametrize("compression", ["uncompressed", "zlib", "snappy", "zstd", "lz4"])
def test_orc_is_cut_between_stripes(tmp_path, compression):
    path = tmp_path / "x.orc"
    path.write_bytes(orc_file(compression=compression))
    assert orc.ORCFile(path).nstripes > 1 or compression != "uncompressed"
    for unit_bytes in (1, 1 << 40):
        assert texts(path, unit_bytes=unit_bytes) == TEXTS
    assert texts(path, text="{id}: {meta.score}"[:4] + "!", where="meta.score >= 0.58") == ["58!", "59!"]
    ids = [one for batch in batches(path, id="id") for one in batch.id.to_pylist()]
    assert ids == [str(k) for k in range(60)]


def test_orc_rows_that_cannot_be_used(tmp_path):
    path = tmp_path / "x.orc"
    path.write_bytes(orc_file(["a", None, "b"]))
    (batch,) = (one for one in batches(path, checked=False) if one.records)
    assert batch.content.to_pylist() == ["a", "b"]
    assert [(one.row, one.position, one.reason) for one in batch.rejected] == [
        (1, "stripe 0, row 1", "null_text")
    ]


def test_orc_without_its_end_or_its_column(tmp_path):
    path = tmp_path / "x.orc"
    data = orc_file()
    for damaged, said in (
        (data[:-10], "not a whole orc file"),
        (b"ORC", "not a whole orc file"),
        (b"x" * 99, "not a whole"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=said):
            batches(path, checked=False)
    path.write_bytes(data)
    with pytest.raises(DataError, match="no column named 'txt'; did you mean 'text'"):
        texts(path, text="txt")


def test_orc_that_repeats_a_row_for_ever_is_refused(tmp_path):
    path = tmp_path / "x.orc"
    with orc.ORCWriter(path, compression="zstd", dictionary_key_size_threshold=1.0) as writer:
        one = pa.table({"text": pa.array(np.zeros(1 << 20, np.int8)).cast(pa.string())})
        for _ in range(12):
            writer.write(one)
    with pytest.raises(DataError, match=r"\(max_expansion\)"):
        batches(path, checked=False)


@pytest.mark.parametrize("kind", ["avro", "orc"])
def test_damage_never_ends_the_process(tmp_path, kind):
    """R6: flipped, cut and added bytes are documents, dead letters or one DataError, and nothing else."""
    dice = random.Random(kind)
    wholes = [avro(), avro(codec="null")] if kind == "avro" else [orc_file(), orc_file(compression="zlib")]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for number in range(200):
                data = bytearray(dice.choice(wholes))
                for _ in range(dice.choice([1, 1, 3])):
                    at = dice.randrange(len(data))
                    if dice.random() < 0.7:
                        data[at] ^= 1 << dice.randrange(8)
                    else:
                        del data[at : at + dice.randrange(1, 60)]
                path = tmp_path / f"{number}.{kind}"
                path.write_bytes(bytes(data))
                try:
                    batches(path, checked=False)
                except PairloomError as error:
                    assert str(path) in str(error), error  # noqa: PT017
            code = 0
        except BaseException as error:  # noqa: BLE001  (whatever it is, the child ends here)
            os.write(2, f"{number}: {error!r}\n".encode())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
