"""Compressed streams and text files that are cut short, damaged, or something else."""

import bz2
import gzip
import lzma
import zlib

import pytest
import zstandard

from tests.pipeline.inputs.readers.cases import (
    BZ2,
    GOOD,
    GZIP,
    LZ4,
    NO_SIZE,
    XZ,
    ZSTD,
    Case,
    check,
    flipped,
    lz4,
)

CASES = {
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
    "xz: cut short": Case("x.jsonl.xz", XZ[:-20], error=f"cut short: the file ends at byte {len(XZ) - 20}"),
    "xz: without its last byte": Case("x.jsonl.xz", XZ[:-1], error="cut short"),
    "xz: empty": Case("x.jsonl.xz", b"", error="cut short"),
    "xz: flipped within": Case("x.jsonl.xz", flipped(XZ, len(XZ) // 2), error="damaged"),
    "xz: checksum": Case("x.jsonl.xz", flipped(XZ, -6), error="damaged"),
    "xz: garbage behind": Case(
        "x.jsonl.xz", XZ + b"garbage behind it", error="damaged or followed by something else"
    ),
    "xz: too little behind": Case("x.jsonl.xz", XZ + b"garbage", error="cut short"),
    "xz: a line over two streams, padded": Case(
        "x.jsonl.xz", lzma.compress(GOOD[:5]) + bytes(8) + lzma.compress(GOOD[5:]) + bytes(4), ["a"]
    ),
    "xz: wrong padding": Case(
        "x.jsonl.xz", lzma.compress(GOOD) + bytes(3), error="damaged or followed by something else"
    ),
    "xz: wrong padding between": Case(
        "x.jsonl.xz", lzma.compress(GOOD) + bytes(3) + lzma.compress(GOOD), error="damaged or followed"
    ),
    "xz: not xz": Case("x.jsonl.xz", GOOD, error="damaged"),
    "xz: a dictionary larger than memory is meant for": Case(
        "x.jsonl.xz",
        lzma.compress(GOOD, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 512 << 20}]),
        error="more than 256 MiB .* smaller dictionary",
    ),
    "bz2: cut short": Case(
        "x.jsonl.bz2", BZ2[:-20], error=f"cut short: the file ends at byte {len(BZ2) - 20}"
    ),
    "bz2: without its last byte": Case("x.jsonl.bz2", BZ2[:-1], error="cut short"),
    "bz2: empty": Case("x.jsonl.bz2", b"", error="cut short"),
    "bz2: flipped within": Case("x.jsonl.bz2", flipped(BZ2, len(BZ2) // 2), error="damaged"),
    "bz2: garbage behind": Case(
        "x.jsonl.bz2", BZ2 + b"garbage", error="damaged or followed by something else"
    ),
    "bz2: a line over two streams": Case(
        "x.jsonl.bz", bz2.compress(GOOD[:5]) + bz2.compress(GOOD[5:]), ["a"]
    ),
    "bz2: not bzip2": Case("x.jsonl.bz2", GOOD, error="damaged"),
    "lz4: cut short": Case(
        "x.jsonl.lz4", LZ4[:-20], error=f"cut short: the file ends at byte {len(LZ4) - 20}"
    ),
    "lz4: without its last byte": Case("x.jsonl.lz4", LZ4[:-1], error="cut short"),
    "lz4: empty": Case("x.jsonl.lz4", b"", error="cut short"),
    "lz4: a flipped checksum": Case("x.jsonl.lz4", flipped(LZ4, 6), error="damaged"),
    "lz4: garbage behind": Case(
        "x.jsonl.lz4", LZ4 + b"garbage", error="damaged or followed by something else"
    ),
    "lz4: a line over two frames": Case("x.jsonl.lz4", lz4(GOOD[:5]) + lz4(GOOD[5:]), ["a"]),
    "lz4: not lz4": Case("x.jsonl.lz4", GOOD, error="damaged"),
    # Text files.
    "text: empty": Case("x.txt", b"", [""]),
    "text: not utf-8": Case("x.txt", b"ab\xe9cd", [], [("byte 2", "invalid_utf8")]),
    "text: a character cut off": Case("x.txt", b"ab\xf0\x9f", [], [("byte 2", "invalid_utf8")]),
    "text: binary": Case("x.bin", b"\x7fELF\x80\x00", [], [("byte 0", "not_text")]),
    "text: bytes": Case("x.bin", b"\x01ELF\x80\x00", [], [("byte 4", "invalid_utf8")]),
    "text: zero bytes are text": Case("x.txt", b"a\x00b", ["a\x00b"]),
    "text: too long": Case(
        "x.txt", b"a" * 101, limits={"max_record_bytes": 100}, error="the record at byte 0 is longer"
    ),
    "text: gzip cut short": Case("x.txt.gz", GZIP[:-9], error="cut short"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input(tmp_path, case):
    check(tmp_path, case)
