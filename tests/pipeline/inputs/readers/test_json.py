"""JSON that is not a record a line: arrays and objects of any layout."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.readers.kernels.json_layout import put_in_lines
from pairloom.pipeline.inputs.slices import Limits
from pairloom.pipeline.inputs.units import fields_of, plan_units
from pairloom.pipeline.recipe import CorpusSource

RECORDS = [{"id": k, "text": f'{k}: [a] {{"b"}}, \\ \n "{"é" * k}', "n": {"m": [k, {}]}} for k in range(40)]
LAYOUTS = {
    "array": json.dumps(RECORDS),
    "array, indented": json.dumps(RECORDS, indent=2),
    "array, a record a line": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    "array, windows": json.dumps(RECORDS, indent="\t").replace("\n", "\r\n"),
    "array, no blanks": json.dumps(RECORDS, separators=(",", ":"), ensure_ascii=False),
    "objects, indented": "\n".join(json.dumps(one, indent=4) for one in RECORDS),
    "objects, by blanks": " ".join(map(json.dumps, RECORDS)),
    "lines": "".join(json.dumps(one) + "\n" for one in RECORDS),
    "a byte order mark": "\ufeff" + json.dumps(RECORDS, indent=1),
}


def batches(path, batch_bytes=1 << 20, **keys):
    source = CorpusSource(name="s", paths=(str(path),), **({"format": "json"} | keys))
    files = list_inputs(source)
    check_sources([(source, files)], max_rejected=1.0, max_record_bytes=1 << 30)
    (unit,) = plan_units(source, files, 64)
    (piece,) = unit.slices  # however large, it stays whole
    found = list(read(piece, fields_of(source), Limits(batch_bytes=batch_bytes, max_record_bytes=5000)))
    assert sum(batch.bytes_read for batch in found) == path.stat().st_size
    return found


@pytest.mark.parametrize("batch_bytes", [1, 300, 1 << 20])
@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_gives_the_records(tmp_path, text, batch_bytes):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode())
    found = batches(path, batch_bytes, id="id")
    assert [one for batch in found for one in batch.content.to_pylist()] == [one["text"] for one in RECORDS]
    assert [one for batch in found for one in batch.id.to_pylist()] == [str(k) for k in range(40)]
    assert not any(batch.rejected for batch in found)


def test_paths_conditions_and_compression_are_as_with_lines(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(json.dumps(RECORDS, indent=1).encode()))
    keys = {"format": "json.gz", "text": "{id}!", "where": "id > 37"}
    assert [one for batch in batches(path, **keys) for one in batch.content.to_pylist()] == [
        "38!",
        "39!",
    ]


def test_a_bad_record_costs_itself(tmp_path):
    data = b'[{"text": "a"},\n {"text": 7}, 5, {"text" "b"},\n\n  {"text": "\xff"}, {"text": "c"}]'
    path = tmp_path / "x.json"
    path.write_bytes(data)
    (batch,) = (one for one in batches(path) if one.records)
    assert batch.content.to_pylist() == ["a", "c"]
    assert batch.row.to_pylist() == [0, 5]
    expected = [
        (b'{"text": 7', "text_not_a_string", 1),
        (b"5,", "not_an_object", 2),
        (b'{"text" ', "invalid_json", 3),
        (b'{"text": "\xff', "invalid_utf8", 4),
    ]
    assert [(one.position, one.reason, one.row) for one in batch.rejected] == [
        (f"byte {data.index(start)}", reason, row) for start, reason, row in expected
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'[{"text": "a"}', "cut short: it ends at byte 14, and the array is never closed"),
        (b'[{"text": "a"}, {"text": "b', "record that begins at byte 16 is never closed"),
        (b'{"text": "a"}\n{"text": {', "record that begins at byte 14 is never closed"),
        (b'[{"text": "a"}] {"text": "b"}', r"byte 16 is b'\{', and the array is over"),
        (b'{"text": "a"}}', r"byte 13 is b'\}', and nothing is open"),
        (b'[{"text": "' + b"a" * 9000 + b'"}]', "the record at byte .* is longer than 5000 bytes"),
    ],
)
def test_what_cannot_be_read_on_is_an_error(tmp_path, data, said):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        batches(path, batch_bytes=100)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
@pytest.mark.parametrize(
    "text",
    [LAYOUTS[name] for name in ("array", "array, indented", "array, windows", "objects, indented")]
    + [json.dumps({"text": "a" * 9000}, indent=1), json.dumps({"text": "a"}, indent=1)],
)
def test_lines_are_told_from_other_json(tmp_path, name, text):
    """F17: JSON that is not line by line is no reason for a letter a line."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=r"JSON Lines are read.* set the source's format to json"):
        batches(path, format=None)


def in_lines(text):
    """What `put_in_lines` makes of valid JSON, by the standard library: each record where it is, blanks elsewhere."""
    out, at = bytearray(b" " * len(text)), 0
    if text.lstrip().startswith("["):
        at = text.index("[") + 1
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at == len(text) or text[at] == "]":
            return [bytes(out[a:b]) for a, b in _spans(out)]
        _, end = json.JSONDecoder().raw_decode(text, at)
        out[at:end] = text[at:end].replace("\n", " ").replace("\r", " ").encode()
        if end < len(text):
            out[end] = ord("\n")
        at = end


def _spans(out):
    start = 0
    for line in bytes(out).split(b"\n"):
        end = start + len(line)
        kept = line.strip()
        if kept:
            first = start + line.index(kept)
            yield first, first + len(kept)
        start = end + 1


LEAVES = st.none() | st.booleans() | st.integers() | st.text('a"\\[]{},:é \n', max_size=6)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab{", max_size=2), inner, max_size=3)
)  # fmt: skip


@given(
    st.lists(st.dictionaries(st.text("abc", max_size=3), VALUES, max_size=3), max_size=5),
    st.sampled_from([None, 0, 1]),
    st.booleans(),
    st.integers(1, 9),
)
def test_lines_are_what_the_standard_library_says(records, indent, array, step):
    text = (
        json.dumps(records, indent=indent)
        if array
        else "\n".join(json.dumps(one, indent=indent) for one in records)
    )
    data, state = np.frombuffer(text.encode(), np.uint8).copy(), np.zeros(5, np.int64)
    for at in range(0, len(data), step):
        assert put_in_lines(data[at : at + step], state, at) == -1
    lines = [line.strip() for line in data.tobytes().split(b"\n")]
    assert [line for line in lines if line] == in_lines(text)
