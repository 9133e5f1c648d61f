"""Joining documents: the plan of joined ones is that of their tokens, whatever they are and whatever they are cut into."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.pack import pack
from pairloom.operators.pack.joined import ADDED, GOES_ON, Joining, Stitched
from pairloom.operators.schema import Column, ids_column
from pairloom.operators.tokens import TokenBatch

MASK = Column(name="loss_mask", dtype=np.dtype(np.uint8), pad=0)


@settings(max_examples=200, deadline=None)
@given(
    documents=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30),
    between=st.integers(0, 3),
    behind=st.integers(0, 2),
    most=st.integers(1, 30),
    seq_len=st.integers(1, 16),
    strategy=st.sampled_from(["best_fit", "first_fit", "padded", "concat"]),
)
def test_rows_hold_joined_documents(
    documents: list[tuple[int, bool]], between: int, behind: int, most: int, seq_len: int, strategy: str
) -> None:
    """Against documents put together by hand."""
    lengths = [length for length, _ in documents]
    groups = (
        np.cumsum([new for _, new in documents]).astype(np.uint64) if documents else np.zeros(0, np.uint64)
    )
    how = Joining(
        separator=(101, 102, 103)[:between],
        append=(104, 105)[:behind],
        most=most,
        beside=(("loss_mask", 1.0),),
    )
    ids = [np.arange(n, dtype=np.uint16) + 1000 * (i + 1) for i, n in enumerate(lengths)]
    columns = {"input_ids": ids, "loss_mask": [np.full(n, 7, np.uint8) for n in lengths]}
    batch = TokenBatch.from_lists(columns, documents={"group": groups.astype(np.int64)})
    made = Stitched.of(batch, groups, [ids_column(np.dtype(np.uint16)), MASK], how)

    expected: list[list[int]] = []
    filled, group = 0, None
    for own, one in zip(ids, groups.tolist(), strict=True):
        if not len(own):
            continue
        if one == group and filled + between + len(own) + behind <= most:
            expected[-1] += [*how.separator, *own.tolist()]
            filled += between + len(own)
        else:
            expected.append(own.tolist())
            filled = len(own)
        group = one
    expected = [[*one, *how.append] for one in expected]
    assert [total for total in made.totals.tolist() if total] == list(map(len, expected))

    plan = made.apart(pack(made.totals, seq_len, strategy=strategy))
    flags = made.flags(plan)
    tokens, masks = (
        [made.documents.take(np.array([d])).flat(name)[o : o + n].tolist() for d, o, n in _segments(plan)]
        for name in ("input_ids", "loss_mask")
    )
    pieces: list[list[int]] = []
    for row in range(len(plan)):
        for s in range(plan.rows[row], plan.rows[row + 1]):
            assert s > plan.rows[row] or not flags[s] & GOES_ON
            if flags[s] & GOES_ON:
                pieces[-1] += tokens[s]
            else:
                pieces.append(list(tokens[s]))
            added = bool(flags[s] & ADDED)
            assert set(masks[s]) == {1 if added else 7}
            assert added == (tokens[s][0] < 1000)
    assert (
        sorted(pieces)
        == sorted(
            one[i : i + (seq_len if strategy != "concat" else len(one))]
            for one in expected
            for i in range(0, len(one), seq_len if strategy != "concat" else len(one))
        )
        or strategy == "concat"
    )
    assert sorted(token for piece in pieces for token in piece) == sorted(
        token for one in expected for token in one
    )
    assert made.added == sum(token < 1000 for one in expected for token in one)
    # What is added is of the document that it follows.
    owner = made.documents.number[made.own :]
    assert np.array_equal(made.documents.documents["group"][made.own :], groups.astype(np.int64)[owner])
    assert np.array_equal(made.first[made.own :], np.array(lengths, np.int64)[owner])


def _segments(plan: object) -> list[tuple[int, int, int]]:
    return list(zip(plan.document.tolist(), plan.offset.tolist(), plan.length.tolist(), strict=True))  # type: ignore[attr-defined]


def test_a_column_may_have_the_ids_themselves() -> None:
    """Where a column stands for ids of another codebook, what is added is there as it is in `input_ids`."""
    codes = Column(name="codes", dtype=np.dtype(np.uint16))
    how = Joining(separator=(9,), append=(), most=9, beside=(("codes", None),))
    lists = {name: [np.array([1], np.uint16), np.array([2], np.uint16)] for name in ("input_ids", "codes")}
    made = Stitched.of(
        TokenBatch.from_lists(lists), np.zeros(2, np.uint64), [ids_column(np.dtype(np.uint16)), codes], how
    )
    assert made.documents.take(made.order).gathered("codes").to_pylist() == [[1], [9], [2]]
