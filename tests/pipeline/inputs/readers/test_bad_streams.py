"""Compressed streams and text files that are cut short, damaged, or something else."""

import gzip
import zlib

import pytest
import zstandard

from tests.pipeline.inputs.readers.cases import (
    GOOD,
    GZIP,
    NO_SIZE,
    ZSTD,
    Case,
    check,
    flipped,
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
