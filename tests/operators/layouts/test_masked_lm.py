"""Masked language modelling: equal to its twin, within its limits, with the shares that it says."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import LAYOUTS, laid_out, row_streams, taken_back
from pairloom.operators.layouts._vocabulary import token_bits
from pairloom.operators.layouts.kernels.masked_lm import CLOSES, GOES_ON, SPECIAL
from pairloom.operators.layouts.masked_lm import MaskedLM, Tables
from pairloom.operators.reference.layouts.masked_lm import Setting, mask_spans, mask_words, words_of
from tests.support.rows import chi_square, matrix, rows_of

# Ids 0 and 1 are special (an end and the mask), 2 to 9 begin words, 10 to 19 go on with them, 20 to 24 close them.
VOCABULARY = 25
BITS = np.zeros(VOCABULARY, np.uint8)
BITS[:2] = SPECIAL
BITS[10:20] = GOES_ON
BITS[20:] = CLOSES
TABLES = Tables(bits=BITS, ordinary=np.arange(2, VOCABULARY, dtype=np.uint32), mask=1)
SEED = 20


def setting(step: MaskedLM) -> Setting:
    """What the twin goes by."""
    drawing = step.drawing()
    return Setting(
        special=frozenset({0, 1}),
        goes_on=frozenset(range(10, 20)),
        closes=frozenset(range(20, VOCABULARY)),
        ordinary=range(2, VOCABULARY),
        mask=1,
        rate=int(drawing.rate),
        masked=int(drawing.masked),
        changed=int(drawing.changed),
        lengths=[int(x) for x in drawing.lengths],
    )


segment = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=14)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=4), min_size=0, max_size=4)
steps = st.builds(
    MaskedLM,
    rate=st.sampled_from([0.01, 0.15, 0.5, 0.9]),
    unit=st.sampled_from(["token", "word", "span"]),
    replace=st.sampled_from([(0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.2, 0.7, 0.1)]),
    span_p=st.sampled_from([0.2, 0.7]),
    max_span=st.sampled_from([1, 3, 10]),
)


@settings(deadline=None)
@given(rows_drawn, steps, st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(0, 2**40))
def test_the_kernels_are_their_twins_and_undo_gives_the_rows_back(
    rows: list[list[list[int]]], step: MaskedLM, seed: int, epoch: int, first: int
) -> None:
    given_rows = rows_of(rows, 64)
    made = step(given_rows, seed, epoch, first, TABLES)
    streams = row_streams(seed, epoch, first, len(rows))
    before, ids, labels = matrix(given_rows, "input_ids"), matrix(made, "input_ids"), matrix(made, "labels")
    for r, segments in enumerate(rows):
        row, lengths, stream = before[r].tolist(), [len(s) for s in segments], int(streams[r])
        if step.unit == "span":
            wanted = mask_spans(row, lengths, stream, setting(step))
        else:
            wanted = mask_words(row, lengths, stream, setting(step), whole=step.unit == "word")
        assert (ids[r].tolist(), labels[r].tolist()) == wanted
    # Nothing but ordinary tokens is touched, and what is not predicted stays.
    ordinary = BITS[before] & SPECIAL == 0
    used = np.arange(64) < np.array([[sum(map(len, s))] for s in rows] or [[0]])
    assert not (labels != -100)[~(ordinary & used[: len(rows)])].any()
    assert (ids == before)[labels == -100].all()
    assert (labels == before)[labels != -100].all()
    assert made.drop_columns(["input_ids", "labels"]).equals(given_rows.drop_columns(["input_ids"]))
    assert made.schema.field("labels").type == pa.list_(pa.int32(), 64)
    assert step.undo(made, TABLES).equals(given_rows)


@settings(deadline=None, max_examples=30)
@given(rows_drawn.filter(len), steps, st.integers(0, 3))
def test_a_row_is_the_same_in_whatever_batch_it_comes(
    rows: list[list[list[int]]], step: MaskedLM, cut: int
) -> None:
    whole = rows_of(rows, 64, np.uint32)
    made = laid_out(whole, [step], SEED, 2, 100, [TABLES])
    cut = min(cut, len(rows))
    parts = [
        laid_out(whole.slice(at, n), [step], SEED, 2, 100 + at, [TABLES])
        for at, n in ((0, cut), (cut, len(rows) - cut))
    ]
    assert pa.Table.from_batches(parts).combine_chunks().equals(pa.Table.from_batches([made]))
    assert taken_back(made, [step], [TABLES]).equals(whole)


def test_words_end_at_spaces_marks_special_tokens_and_segments() -> None:
    ids = [2, 10, 11, 3, 20, 12, 0, 13, 14, 15]
    assert words_of(ids, [8, 2], setting(MaskedLM())) == [[0, 1, 2], [3], [4], [5], [7], [8, 9]]


def many(step: MaskedLM, count: int = 400, length: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ids before, ids after, labels) of many rows of ordinary tokens."""
    draw = np.random.default_rng(SEED)
    rows = [[draw.integers(2, VOCABULARY, length).tolist()] for _ in range(count)]
    given_rows = rows_of(rows, length)
    made = laid_out(given_rows, [step], SEED, 0, 0, [TABLES])
    return tuple(matrix(r, n) for r, n in ((given_rows, "input_ids"), (made, "input_ids"), (made, "labels")))


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_the_share_of_predicted_tokens_is_the_rate(unit: str) -> None:
    _, _, labels = many(MaskedLM(unit=unit))
    shares = (labels != -100).mean(axis=1)
    error = shares.std() / math.sqrt(len(shares))
    assert abs(shares.mean() - 0.15) < 4 * max(error, 1e-4)
    if unit == "span":
        # A row's budget is spent exactly.
        assert set((labels != -100).sum(axis=1).tolist()) == {math.floor(0.15 * 256), math.ceil(0.15 * 256)}
    if unit == "token":
        # Each place is predicted on its own: the number in a row is binomial, and neighbours know nothing of each other.
        both = (labels[:, 1:] != -100) & (labels[:, :-1] != -100)
        n, p = both.size, 0.15**2
        assert abs(both.sum() - n * p) < 5 * math.sqrt(n * p)
        assert abs(shares.var() * 256 - 0.15 * 0.85) < 0.03


