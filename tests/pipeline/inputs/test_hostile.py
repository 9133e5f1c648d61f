"""Files that would end the process, or take all of its memory, name themselves instead."""

import gzip
import io
import os
import random
import resource
import struct
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pairloom.operators.errors import DataError, PairloomError
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import reader_of
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

MEMORY = 1 << 30


def documents(path, **keys):
    """Everything that is done with a file: listed, looked at, cut, read."""
    source = CorpusSource(name="web", paths=(str(path),), **keys)
    (file,) = list_inputs(source)
    reader_of(file).first(file, Fields(), Limits())
    return [
        text
        for unit in plan_units(source, [file], 1 << 30)
        for batch in Intake(unit, 1 << 30).documents()
        for text in batch.content.to_pylist()
    ]


def in_a_child(work):
    """What became of work in a process of its own: its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (whatever it is, the child ends here)
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def tables():
    texts = [f"some text {k} " * (k % 5 + 1) for k in range(120)]
    table = pa.table({"text": texts, "n": [None if k % 5 else "abc" for k in range(120)]})
    for options in (
        {},
        {"use_dictionary": False, "compression": "zstd"},
        {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY", "data_page_version": "2.0"},
        {"write_page_index": True, "row_group_size": 40, "compression": "gzip"},
    ):
        sink = io.BytesIO()
        pq.write_table(table, sink, **options)
        yield "x.parquet", sink.getvalue()
    for compression in (None, "zstd"):
        for kind in (pa.ipc.new_file, pa.ipc.new_stream):
            sink = io.BytesIO()
            with kind(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
                writer.write_table(table, max_chunksize=50)
            yield "x.arrow", sink.getvalue()
    rows = b"text,n\n" + b"".join(f'"{text}",1\n'.encode() for text in texts)
    yield "x.csv", rows
    yield "x.csv.gz", gzip.compress(rows)
    yield "x.csv.zst", zstandard.compress(rows)


def damaged(data, dice):
    data = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 4])):
        at = dice.randrange(max(0, len(data) - 1500) if dice.random() < 0.7 else 0, len(data))
        kind = dice.random()
        if kind < 0.5:
            data[at] ^= 1 << dice.randrange(8)
        elif kind < 0.8:
            data[at : at + 4] = dice.randrange(1 << 32).to_bytes(4, "little")
        elif kind < 0.9:
            del data[at : at + dice.randrange(1, 8)]
        else:
            data[at:at] = bytes(dice.randrange(256) for _ in range(4))
        if not data:
            break
    return bytes(data) or b"x"


@pytest.mark.parametrize("seed", range(3))
def test_damage_never_ends_the_process(tmp_path, seed):
    """F3, R6: files with flipped, cut and added bytes are documents, dead letters or one DataError, and nothing else."""
    dice = random.Random(seed)
    whole = list(tables())

    def work():
        for number in range(120):
            name, data = dice.choice(whole)
            path = tmp_path / f"{number}{name}"
            path.write_bytes(damaged(data, dice))
            try:
                documents(path)
            except PairloomError as error:
                said = str(error)
            else:
                said = str(path)
            assert str(path) in said
            path.unlink()

    assert in_a_child(work) == 0


def test_an_encrypted_column_is_named(tmp_path):
    """F3: a plaintext footer with a column whose metadata is encrypted aborts where a group's columns are asked."""
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Kms(encryption.KmsClient):
        def wrap_key(self, key, master):
            return key.hex().encode()

        def unwrap_key(self, wrapped, master):
            return bytes.fromhex(wrapped)

    configuration = encryption.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["text"]}, plaintext_footer=True, double_wrapping=False
    )
    properties = encryption.CryptoFactory(lambda _: Kms()).file_encryption_properties(
        encryption.KmsConnectionConfig(custom_kms_conf={}), configuration
    )
    path = tmp_path / "x.parquet"
    table = pa.table({"text": ["a", "b"]})
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)

    def work():
        with pytest.raises(DataError, match=r"x\.parquet: it is encrypted .*write it without encryption"):
            documents(path)

    assert in_a_child(work) == 0


