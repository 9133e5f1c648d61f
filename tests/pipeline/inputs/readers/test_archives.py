"""Zip and tar archives: their members are read as files, and what is wrong with one is said by archive, member and place."""

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import tracemalloc
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pairloom.operators.errors import DataError, PairloomError, RecipeError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Limits
from pairloom.pipeline.inputs.units import fields_of, plan_units
from pairloom.pipeline.recipe import CorpusSource


def lines(texts):
    return b"".join(json.dumps({"text": one, "n": k}).encode() + b"\n" for k, one in enumerate(texts))


def parquet(texts):
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "n": range(len(texts))}), sink, row_group_size=2)
    return sink.getvalue()


def arrow(texts):
    sink = io.BytesIO()
    table = pa.table({"text": texts, "n": range(len(texts))})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


MEMBERS = {
    "readme.md": b"# Read me\n",
    "data/a.jsonl": lines(["a0", "a1", "a2"]),
    "data/b.jsonl.gz": gzip.compress(lines(["b0", "b1"])),
    "data/deep/c.csv": b"n,text\n0,c0\n1,c1\n",
    "data/d.parquet": parquet(["d0", "d1", "d2"]),
    "data/e.arrow": arrow(["e0", "e1", "e2"]),
    "data/f.tsv.xz": lzma.compress(b"text\tn\nf0\t0\n"),
    "data/empty.jsonl": b"",
    ".hidden.jsonl": lines(["no"]),
    "__MACOSX/data/._a.jsonl": b"\0\5\x16\7",
}
TEXTS = ["# Read me\n", "a0", "a1", "a2", "b0", "b1", "c0", "c1", "d0", "d1", "d2", "e0", "e1", "e2", "f0"]


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        archive.mkdir("data") if hasattr(archive, "mkdir") else None
        for name, data in members.items():
            archive.writestr(name, data)
    return sink.getvalue()


def tarred(members, form=tarfile.PAX_FORMAT):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("data")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link.jsonl")
        link.type, link.linkname = tarfile.SYMTYPE, "data/a.jsonl"
        archive.addfile(link)
    return sink.getvalue()


ARCHIVES = {
    "x.zip": zipped(MEMBERS),
    "X.ZIP": zipped(MEMBERS, zipfile.ZIP_STORED),
    "bz2.zip": zipped(MEMBERS, zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(MEMBERS, zipfile.ZIP_LZMA),
    "x.tar": tarred(MEMBERS),
    "gnu.tar": tarred(MEMBERS, tarfile.GNU_FORMAT),
    "x.tar.gz": gzip.compress(tarred(MEMBERS)),
    "x.tgz": gzip.compress(tarred(MEMBERS)),
    "x.tar.zst": zstandard.compress(tarred(MEMBERS)),
    "x.txz": lzma.compress(tarred(MEMBERS)),
    "x.tbz2": bz2.compress(tarred(MEMBERS)),
}


def batches(path, unit_bytes=1 << 40, batch_bytes=1 << 20, checked=True, **keys):
    source = CorpusSource(name="s", paths=(str(path),), **keys)
    files = list_inputs(source)
    if checked:
        check_sources([(source, files)], max_rejected=0.0, max_record_bytes=1 << 30)
    found = []
    for unit in plan_units(source, files, unit_bytes):
        for piece in unit.slices:
            row = taken = 0
            for batch in read(piece, fields_of(source), Limits(batch_bytes=batch_bytes)):
                rows = sorted([*batch.row.to_pylist(), *(letter.row for letter in batch.rejected)])
                if not batch.dropped:
                    assert rows == list(range(row, row + batch.records))
                row, taken = row + batch.records, taken + batch.bytes_read
                found.append(batch)
            assert taken == piece.bytes
    return found


def texts(path, **keys):
    found = batches(path, **keys)
    assert not any(batch.rejected for batch in found)
    return [one for batch in found for one in batch.content.to_pylist()]


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20])
@pytest.mark.parametrize("name", ARCHIVES)
def test_members_are_read_as_the_files_that_they_are(tmp_path, name, batch_bytes):
    (tmp_path / name).write_bytes(ARCHIVES[name])
    assert texts(tmp_path / name, batch_bytes=batch_bytes) == TEXTS