@pytest.mark.parametrize("unit", ["token", "word"])
def test_what_is_predicted_becomes_a_mask_a_random_token_or_stays(unit: str) -> None:
    before, after, labels = many(MaskedLM(unit=unit))
    hit = labels != -100
    masked, same = (after == 1) & hit, (after == before) & hit
    other = hit & ~masked & ~same
    # A random token is the same by chance.
    chance = 0.1 / (VOCABULARY - 2)
    n = int(hit.sum())
    seen = [int(masked.sum()), int(same.sum()), int(other.sum())]
    assert chi_square(seen, [0.8 * n, (0.1 + chance) * n, (0.1 - chance) * n]) < 4
    # Random tokens are uniform over what is not special.
    found = np.bincount(after[other], minlength=VOCABULARY)
    assert found[:2].sum() == 0
    assert chi_square(found[2:].tolist(), [found.sum() / (VOCABULARY - 2)] * (VOCABULARY - 2)) < 4


def test_spans_have_lengths_of_a_truncated_geometric_distribution() -> None:
    # With a small rate spans hardly meet; one-token words, so that words are tokens.
    step = MaskedLM(unit="span", rate=0.02, replace=(1.0, 0.0, 0.0), max_span=5)
    rows = rows_of([[[2] * 2000] for _ in range(400)], 2000)
    labels = matrix(laid_out(rows, [step], SEED, 0, 0, [TABLES]), "labels") != -100
    edges = np.diff(np.pad(labels, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = (np.nonzero(edges == sign) for sign in (1, -1))
    lengths = ends[1] - starts[1]
    weights = 0.2 * 0.8 ** np.arange(5)
    expected = weights / weights.sum()
    # The last span of a row is cut by the budget, and some touch: compare shares within a percent and a half.
    seen = np.bincount(np.minimum(lengths, 6), minlength=7)[1:6] / len(lengths)
    assert np.abs(seen - expected).max() < 0.04
    assert seen.argmax() == 0
    # Anchors are uniform: halves of rows are hit alike.
    half = labels[:, :1000].sum() - labels[:, 1000:].sum()
    assert abs(half) < 5 * math.sqrt(labels.sum() * 3)


def test_all_tokens_of_a_span_share_one_fate() -> None:
    before, after, labels = many(MaskedLM(unit="span", replace=(0.5, 0.0, 0.5), rate=0.1))
    assert set(np.unique((after == before)[labels != -100]).tolist()) == {False, True}
    words = [words_of(row.tolist(), [256], setting(MaskedLM())) for row in before[:50]]
    for r, row in enumerate(words):
        for word in row:
            whole = [i for i in word if labels[r, i] != -100]
            assert len({bool(after[r, i] == 1) for i in whole}) <= 1


class Stand:
    """A vocabulary of a few tokens."""

    tokens = (
        b"[MASK]",
        b" the",
        b"re",
        b".",
        b"\n",
        "\u4e2d".encode(),
        b"\xc3",
        b"\xa9",
        b"don",
        b"'",
        b"a1",
    )
    special_ids = (0,)
    reserved_ids = special_ids
    special_tokens = ("[MASK]",)

    def special_id(self, token: str) -> int:
        return {"[MASK]": 0}[token]


def test_bits_of_tokens() -> None:
    go, shut = int(GOES_ON), int(CLOSES)
    assert token_bits(Stand()).tolist() == [int(SPECIAL), 0, go, shut, shut, shut, go, go, go, shut, go]
    tables = MaskedLM().prepare(Stand())
    assert tables.mask == 0
    assert tables.ordinary.tolist() == list(range(1, 11))


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": 1.5}, "rate"),
        ({"rate": 0.0}, "rate"),
        ({"replace": (0.8, 0.1, 0.2)}, "replace"),
        ({"span_p": 1.0}, "span_p"),
        ({"max_span": 0}, "max_span"),
        ({"mask_token": ""}, "mask_token"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        MaskedLM(**keys)


def test_it_is_found_by_name_and_its_identity_is_its_keys() -> None:
    assert LAYOUTS.get("masked_lm") is MaskedLM
    assert MaskedLM(rate=0.2).identity() != MaskedLM().identity()
    assert MaskedLM(mask_token="<m>").special_tokens == ("<m>",)