def bombs():
    text = pa.array(["a" * 1_000_000]).take(pa.array([0] * 2000, pa.int32()))
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": text.dictionary_encode()}), sink, compression="zstd", store_schema=False)
    yield "x.parquet", sink.getvalue()
    mixed = pa.concat_arrays([pa.array(["b"] * 3000), text])
    sink = io.BytesIO()
    pq.write_table(
        pa.table({"text": mixed.dictionary_encode()}), sink, compression="zstd", store_schema=False
    )
    yield "mixed.parquet", sink.getvalue()
    for name in ("x.jsonl.gz", "x.txt.gz", "x.csv.gz"):
        with io.BytesIO() as sink:
            with gzip.open(sink, "wb", 9) as file:
                for _ in range(400):
                    file.write(bytes(1 << 20))
            yield name, sink.getvalue()
    yield "x.jsonl.zst", zstandard.compress(bytes(400 << 20))


def written(kind, table, compression=None, **options):
    sink = io.BytesIO()
    with kind(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, **options)
    return sink.getvalue()


def padded(number, size):
    """A number in the compact protocol, of so many bytes."""
    number *= 2
    return bytes((number >> 7 * k & 127) | (128 if k < size - 1 else 0) for k in range(size))


def viewed(values, rows):
    """A column of views, one a row, of values that are stored once; None is a null."""
    ends = np.cumsum([0, *map(len, values)])
    views = [
        (0, b"", 0, 0) if k is None else (len(values[k]), values[k][:4].encode(), 0, int(ends[k]))
        for k in rows
    ]
    stored = b"".join(struct.pack("<i4sii", *view) for view in views)
    there = np.packbits([k is not None for k in rows], bitorder="little").tobytes()
    buffers = [pa.py_buffer(one) for one in (there, stored, "".join(values).encode())]
    return pa.Array.from_buffers(pa.string_view(), len(rows), buffers)


def arrow_bombs():
    long = pa.table({"text": pa.array(["a" * (400 << 20)])})
    many = pa.table({"text": [""], **{f"c{k}": pa.array([bytes(20 << 20)]) for k in range(20)}})
    values = pa.array(["a" * (1 << 20)])
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), values)
    views = viewed(["a" * (1 << 20)], [0] * 2000)
    one = pa.array(["a" * (400 << 20)])
    for end, kind in (("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        yield f"{end}.arrow", written(kind, long, "zstd")
        yield f"{end}-columns.arrow", written(kind, many, "zstd")
        coded = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), one)})
        yield f"{end}-coded.arrow", written(kind, coded, "zstd")
        yield f"{end}-dictionary.arrow", written(kind, pa.table({"text": names}))
        yield f"{end}-views.arrow", written(kind, pa.table({"text": views}))


def parquet_bombs():
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["a" * (1 << 20)]))
    pq.write_table(pa.table({"text": names}), sink := io.BytesIO(), compression="zstd")
    yield "kept.parquet", sink.getvalue()
    long = pa.table({"text": pa.array(["a" * (400 << 20)])})
    for version in ("1.0", "2.0"):
        for coded in (True, False):
            options = {"compression": "zstd", "use_dictionary": coded, "data_page_version": version}
            pq.write_table(long, sink := io.BytesIO(), write_statistics=False, **options)
            data = sink.getvalue()
            yield f"long-{version}-{coded}.parquet", data
            size = pq.ParquetFile(sink).metadata.row_group(0).column(0).total_uncompressed_size
            start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
            width = len(f"{2 * size:b}") // 7 + (len(f"{2 * size:b}") % 7 > 0)
            assert padded(size, width) in data[start:]
            yield (
                f"lies-{version}-{coded}.parquet",
                data[:start] + data[start:].replace(padded(size, width), padded(1000, width)),
            )


def test_a_large_batch_of_a_large_file_is_no_exception(tmp_path):
    """R9: what is held is compared with what is stored of it, and not with the rest of the file."""
    noise = pa.array([random.Random(0).randbytes(4 << 20).hex()])
    table = pa.table({"text": pa.concat_arrays([noise, pa.array(["a" * (100 << 20)])])})
    for kind in (pa.ipc.new_file, pa.ipc.new_stream):
        path = tmp_path / "x.arrow"
        path.write_bytes(written(kind, table, "zstd", max_chunksize=1))
        with pytest.raises(DataError, match="max_expansion"):
            documents(path)
        assert [len(text) for text in documents(path, max_expansion=1 << 20)] == [8 << 20, 100 << 20]
        path.write_bytes(
            written(kind, table, "lz4", max_chunksize=1)
        )  # of which a byte stands for 255 at most
        with pytest.raises(DataError, match="max_expansion"):
            documents(path, max_expansion=100)
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, compression="zstd", row_group_size=1)
    with pytest.raises(DataError, match="max_expansion"):
        documents(path)
    assert [len(text) for text in documents(path, max_expansion=1 << 20)] == [8 << 20, 100 << 20]