@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"members": "*.md"}, ["# Read me\n"]),
        ({"members": ["**/*.md"]}, ["# Read me\n"]),
        ({"members": ["*.csv", "*.xz"]}, ["c0", "c1", "f0"]),
        ({"members": ["data/*.csv"]}, None),
        ({"members": ["data/**/*.csv"]}, ["c0", "c1"]),
        ({"members": [".hidden.jsonl"]}, ["no"]),
        ({"members": ["a.jsonl", "b.*"], "where": "n > 0"}, ["a1", "a2", "b1"]),
        ({"members": ["d.parquet"], "text": "{n}: {text}"}, ["0: d0", "1: d1", "2: d2"]),
    ],
)
def test_patterns_and_fields(tmp_path, name, keys, expected):
    (tmp_path / name).write_bytes(ARCHIVES[name])
    if expected is None and name == "x.zip":
        with pytest.raises(DataError, match=r"match none of its 10 members, as readme\.md"):
            texts(tmp_path / name, **keys)
        return
    assert texts(tmp_path / name, **keys) == (expected or [])


def test_a_zip_is_cut_between_members_and_a_tar_is_whole(tmp_path):
    for name in ("x.zip", "x.tar"):
        (tmp_path / name).write_bytes(ARCHIVES[name])
        source = CorpusSource(name="s", paths=(str(tmp_path / name),))
        units = plan_units(source, list_inputs(source), 1)
        assert len(units) == (8 if name == "x.zip" else 1)
        assert sum(unit.bytes for unit in units) == len(ARCHIVES[name])
        assert texts(tmp_path / name, unit_bytes=1) == TEXTS
        assert texts(tmp_path / name, unit_bytes=300) == TEXTS


@pytest.mark.parametrize(
    ("name", "form", "data"),
    [
        ("dump", "zip", zipped(MEMBERS)),
        ("dump", "tar", tarred(MEMBERS)),
        ("dump", "tar.xz", lzma.compress(tarred(MEMBERS))),
        ("dump", "jsonl.zip", zipped({"part-0": MEMBERS["data/a.jsonl"]})),
        ("dump", "jsonl.tar.gz", gzip.compress(tarred({"part-0": MEMBERS["data/a.jsonl"]}))),
        ("x.zip", "jsonl", zipped({"part-0": MEMBERS["data/a.jsonl"]})),
        ("x.tar.gz", "jsonl", gzip.compress(tarred({"part-0": MEMBERS["data/a.jsonl"]}))),
    ],
)
def test_format_says_what_names_do_not(tmp_path, name, form, data):
    (tmp_path / name).write_bytes(data)
    expected = ["a0", "a1", "a2"] if "jsonl" in form else TEXTS
    assert texts(tmp_path / name, format=form) == expected


@pytest.mark.parametrize("form", ["zip.tar", "zip.zip", "jsonl.csv", "zip.gz"])
def test_formats_that_are_none(tmp_path, form):
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises((RecipeError, ValueError), match=r"format|compress inside"):
        list_inputs(CorpusSource(name="s", paths=(str(tmp_path / "x"),), format=form))


def test_columns_of_members_are_refused_by_the_row_of_the_archive(tmp_path):
    good, bad = lines(["a", "b"]), b'{"text": "c", "n": "many"}\n'
    (tmp_path / "x.zip").write_bytes(zipped({"a.jsonl": good, "b.jsonl": good + bad}))
    found = batches(tmp_path / "x.zip", columns=[{"name": "n", "type": "int64"}])
    assert [one for batch in found for one in batch.columns["n"].to_pylist()] == [0, 1, 0, 1, None]
    assert [row for batch in found for row in batch.refused] == [4]


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_letters_name_archive_member_and_place(tmp_path, name):
    bad = lines(["a"]) + b'{"text": 7}\n' + lines(["b"])
    members = {
        "one.txt": b"one",
        "two.jsonl": bad,
        "three.md": b"\xff",
        "four.png": b"\x89PNG\r\n\x1a\n",
        "z.jsonl": bad,
    }
    data = zipped(members) if name == "x.zip" else gzip.compress(tarred(members))
    (tmp_path / name).write_bytes(data)
    found = batches(tmp_path / name, checked=False)
    at = f"file://{tmp_path / name}!/"
    byte = f"byte {len(lines(['a']))}"
    assert [(one.uri, one.position, one.row, one.reason) for batch in found for one in batch.rejected] == [
        (at + "two.jsonl", byte, 2, "text_not_a_string"),
        (at + "three.md", "byte 0", 4, "invalid_utf8"),
        (at + "four.png", "byte 0", 5, "not_text"),
        (at + "z.jsonl", byte, 7, "text_not_a_string"),
    ]
    assert [one for batch in found for one in batch.content.to_pylist()] == ["one", "a", "b", "a", "b"]


