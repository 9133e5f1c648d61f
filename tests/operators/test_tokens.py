"""Documents of tokens with any columns: taken, cut, gathered and named as their twins are, wherever they lie."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.pack import gather_column, pack
from pairloom.operators.reference import tokens as reference
from pairloom.operators.schema import (
    DOCUMENT_DTYPES,
    INPUT_IDS,
    SOURCE_COLUMN,
    TOKEN_DTYPES,
    Column,
    ids_column,
)
from pairloom.operators.tokens import Ragged, TokenBatch


@dataclass(frozen=True)
class Case:
    """Documents as lists, by column, and the same as a batch whose columns lie in chunks."""

    columns: tuple[Column, ...]
    tokens: dict[str, list[list[float]]]
    documents: dict[str, list[float]]
    batch: TokenBatch


def chunked(draw: Any, lists: list[list[float]], dtype: np.dtype[Any]) -> pa.ChunkedArray:
    cuts = sorted(draw(st.lists(st.integers(0, len(lists)), max_size=3)))
    kind = pa.large_list(pa.from_numpy_dtype(dtype))
    around = [np.array([7], dtype), np.array([8, 9], dtype)]
    arrays = [np.array(one, dtype) for one in lists]
    chunks = [
        pa.array([around[0], *arrays[a:b], around[1]], kind).slice(1, b - a)
        for a, b in zip([0, *cuts], [*cuts, len(lists)], strict=True)
    ]
    return pa.chunked_array(chunks, kind)


@st.composite
def cases(draw: Any) -> Case:
    lengths = draw(st.lists(st.integers(0, 9), max_size=12))
    ids = ids_column(np.dtype(draw(st.sampled_from([np.uint16, np.uint32]))), pad=draw(st.integers(0, 9)))
    kinds = draw(st.lists(st.sampled_from(TOKEN_DTYPES), max_size=3))
    further = [
        Column(name=f"t{i}", dtype=np.dtype(k), pad=draw(st.integers(0, 9))) for i, k in enumerate(kinds)
    ]
    kinds = draw(st.lists(st.sampled_from(DOCUMENT_DTYPES), max_size=2))
    about = [Column(name=f"d{i}", dtype=np.dtype(k), of="document") for i, k in enumerate(kinds)]
    small = st.integers(0, 100)
    tokens = {
        column.name: [draw(st.lists(small, min_size=n, max_size=n)) for n in lengths]
        for column in (ids, *further)
    }
    documents = {c.name: draw(st.lists(small, min_size=len(lengths), max_size=len(lengths))) for c in about}
    batch = TokenBatch.of(
        {c.name: chunked(draw, tokens[c.name], c.dtype) for c in (ids, *further)},
        number=np.arange(len(lengths)) + 2**62,
        copy=np.array(
            draw(st.lists(st.integers(0, 3), min_size=len(lengths), max_size=len(lengths))), np.int32
        ),
        documents={c.name: np.array(documents[c.name], c.dtype) for c in about},
    )
    return Case((ids, *further, *about), tokens, documents, batch)


@given(cases(), st.data())
def test_documents_are_taken_and_gathered_from_wherever_they_lie(case: Case, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(case.batch))))
    taken = case.batch.take(np.array(order, np.int64))
    assert len(taken) == len(case.batch)
    assert taken.tokens == sum(map(len, case.tokens[INPUT_IDS]))
    for name, lists in case.tokens.items():
        assert taken.gathered(name).to_pylist() == [lists[i] for i in order]
        assert taken.flat(name).tolist() == [value for i in order for value in lists[i]]
    for name, values in case.documents.items():
        assert taken.documents[name].tolist() == [values[i] for i in order]
    assert taken.number.tolist() == [2**62 + i for i in order]
    assert taken.copy.tolist() == [case.batch.copy[i] for i in order]


@given(cases())
def test_fingerprints_equal_their_twin(case: Case) -> None:
    keys = np.arange(len(case.batch), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    found = case.batch.fingerprints(keys, case.columns)
    for i in range(len(case.batch)):
        values = {
            column: np.array(
                case.tokens[column.name][i] if column.of == "token" else case.documents[column.name][i],
                column.dtype,
            ).tobytes()
            for column in case.columns
        }
        number, copy = int(case.batch.number[i]), int(case.batch.copy[i])
        assert tuple(found[i].tolist()) == reference.fingerprint(values, int(keys[i]), number, copy)


def test_fingerprints_of_ids_alone_are_those_of_the_first_format() -> None:
    batch = TokenBatch.from_lists({INPUT_IDS: [np.array([1, 2, 3], np.uint16)]}, number=np.array([11]))
    assert batch.fingerprints(np.array([5], np.uint64)).tolist() == [
        [6228261438661317386, 15476138995742062332, 3850523374384341230]
    ]


def one(ids: list[int], mask: list[float], source: int, copy: int = 0) -> TokenBatch:
    return TokenBatch.from_lists(
        {INPUT_IDS: [np.array(ids, np.uint16)], "mask": [np.array(mask, np.float32)]},
        number=np.array([3]),
        copy=np.array([copy], np.int32),
        documents={"source": np.array([source], np.uint16)},
    )


@pytest.mark.parametrize(
    "other",
    [one([1, 3], [0, 1], 4), one([1, 2], [0, 0.5], 4), one([1, 2], [0, 1], 5), one([1, 2], [0, 1], 4, 1)],
)
def test_every_column_changes_the_fingerprints(other: TokenBatch) -> None:
    key = np.array([9], np.uint64)
    words = one([1, 2], [0, 1], 4).fingerprints(key)
    assert (words[:, 1:] != other.fingerprints(key)[:, 1:]).all()
    # The first is that of the ids alone.
    assert (words[0, 0] == other.fingerprints(key)[0, 0]) == (
        other.gathered(INPUT_IDS).to_pylist() == [[1, 2]]
    )


def test_what_a_column_is_changes_the_fingerprints() -> None:
    batch, key = one([1, 2], [0, 1], 4), np.array([9], np.uint64)
    padded = Column(name="mask", dtype=np.dtype(np.float32), pad=1)
    assert (batch.fingerprints(key)[:, 1:] != batch.fingerprints(key, [padded])[:, 1:]).all()
    assert (batch.fingerprints(key) == batch.fingerprints(key, [SOURCE_COLUMN])).all()


@given(cases(), st.sampled_from(["best_fit", "concat", "padded"]), st.integers(1, 7))
def test_every_column_is_gathered_into_rows(case: Case, strategy: str, seq_len: int) -> None:
    plan = pack(case.batch.length, seq_len, strategy=strategy)
    triples = list(zip(plan.document.tolist(), plan.offset.tolist(), plan.length.tolist(), strict=True))
    layout = [triples[a:b] for a, b in zip(plan.rows, plan.rows[1:], strict=False)]
    for column in case.columns:
        found = gather_column(plan, case.batch, column)
        if column.of == "token":
            assert found.type == pa.list_(column.values, seq_len)
            assert found.to_pylist() == reference.rows(case.tokens[column.name], layout, seq_len, column.pad)
        else:
            values = case.documents[column.name]
            assert found.to_pylist() == [[values[document] for document, _, _ in row] for row in layout]


@given(cases(), st.data())
def test_pieces_are_documents_of_their_own(case: Case, data: st.DataObject) -> None:
    lengths = case.batch.length.tolist()
    spans = [(i, a, b) for i, n in enumerate(lengths) for a in range(n) for b in range(n - a + 1)]
    pieces = data.draw(st.lists(st.sampled_from(spans), max_size=9)) if spans else []
    columns = [np.array([piece[i] for piece in pieces], np.int64) for i in range(3)]
    found = case.batch.cut(*columns)
    for name, lists in case.tokens.items():
        assert found.gathered(name).to_pylist() == reference.cut(lists, pieces)
    for name, values in case.documents.items():
        assert found.documents[name].tolist() == [values[piece[0]] for piece in pieces]


def test_documents_get_other_tokens_and_further_columns() -> None:
    batch = one([1, 2], [0, 1], 4)
    longer = batch.with_tokens(np.array([3]), {INPUT_IDS: np.array([7, 8, 9], np.uint16)})
    assert longer.gathered(INPUT_IDS).to_pylist() == [[7, 8, 9]]
    assert set(longer.columns) == {INPUT_IDS}
    assert longer.number.tolist() == [3]
    assert longer.documents["source"].tolist() == [4]
    wider = longer.with_columns({"weight": np.array([1, 2, 3], np.float16)})
    assert wider.gathered("weight").to_pylist() == [[1, 2, 3]]
    assert wider.gathered(INPUT_IDS).to_pylist() == [[7, 8, 9]]
    better = wider.with_documents({"quality": np.array([0.5])})
    assert {name: values.tolist() for name, values in better.documents.items()} == {
        "source": [4],
        "quality": [0.5],
    }


def test_columns_that_do_not_fit_are_refused() -> None:
    ids = [np.array([1, 2], np.uint16), np.array([3], np.uint16)]
    with pytest.raises(ValueError, match="column mask has other lengths than input_ids"):
        TokenBatch.from_lists({INPUT_IDS: ids, "mask": ids[::-1]})
    with pytest.raises(ValueError, match="need a column input_ids, not only mask"):
        TokenBatch.from_lists({"mask": ids})
    with pytest.raises(ValueError, match=r"2 documents, but \{'source': 1\}"):
        TokenBatch.from_lists({INPUT_IDS: ids}, documents={"source": np.zeros(1, np.uint16)})
    batch = TokenBatch.from_lists({INPUT_IDS: ids})
    with pytest.raises(ValueError, match="4 values for 3 tokens"):
        batch.with_columns({"mask": np.zeros(4, np.uint8)})
    with pytest.raises(ValueError, match="outside of its document"):
        batch.cut(np.array([1]), np.array([0]), np.array([2]))
    plan = pack(batch.length, 2)
    with pytest.raises(ValueError, match="values of uint16, not of uint32"):
        gather_column(plan, batch, ids_column(np.dtype(np.uint32)))


def test_values_stay_alive_with_the_batch() -> None:
    columns = {INPUT_IDS: Ragged.flat(np.arange(1000, dtype=np.uint32), np.array([400, 600]))}
    batch = TokenBatch(
        length=np.array([400, 600]),
        number=np.arange(2),
        copy=np.zeros(2, np.int32),
        columns=columns,
        documents={},
    )
    assert batch.take(np.array([1])).flat(INPUT_IDS).tolist() == list(range(400, 1000))