def test_values_that_stand_in_many_rows_are_written_out_a_few_at_a_time(tmp_path):
    """R9: dictionaries and views, of the text, of the id and of a field beside it."""
    values = [f"{k} " + "word " * 20_000 for k in range(7)]
    rows = [None if k == 5 else k % 7 for k in range(300)]
    coded = pa.DictionaryArray.from_arrays(pa.array(rows, pa.int8()), pa.array(values))
    views = viewed(values, rows)
    expected = [None if k is None else values[k] for k in rows]
    for column in (coded, views):
        for kind in (pa.ipc.new_file, pa.ipc.new_stream):
            path = tmp_path / "x.arrow"
            path.write_bytes(written(kind, pa.table({"text": column, "more": column}), "lz4"))
            source = CorpusSource(name="web", paths=(str(path),))
            piece = plan_units(source, list_inputs(source), 1 << 30)[0].slices[0]
            limits = Limits(batch_bytes=1 << 20)
            batches = list(reader_of(piece.file).read(piece, Fields(extra=("more",)), limits))
            assert max(batch.bytes for batch in batches) <= 1 << 20
            texts = [text for batch in batches for text in batch.content.to_pylist()]
            assert texts == [text for text in expected if text is not None]
            assert [m for batch in batches for m in batch.fields["more"].to_pylist()] == texts


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.jsonl.zst", "x.txt.gz", "x.csv.zst", "x.csv.gz"])
@pytest.mark.parametrize("inner", [gzip.compress, zstandard.compress])
def test_what_is_compressed_twice_is_named(tmp_path, name, inner):
    """R9: only one of the two is undone."""
    outer = gzip.compress if name.endswith("gz") else zstandard.compress
    path = tmp_path / name
    path.write_bytes(outer(inner(b'{"text": "a"}\n' * 1000)))
    with pytest.raises(DataError, match=r"its first bytes within (gzip|zstd) are those of (gzip|zstd)"):
        documents(path)


@pytest.mark.skipif(sys.platform != "linux", reason="sizes of address spaces are Linux's")
def test_a_small_file_takes_little_memory(tmp_path):
    """R9: a file that holds far more than its bytes is refused by `max_expansion`, before it has taken memory."""
    for name, data in (*bombs(), *arrow_bombs(), *parquet_bombs()):
        path = tmp_path / name
        path.write_bytes(data)

        def work(path=path):
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
            with pytest.raises(DataError, match=rf"{path.name}: .*over 250 times as many \(max_expansion\)"):
                documents(path)

        assert in_a_child(work) == 0, name


def test_what_may_expand_is_read(tmp_path):
    path = tmp_path / "x.txt.zst"
    path.write_bytes(zstandard.compress(b"a" * (70 << 20)))
    with pytest.raises(DataError, match="max_expansion"):
        documents(path)
    assert [len(text) for text in documents(path, max_expansion=1 << 20)] == [70 << 20]


def test_so_many_dead_letters_end_the_unit(tmp_path):
    """R9: where no record may be rejected, ten thousand of them are enough; otherwise each has its letter."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x\n" * 50_000 + b'{"text": "a"}\n')
    source = CorpusSource(name="web", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    with pytest.raises(DataError, match="source 'web': more than 10,000 records were rejected"):
        list(Intake(unit, 1 << 30, strict=True).documents())
    intake = Intake(unit, 1 << 30)
    assert [batch.content.to_pylist() for batch in intake.documents() if len(batch)] == [["a"]]
    assert intake.ledger().rejects == 50_000
    rows = [row for batch in intake.packed for row in batch["row"].to_pylist()]
    assert rows + [letter.row for letter in intake.rejected] == list(range(50_000))