def test_the_ledger_counts_every_record(tmp_path):
    (tmp_path / "x.zip").write_bytes(ARCHIVES["x.zip"])
    source = CorpusSource(
        name="s", paths=(str(tmp_path / "x.zip"),), where="n < 2", members=["*.jsonl", "*.csv"]
    )
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    intake = Intake(unit, 1 << 30)
    assert sum(map(len, intake.documents())) == 4
    assert (intake.ledger().documents_in, dict(intake.ledger().filtered)) == (5, {"where": 1})


def edited(data, *changes):
    for old, new in changes:
        assert old in data
        data = data.replace(old, new)
    return data


ONE = {"a.txt": b"abcdefgh" * 40}
STORED = zipped(ONE, zipfile.ZIP_STORED)
TAR = tarred({"a.txt": b"a" * 700, "b.txt": b"b" * 700})
DAMAGED = {
    "zip: bad checksum": ("x.zip", edited(STORED, (b"habc", b"hABC")), r"x.zip!/a.txt: damaged at or before byte \d+: Bad CRC-32"),
    "zip: cut short": ("x.zip", STORED[:-30], "not a whole zip archive of"),
    "zip: cut in a member": ("x.zip", STORED[:200], "not a whole zip archive of 200 bytes"),
    "zip: deflate": ("x.zip", zipped(ONE).replace(b"KLJNI", b"KLJN\xff"), r"!/a.txt: damaged"),
    "zip: encrypted": (
        "x.zip", edited(STORED, (b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0"), (b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")), "!/a.txt: it is encrypted"
    ),
    "zip: a method that nobody has": (
        "x.zip",
        edited(STORED, (b"PK\3\4\x14\0\0\0\0\0", b"PK\3\4\x14\0\0\0\x61\0"), (b"PK\1\2\x14\3\x14\0\0\0\0\0", b"PK\1\2\x14\3\x14\0\0\0\x61\0")),
        "!/a.txt: .*write the archive with deflate",
    ),
    "zip: not one": ("x.zip", b"just text", "not a whole zip archive of 9 bytes"),
    "zip in zip": ("x.zip", zipped({"in.zip": STORED}), "x.zip!/in.zip: an archive in an archive is not read; unpack"),
    "tar.gz in zip": ("x.zip", zipped({"in.tar.gz": b""}), "x.zip!/in.tar.gz: an archive in an archive"),
    "7z in tar": ("x.tar", tarred({"in.7z": b""}), "x.tar!/in.7z: an archive in an archive"),
    "zip in tar, by another name": ("x.tar", tarred({"in.jsonl": STORED}), "in.jsonl: .*an archive in an archive is not read"),
    "zip in zip, without a name": ("x.zip", zipped({"in": STORED}), "!/in: .*an archive in an archive is not read"),
    "tar: cut in a member": ("x.tar", TAR[: 1536 + 200], r"cut short: it ends at byte 1736, within a.txt"),
    "tar: cut in a header": ("x.tar", TAR[: 512 + 100], r"cut short: it ends at byte 612, within a header"),
    "tar: cut between members": ("x.tar", TAR[: 2048], r"cut short: it ends at byte 2048, without a mark of its end"),
    "tar: a damaged header": ("x.tar", TAR[:2050] + b"?" + TAR[2051:], r"byte 2048 is no header of a file in a tar archive"),
    "tar: two in one": ("x.tar", TAR + TAR, rf"something follows the end of the tar archive, at byte {len(TAR)}"),
    "tar: not one": ("x.tar", b"just text" * 100, "byte 0 is no header"),
    "tar.gz: cut short": ("x.tar.gz", gzip.compress(TAR)[:-9], "the gzip stream is cut short"),
    "tar: parquet cut short": ("x.tar", tarred({"a.parquet": MEMBERS["data/d.parquet"][:-9]}), "!/a.parquet: not a whole parquet file"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_damaged_is_named(tmp_path, case):
    name, data, said = case
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        batches(tmp_path / name, checked=False)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_and_those_of_every_script(tmp_path, form):
    names = ["long/" * 60 + "é.txt", "\udcff.txt", "短.txt", "n" * 100 + ".txt"]
    (tmp_path / "x.tar").write_bytes(tarred(dict.fromkeys(names, b"text"), form))
    uris = [batch.uri for batch in batches(tmp_path / "x.tar") if len(batch)]
    assert [uri.split("!/")[1] for uri in uris] == [names[0], "\\xff.txt", *names[2:]]


def test_a_sparse_file_is_refused(tmp_path):
    header = tarfile.TarInfo("a.txt")
    header.type = tarfile.GNUTYPE_SPARSE
    (tmp_path / "x.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match=r"x.tar!/a.txt: a file with holes is not read"):
        batches(tmp_path / "x.tar", checked=False)


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_a_bomb_is_refused(tmp_path, name):
    """R9: 100 MB of zeros in a few bytes, and a megabyte of them in each of many members."""
    members = {f"{k}.txt": bytes(10 << 20) for k in range(10)}
    data = zipped(members) if name == "x.zip" else gzip.compress(tarred(members), 9)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=r"stored bytes hold more than .* \(max_expansion\)"):
        batches(tmp_path / name, checked=False)
    found = batches(tmp_path / name, checked=False, max_expansion=5000)
    assert sum(batch.bytes for batch in found) == 100 << 20


def test_members_that_overlap_are_a_bomb(tmp_path):
    data = zipped({"a.txt": random.Random(1).randbytes(5000)}, zipfile.ZIP_STORED)
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entry = data[start:end]
    count = 50
    tail = bytearray(data[end:])
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = (count * len(entry)).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(data[:start] + entry * count + bytes(tail))
    with pytest.raises(DataError, match="they overlap, as only bombs do"):
        batches(tmp_path / "x.zip", checked=False)


@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_a_large_member_is_read_piece_by_piece(tmp_path, name):
    unpacked = lines(["word " * 10_000]) * 2000  # 100 MB
    data = zipped({"a.jsonl": unpacked}) if name == "x.zip" else tarred({"a.jsonl": unpacked})
    (tmp_path / name).write_bytes(data)
    size = len(unpacked)
    del unpacked, data
    source = CorpusSource(name="s", paths=(str(tmp_path / name),), max_expansion=5000)
    (unit,) = plan_units(source, list_inputs(source), 1 << 40)
    tracemalloc.start()
    try:
        (piece,) = unit.slices
        count = sum(len(batch) for batch in read(piece, fields_of(source), Limits(batch_bytes=1 << 20)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 2000
    assert peak < size // 8


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_letters_or_one_error(tmp_path, seed):
    """R6: flipped, cut and added bytes are documents, dead letters or one DataError, and nothing else."""
    dice = random.Random(seed)
    names = ["x.zip", "bz2.zip", "lzma.zip", "x.tar", "gnu.tar", "x.tar.gz", "x.txz"]
    for number in range(150):
        name = dice.choice(names)
        data = bytearray(ARCHIVES[name])
        for _ in range(dice.choice([1, 1, 3])):
            at = dice.randrange(len(data))
            if dice.random() < 0.6:
                data[at] ^= 1 << dice.randrange(8)
            elif dice.random() < 0.5:
                data[at : at + 4] = dice.randbytes(4)
            else:
                del data[at : at + dice.randrange(1, 700)]
        path = tmp_path / f"{number}{name}"
        path.write_bytes(bytes(data))
        try:
            batches(path, checked=False, batch_bytes=100)
        except PairloomError as error:
            assert str(path) in str(error), error  # noqa: PT017
