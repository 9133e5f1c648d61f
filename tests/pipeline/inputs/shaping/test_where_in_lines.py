"""What the compiled reader of lines knows of a condition is what columns say of it, and what it does not know is left to them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators.text.arrays import text_of
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import _text_lines, read, reader_of
from pairloom.pipeline.inputs.readers._json_where import asked_of
from pairloom.pipeline.inputs.readers.kernels.json_where import DEEPEST
from pairloom.pipeline.inputs.shaping.records import documents_of
from pairloom.pipeline.inputs.shaping.where import condition_of
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

PATHS = ("a", "b", "c.d")
NUMBERS = (
    "0", "-0", "0.0", "-0e9", "7", "-7", "0.1", "1e-1", "100e-3", "0.30000000000000004", "0.3", "0.1000000000000000055511151231257827",
    "9007199254740992", "9007199254740993", "9007199254740993.0", "12345678901234567890123", "1e22", "1e23", "1E+23", "1e60", "1e61",
    "1e-60", "1e-61", "5e-324", "1e400", "-1e400", "1e99999999999", "0.00000000000000000000000000000000000000000000000000000000000001",
    "0.7", "0.70000000000000006661338147750939", "0.69999999999999995", "1.7976931348623157e308", "4.35", "0.000001", "123456.789e3",
)  # fmt: skip
OTHERS = (
    "null",
    "true",
    "false",
    '"x"',
    '""',
    '"7"',
    '"0.1"',
    '"nan"',
    '"true"',
    '"é"',
    '"\\u0078"',
    "[]",
    '["x"]',
    "{}",
    '{"d": 7}',
)
LITERALS = (
    "0",
    "7",
    "-7",
    "0.1",
    "0.3",
    "0.7",
    "1e22",
    "1e23",
    "1e60",
    "4.35",
    "-0.0",
    "'x'",
    "''",
    "'7'",
    "'é'",
    "true",
    "false",
)

values = st.sampled_from(NUMBERS + OTHERS) | st.floats(allow_nan=False, allow_infinity=False).map(json.dumps)


@st.composite
def records(draw):
    """A line with some of the fields, each perhaps missing, and a text, which may be none."""
    fields = [
        f'"{name}": {draw(values)}' for name in draw(st.lists(st.sampled_from(["a", "b", "c"]), max_size=3))
    ]
    if draw(st.booleans()):
        fields.append(f'"c": {{"d": {draw(values)}}}')
    fields.append(f'"text": {draw(st.sampled_from(["7", "null", *["{}"] * 6])).format(json.dumps("t" * 9))}')
    return "{" + ", ".join(draw(st.permutations(fields))) + "}"


@st.composite
def one_test(draw):
    """A test of one field."""
    path, literal = draw(st.sampled_from(PATHS)), draw(st.sampled_from(LITERALS))
    signs = ("==", "!=") if literal in ("true", "false") else ("==", "!=", "<", "<=", ">", ">=")
    alike = [
        one
        for one in LITERALS
        if one[0].isalpha() == literal[0].isalpha() and ("'" in one) == ("'" in literal)
    ]
    some = ", ".join(draw(st.lists(st.sampled_from(alike), min_size=1, max_size=3)))
    return draw(
        st.sampled_from(
            [f"{path} {sign} {literal}" for sign in signs]
            + [
                f"{path} is null",
                f"{path} is not null",
                path,
                f"{path} in ({some})",
                f"{path} not in ({some})",
            ]
            + [f"length({path}) > 1", f"{path} matches 'x'"]
        )
    )


conditions = st.recursive(
    one_test(),
    lambda one: (
        st.tuples(one, st.sampled_from(["and", "or"]), one).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | one.map(lambda c: f"not ({c})")
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("where")


def documents(folder, lines, where, *, compiled, separator=None):
    """What is made of lines, where the reader knows of the condition or does not."""
    path = folder / "x.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    source = CorpusSource(name="s", paths=(str(path),))
    ((piece,),) = (unit.slices for unit in plan_units(source, list_inputs(source), 1 << 40))
    fields, limits = Fields(where=where, list_separator=separator), Limits()
    if compiled:
        found = list(read(piece, fields, limits))
    else:
        wanted = replace(fields, where=None, extra=PATHS)
        found = list(
            documents_of(reader_of(piece.file).records(piece, wanted, limits), fields, piece.file, limits)
        )
    return [
        (
            batch.content.to_pylist(),
            batch.row.to_pylist(),
            batch.rejected,
            dict(batch.dropped),
            batch.records,
            batch.bytes_read,
        )
        for batch in found
    ]


@settings(max_examples=150, deadline=None)
@given(some=st.lists(records(), max_size=8), where=conditions, separator=st.sampled_from([None, None, " "]))
@example(
    some=['{"a": 1, "text": "t"}', '{"a": 1e400, "text": "t"}', "{'a'}"], where="a > 0.5", separator=None
)
def test_the_reader_knows_what_columns_say(folder, some, where, separator):
    one, other = (
        documents(folder, some, where, compiled=compiled, separator=separator) for compiled in (True, False)
    )
    assert one == other


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
def test_numbers_compare_as_the_nearest_floats_do(folder, sign):
    lines = [f'{{"a": {number}, "text": "t"}}' for number in NUMBERS]
    for literal in (
        "0",
        "0.1",
        "0.3",
        "0.7",
        "1e22",
        "1e23",
        "1e60",
        "9007199254740991",
        "4.35",
        "-1e9",
        "1e-61",
    ):
        where = f"a {sign} {literal}"
        found = documents(folder, lines, where, compiled=True)
        assert found == documents(folder, lines, where, compiled=False), where
        kept = [
            i
            for i, number in enumerate(NUMBERS)
            if eval(f"{float(number)!r} {sign} {literal}", {"inf": np.inf})
        ]
        assert [row for batch in found for row in batch[1]] == kept, where


def test_a_condition_that_waits_for_too_much_is_left_to_columns(folder):
    where = "a > 1"
    for _ in range(DEEPEST):
        where = f"(b == 'x' or {where})"
    paths = [("a",), ("b",)]
    assert not len(asked_of(condition_of(where), paths).ops)
    lines = [
        '{"a": 2, "b": "y", "text": "t"}',
        '{"a": 0, "b": "y", "text": "t"}',
        '{"a": 0, "b": "x", "text": "t"}',
    ]
    (batch,) = documents(folder, lines, where, compiled=True)
    assert batch[1] == [0, 2]


def test_nothing_is_copied_of_documents_that_are_kept(folder):
    """What is left out takes no place among the bytes of the others."""
    lines = [json.dumps({"score": i % 10, "text": f"{i} " * 500}) for i in range(200)]
    path = folder / "copied.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    source = CorpusSource(name="s", paths=(str(path),))
    ((piece,),) = (unit.slices for unit in plan_units(source, list_inputs(source), 1 << 40))
    (records,) = reader_of(piece.file).records(piece, Fields(where="score > 0"), Limits())
    assert records.decided
    assert records.left_out == 20
    assert list(records.columns) == [("text",)]
    (batch,) = documents_of(iter([records]), Fields(where="score > 0"), piece.file, Limits())
    there = records.columns["text",].values.buffers()[2].address
    assert batch.content.buffers()[2].address == there
    assert dict(batch.dropped) == {"where": 20}


@pytest.mark.parametrize("fields", [Fields(), Fields(where="n >= 0"), Fields(extra=("other",))])
def test_documents_stay_what_they_are_while_others_are_read(folder, fields):
    """Buffers are used again, and not before the last look at what is in them."""
    texts = [f"{i} é " * (i % 7 * 100 + 1) for i in range(300)]
    path = folder / "kept.jsonl"
    path.write_text(
        "".join(
            json.dumps({"n": i, "text": text, "other": text[::-1]}) + "\n" for i, text in enumerate(texts)
        )
    )
    source = CorpusSource(name="s", paths=(str(path),))
    ((piece,),) = (unit.slices for unit in plan_units(source, list_inputs(source), 1 << 40))
    views, whole, kept = [], [], []
    for number, batch in enumerate(read(piece, fields, Limits(batch_bytes=10_000))):
        whole += batch.content.to_pylist()
        if number % 3 == 0:
            kept.append((text_of(batch.content).data, batch.content.slice(1), batch.content.to_pylist()))
        elif number % 3 == 1:
            views.append((batch, batch.content.to_pylist()))
    assert whole == texts
    assert len(kept) > 3
    for data, part, said in kept:
        assert bytes(data) == "".join(said).encode()
        assert part.to_pylist() == said[1:]
    assert all(batch.content.to_pylist() == said for batch, said in views)


@pytest.mark.parametrize("batch_bytes", [1, 1_000, 1 << 20])
def test_batches_do_not_depend_on_the_blocks_that_are_at_rest(folder, batch_bytes, monkeypatch):
    path = folder / "rested.jsonl"
    path.write_text("".join(json.dumps({"text": "é" * (i % 90 * 40)}) + "\n" for i in range(400)))
    source = CorpusSource(name="s", paths=(str(path),))
    ((piece,),) = (unit.slices for unit in plan_units(source, list_inputs(source), 1 << 40))

    def found():
        return [batch.content.to_pylist() for batch in read(piece, Fields(), Limits(batch_bytes=batch_bytes))]

    monkeypatch.setattr(_text_lines, "_blocks_at_rest", [])
    first = found()
    monkeypatch.setattr(_text_lines, "_blocks_at_rest", [bytearray(b"\xef\xbb\xbf\n" * 1_000_000)])
    assert found() == first


def test_lines_that_somebody_looks_at_are_not_written_over(folder):
    pieces = []
    for name in ("held", "other"):
        path = folder / f"{name}.jsonl"
        path.write_text(json.dumps({"text": name * 50}) + "\n")
        source = CorpusSource(name="s", paths=(str(path),))
        pieces += [
            piece for unit in plan_units(source, list_inputs(source), 1 << 40) for piece in unit.slices
        ]
    fields = Fields(where="missing != 1")
    (held,) = reader_of(pieces[0].file).records(pieces[0], fields, Limits())
    said = held.excerpt(0)
    (_,) = reader_of(pieces[1].file).records(pieces[1], fields, Limits())
    assert held.excerpt(0) == said == json.dumps({"text": "held" * 50}).encode()
