"""The compiled reader means what the standard library means, and cutting a file changes nothing."""

import gzip
import json
from itertools import pairwise

import numpy as np
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.readers._json_line import Accepted, read_line
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

texts = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["", "a\nb", '"', "\\", "é" * 9, "😀x" * 5]
)
keys = st.sampled_from(["text", "id", "x", "tex", "text2", "é", "", 'q"'])
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats() | st.just("\ud800") | st.just("a\udc00b"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def objects(draw):
    """The text of an object, its keys in any order and repeated, with or without escapes and spaces."""
    pairs = draw(st.lists(st.tuples(keys, values), max_size=4))
    if draw(st.integers(0, 3)):
        pairs.insert(draw(st.integers(0, len(pairs))), ("text", draw(texts)))
        pairs.insert(draw(st.integers(0, len(pairs))), ("id", draw(texts | st.integers())))
    ascii_only = draw(st.booleans())
    space = draw(st.sampled_from(["", " ", "\t", " \r "]))
    body = f"{space},{space}".join(
        json.dumps(k, ensure_ascii=ascii_only) + space + ":" + space + json.dumps(v, ensure_ascii=ascii_only)
        for k, v in pairs
    )
    return (space + "{" + space + body + space + "}" + space).encode("utf-8", "surrogatepass")


TOKENS = rb"""{ } [ ] , : " ' \ \u \ud83d\ude00 \ud83d \udc00 \u00e9 null true fals false NaN Infinity // "text":"a"
- 0 01 1. 1.5 1e5 -0 1E+ "id":7 {"text":"b"}""".split()
UTF8 = ["é", "😀", "\ufeff", "\ud800"]
BYTES = rb"\xff \xc3 \xf4\x90\x80\x80 \xe0\x80\x80 \xc0\x80 \x00 \x01 \t \x0c \r".decode(
    "unicode_escape"
).split(" ")
fragments = st.sampled_from(
    [
        *TOKENS,
        *(c.encode("utf-8", "surrogatepass") for c in UTF8),
        *(c.encode("latin-1") for c in BYTES),
        b" ",
    ]
)


@st.composite
def mutated(draw):
    line = draw(objects())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(line)))
        gone = draw(st.integers(0, 3))
        line = line[:at] + draw(fragments | st.binary(max_size=2)) + line[at + gone :]
    return line.replace(b"\n", b" ")


def are_lines(some):
    """Whether the first bytes are not those of an array, of UTF-16, or of another format, which is an error instead."""
    file = InputFile(source="s", uri="x", size=1, version="", format="jsonl", compression="none")
    try:
        check_head(file, b"\n".join(some)[:HEAD_BYTES])
    except DataError:
        return False
    return True


lines = st.lists(
    mutated() | st.just(b"") | st.just(b" \r") | st.lists(fragments, max_size=12).map(b"".join), max_size=8
).filter(are_lines)


def by_the_library(data, fields, skip=0):
    """Records and dead letters as the rules say, line by line; `skip` bytes were in front of `data`."""
    taken, refused, row, at = [], [], 0, skip
    for line in data.split(b"\n"):
        if line.strip(b" \t\r"):
            outcome = read_line(line, fields)
            if isinstance(outcome, Accepted):
                taken.append((row, outcome.text, outcome.id, *outcome.extra))
            else:
                refused.append((row, f"byte {at}", outcome.reason, outcome.detail))
            row += 1
        at += len(line) + 1
    return taken, refused


def stored(tmp_path_factory, data, name):
    path = tmp_path_factory.mktemp("jsonl") / name
    path.write_bytes(data)
    return path


def outcome(pieces, fields, **limits):
    taken, refused, size = [], [], 0
    for piece in pieces:
        row = 0
        for batch in read(piece, fields, Limits(**limits)):
            for array in (batch.content, *batch.fields.values()):
                array.validate(full=True)
            ids = batch.id.to_pylist() if fields.id else [None] * len(batch)
            others = [batch.fields[name].to_pylist() for name in fields.extra]
            assert batch.records == len(batch.row) + len(batch.rejected)
            numbers = sorted([*batch.row.to_pylist(), *(letter.row for letter in batch.rejected)])
            assert numbers == list(range(row, row + batch.records))
            row += batch.records
            taken += zip(batch.row.to_pylist(), batch.content.to_pylist(), ids, *others, strict=True)
            refused += [
                (letter.row, letter.position, letter.reason, letter.detail) for letter in batch.rejected
            ]
            size += batch.bytes_read
    assert size == sum(piece.bytes for piece in pieces)
    return taken, refused


def whole(path):
    (unit,) = plan_units(
        CorpusSource(name="s", paths=(str(path),)),
        list_inputs(CorpusSource(name="s", paths=(str(path),))),
        1 << 40,
    )
    return unit.slices


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lines")


