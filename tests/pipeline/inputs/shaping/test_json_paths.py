"""The compiled reader finds what a path leads to as the library does, and planning names what is not there."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import reader_of
from pairloom.pipeline.inputs.readers._json_line import Refused
from pairloom.pipeline.inputs.readers._json_records import json_columns, values_at
from pairloom.pipeline.inputs.shaping.kinds import ARRAY, OBJECT, STEPS
from pairloom.pipeline.inputs.shaping.records import wanted_paths
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource
from tests.pipeline.inputs.readers.test_jsonl import mutated

names = st.sampled_from(["a", "b", "c", "text", "é"])
leaves = (
    st.text(max_size=80)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.just('a\n\t"é\\😀' * 20)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
paths = st.lists(names, min_size=1, max_size=3).map(tuple)


@st.composite
def lines(draw):
    """An object, its keys perhaps repeated."""
    pairs = draw(st.lists(st.tuples(names, values), max_size=5))
    ascii_only = draw(st.booleans())
    space = draw(st.sampled_from(["", " "]))
    body = ",".join(
        f"{space}{json.dumps(k)}:{space}{json.dumps(v, ensure_ascii=ascii_only)}{space}" for k, v in pairs
    )
    return f"{{{body}}}".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("paths")


def same(kind, value):
    """What JSON text means, its numbers as they are written; any other text as it is."""
    if kind % STEPS not in (OBJECT, ARRAY):
        return value
    return json.loads(value, parse_int=str, parse_float=str, parse_constant=str)


@settings(max_examples=300)
@given(
    st.lists(lines() | mutated(), min_size=1, max_size=6),
    st.lists(paths, min_size=1, max_size=4, unique=True),
)
@example(
    [b'{"a":{"b":1},"a":{"c":"x"}}', b'{"a":{"b":{}},"a":3}', b'{"a":{}}', b'{"a":{"b":[1,{"c":2}]}}'],
    [("a", "b"), ("a",)],
)
@example(
    [b'{"a":{"b":{"c":"deep"},"c":null},"b":{"a":true}}'], [("a", "b", "c"), ("a", "c"), ("b", "a"), ("b",)]
)
@example(
    [b'{"a":{"b":"x",}}', b'{"a":{,}}', b'{"a":{"b":1}', b'{"a":{"b":1}}}', b'{"a":{"b" 1}}'], [("a", "b")]
)
@example([b'{"a":' * 255 + b"1" + b"}" * 255, b'{"a":' * 257 + b"1" + b"}" * 257], [("a", "a")])
def test_the_compiled_reader_finds_what_the_library_finds(folder, some, wanted):
    path = folder / "x.jsonl"
    path.write_bytes(b'{"text":"first"}\n' + b"\n".join(some) + b"\n")
    source = CorpusSource(name="s", paths=(str(path),), format="jsonl")
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    (piece,) = unit.slices
    # Any name may be a field, and a text is read with the others.
    fields = Fields(
        text=".".join(wanted[0]), extra=tuple(".".join(one) for one in wanted[1:]), list_separator=None
    )
    ordered = wanted_paths(fields)
    (records,) = reader_of(piece.file).records(piece, fields, Limits())
    outcomes = [values_at(line, ordered) for line in path.read_bytes().split(b"\n") if line.strip(b" \t\r")]
    expected = [(row, one) for row, one in enumerate(outcomes) if not isinstance(one, Refused)]
    assert records.rows.tolist() == [row for row, _ in expected]
    assert [(one.row, one.reason, one.detail) for one in records.rejected] == [
        (row, one.reason, one.detail) for row, one in enumerate(outcomes) if isinstance(one, Refused)
    ]
    for k, leads in enumerate(ordered):
        column = records.columns[leads]
        assert column.kinds.tolist() == [one[k][0] % STEPS for _, one in expected]
        for value, (_, one) in zip(column.values.to_pylist(), expected, strict=True):
            if one[k][1] is not None:
                assert same(one[k][0], value) == same(one[k][0], one[k][1])


@given(st.lists(values, min_size=1, max_size=4), paths)
def test_lists_are_joined_where_every_element_is_a_text(some, path):
    line = json.dumps({"a": some}).encode("utf-8", "surrogatepass")
    found = values_at(line, [("a", *path)])
    if isinstance(found, Refused):
        return
    import numpy as np
    import pyarrow as pa

    ((kind, text),) = found
    column = json_columns([("a", *path)], [pa.array([text])], np.array([[kind]], np.uint16), "|")[
        ("a", *path)
    ]

    def leaves_of(value, rest):
        if isinstance(value, list):
            return [leaf for one in value for leaf in leaves_of(one, rest)]
        if value is None or not rest:
            return [value]
        return leaves_of(value.get(rest[0]), rest[1:]) if isinstance(value, dict) else [object()]

    leaves = leaves_of(some, path)
    if all(type(one) in (str, int) for one in leaves):
        flat = all(not isinstance(one, list) or one for one in some)
        assert not column.faults
        if flat and leaves:
            assert column.values[0].as_py().replace("|", "") == "".join(map(str, leaves)).replace("|", "")
    else:
        assert column.faults or column.values[0].as_py() is None


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"text": "data.contnt"}, r"missing_text: no field 'data.contnt'; did you mean 'data.content'"),
        ({"text": "content"}, r"did you mean 'data.content'"),
        ({"text": "{data.content} {titel}"}, r"no field 'titel'; did you mean 'title'"),
        ({"text": "data.content", "id": "kee"}, r"missing_id: no field 'kee'; did you mean 'key'"),
        ({"text": "data.content", "where": "meta.scor > 0.5"}, r"none of the first 3 records has the field 'meta.scor'; did you mean 'meta.score'"),
        ({"text": "data"}, "text_not_a_string: field 'data' is an object"),
        ({"text": "turns.content"}, "is an array .list_separator says what stands between"),
        ({"text": "title.x"}, "no_such_path: 'title.x' leads through a value that has no fields"),
        ({"text": "title", "where": "title > 3"}, "where_type: field 'title' is 't', and it is compared with a number"),
    ],
)  # fmt: skip
def test_planning_names_a_field_that_is_not_there(tmp_path, keys, said):
    path = tmp_path / "x.jsonl"
    record = {
        "key": 1,
        "title": "t",
        "data": {"content": "c"},
        "meta": {"score": 0.75},
        "turns": [{"content": "x"}],
    }
    path.write_text((json.dumps(record) + "\n") * 3)
    source = CorpusSource(name="web", paths=(str(path),), **keys)
    with pytest.raises(DataError, match=said) as caught:
        check_sources([(source, list_inputs(source))], max_rejected=0.0, max_record_bytes=1 << 20)
    assert "source 'web'" in str(caught.value)
    assert str(path) in str(caught.value)


def test_plain_text_has_no_fields_to_ask_for(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("hello")
    source = CorpusSource(name="s", paths=(str(path),), where="lang == 'de'")
    with pytest.raises(DataError, match="plain text has no fields"):
        check_sources([(source, list_inputs(source))], max_rejected=0.0, max_record_bytes=1 << 20)