@settings(max_examples=400)
@given(
    lines,
    st.sampled_from([None, "id", "x", "text"]),
    st.booleans(),
    st.sampled_from([(), ("x",), ("id", "é", "x")]),
)
@example([b'{"text":"a"}{"text":"b"}'], None, True, ())
@example([b"null"], None, True, ())
@example([b'{"text":"a"} null'], None, False, ())
@example([b'{"text":"a","id":-0}', b'{"text":"a","id":1.0}', b'{"text":"a","id":true}'], "id", True, ())
@example([b'{"te\\u0078t":"a"}', b'{"text":1,"text":"b"}', b'{"text":"b","text":null}'], None, True, ())
@example(
    [b'{"text":"\\ud800\\ud83d\\ude00"}', b'{"text":"\\ud83d\\ude00"}', b'{"text":"\\ud83d"}'], None, True, ()
)
@example(
    [
        b'{"text":"a","x":' + b"[" * 255 + b"]" * 255 + b"}",
        b'{"text":"a","x":' + b"[" * 256 + b"]" * 256 + b"}",
    ],
    None,
    True,
    (),
)
@example([b'{"text":"a","x":' + b"9" * 5000 + b"}", b'{"text":"a","x":1e999}'], "x", True, ())
@example([b'{"text":"2020-01-01T00:00:00Z","id":"1"}'], "id", True, ())
@example(
    [b'{"text":"a","x":-0,"id": [1, "\\u00e9" ] ,"y":{}}', b'{"x":true,"text":"b","id":1.50}'],
    None,
    True,
    ("x", "id"),
)
@example(
    [b'{"text":"a","x":{"a":"\\ud800"}}', b'{"text":"a","x":"\\ud800"}', b'{"text":"a","x":NaN}'],
    None,
    True,
    ("x",),
)
def test_the_compiled_reader_means_what_the_library_means(folder, some, id_field, ended, extra):
    data = b"\n".join(some) + (b"\n" if ended and some else b"")
    path = folder / "x.jsonl"
    path.write_bytes(data)
    bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    fields = Fields(id=id_field, extra=extra)
    assert outcome(whole(path), fields) == by_the_library(data[bom:], fields, bom)


@given(lines, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.integers(1, 60), st.integers(1, 60))
def test_any_cut_gives_the_same_records(folder, some, newline, ended, unit_bytes, batch_bytes):
    data = newline.join(some) + (newline if ended and some else b"")
    path = folder / "cut.jsonl"
    path.write_bytes(data)
    source = CorpusSource(name="s", paths=(str(path),), id="id")
    units = plan_units(source, list_inputs(source), unit_bytes)
    pieces = [piece for unit in units for piece in unit.slices]
    assert all(unit.bytes <= unit_bytes for unit in units)
    taken, refused = outcome(pieces, Fields(id="id"), batch_bytes=batch_bytes)
    all_taken, all_refused = outcome(whole(path), Fields(id="id"))
    assert [t[1:] for t in taken] == [t[1:] for t in all_taken]
    assert [r[1:] for r in refused] == [r[1:] for r in all_refused]


@given(lines, st.integers(1, 60), st.integers(1, 3), st.sampled_from(["gz", "zst"]))
def test_compressed_members_hold_what_the_plain_file_holds(folder, some, batch_bytes, members, kind):
    data = b"\n".join(some)
    plain = folder / "plain.jsonl"
    plain.write_bytes(data)
    compress = gzip.compress if kind == "gz" else zstandard.compress
    cuts = np.linspace(0, len(data), members + 1).astype(int)
    packed = folder / f"packed.jsonl.{kind}"
    packed.write_bytes(b"".join(compress(data[a:b]) for a, b in pairwise(cuts)))
    assert outcome(whole(packed), Fields(id="id"), batch_bytes=batch_bytes) == outcome(
        whole(plain), Fields(id="id")
    )


def test_a_line_over_many_ranges_is_read_once(tmp_path):
    path = tmp_path / "long.jsonl"
    rows = ["a", "b" * 5_000_000, "c", "", "d" * 3_000_000]
    path.write_text("".join(json.dumps({"text": row}) + "\n\n" for row in rows))
    source = CorpusSource(name="s", paths=(str(path),))
    units = plan_units(source, list_inputs(source), 100_000)
    taken, refused = outcome([p for u in units for p in u.slices], Fields(), batch_bytes=1000)
    assert [row[1] for row in taken] == rows
    assert refused == []


def test_remote_ranges_read_like_local_ones():
    fsspec = pytest.importorskip("fsspec")
    fs = fsspec.filesystem("memory")
    data = b"".join(json.dumps({"text": "é" * k, "id": k}).encode() + b"\r\n" for k in range(200))
    fs.pipe("/readers/x.jsonl", data)
    source = CorpusSource(name="s", paths=("memory://readers/*.jsonl",), id="id")
    units = plan_units(source, list_inputs(source), 777)
    taken, refused = outcome([p for u in units for p in u.slices], Fields(id="id"), batch_bytes=100)
    assert [(t, i) for _, t, i in taken] == [("é" * k, str(k)) for k in range(200)]
    assert refused == []
    fs.rm("/readers", recursive=True)


def test_slices_survive_as_values():
    file = InputFile(source="s", uri="file:///x", size=1, version="", format="jsonl", compression="none")
    assert Slice(file=file, start=0, stop=1, bytes=1) == Slice(file=file, start=0, stop=1, bytes=1)
