"""Which old rows the tokens of a new vocabulary begin from, and their sums."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, append_tokens, count_words, learn_bpe
from pairloom.operators.embeddings import (
    ORIGINS,
    RowMap,
    as_float32,
    as_stored,
    blocks,
    mean_row,
    new_rows,
    padded,
    row_map,
    summing,
)


def learned(text: str, size: int, special: tuple[str, ...] = ("<|endoftext|>",)) -> Vocabulary:
    return learn_bpe(count_words(pa.array([text]), Pretokenizer()), size, special_tokens=special)


ENGLISH = learned("the threads of the loom are the threads of the needle " * 20, 300)
GERMAN = learned("die Fäden des Webstuhls sind die Fäden der Nadel " * 20, 310)


def of(rows: RowMap, i: int) -> tuple[str, list[int], list[float]]:
    at = slice(*rows.offsets[i : i + 2])
    return ORIGINS[rows.origin[i]], rows.ids[at].tolist(), rows.weights[at].tolist()


def test_a_token_that_both_have_keeps_its_row() -> None:
    """(C17)"""
    rows = row_map(ENGLISH, GERMAN)
    for i, token in enumerate(GERMAN.tokens):
        if token in set(ENGLISH.tokens):
            assert of(rows, i) == ("same", [list(ENGLISH.tokens).index(token)], [1.0])


def test_any_other_begins_as_its_pieces() -> None:
    """(C17)"""
    rows = row_map(ENGLISH, GERMAN)
    made = [i for i in range(len(GERMAN)) if ORIGINS[rows.origin[i]] == "pieces"]
    assert made
    for i in made:
        _, ids, weights = of(rows, i)
        assert b"".join(ENGLISH.tokens[piece] for piece in ids) == GERMAN.tokens[i]
        assert weights == pytest.approx([1 / len(ids)] * len(ids))


def test_what_is_extended_keeps_every_old_row() -> None:
    """(C17)"""
    both = append_tokens(ENGLISH, GERMAN.tokens[257:], 320, repair=True).vocabulary
    rows = row_map(ENGLISH, both)
    assert [of(rows, i) for i in range(len(ENGLISH))] == [("same", [i], [1.0]) for i in range(len(ENGLISH))]


def test_special_tokens_go_by_their_roles() -> None:
    old = learned("a rose " * 9, 270, ("<|endoftext|>", "<|pad|>"))
    new = learned("a rose " * 9, 270, ("</s>", "<|pad|>", "<|new|>"))
    rows = row_map(old, new, old_roles={"eos": "<|endoftext|>"}, new_roles={"eos": "</s>"})
    assert [of(rows, i) for i in range(3)] == [("role", [0], [1.0]), ("same", [1], [1.0]), ("all", [], [])]
    assert rows.copied()[0] == 0
    assert rows.copied()[1] == 1


def test_text_that_spells_a_special_token_has_not_its_row() -> None:
    old = learned("a rose " * 9, 270, ("rose",))
    new = learned("a rose " * 9, 262, ("<|x|>",))
    new = replace(new, tokens=[*new.tokens[:-1], b"rose"]) if b"rose" not in set(new.tokens) else new
    i = list(new.tokens).index(b"rose")
    kind, ids, _ = of(row_map(old, new), i)
    assert (kind, 0 in ids) == ("pieces", False)


def test_rows_are_padded_with_the_mean_of_all() -> None:
    rows = padded(row_map(ENGLISH, GERMAN), 64)
    assert len(rows) == 320
    assert of(rows, 319) == ("padding", [], [])
    assert len(padded(rows, 64)) == 320


@pytest.mark.parametrize("kind", ["F64", "F32", "F16", "BF16"])
def test_copied_rows_are_bit_equal_and_others_are_means(kind: str) -> None:
    rng = np.random.default_rng(0)
    rows = padded(row_map(ENGLISH, GERMAN), 64)
    values = rng.normal(size=(len(ENGLISH) + 7, 5))
    old = as_stored(values, kind)
    read = as_float32(old, kind).astype(np.float64)
    everything = mean_row(old, kind, len(ENGLISH))
    assert everything == pytest.approx(read[: len(ENGLISH)].mean(axis=0))
    made = new_rows(old, kind, rows, everything, 0, len(rows))
    assert made.dtype == old.dtype
    close = {"F64": 1e-6, "F32": 1e-6, "F16": 2e-3, "BF16": 2e-2}[kind]
    for i in range(len(rows)):
        origin, ids, weights = of(rows, i)
        if origin in ("same", "role"):
            assert made[i].tobytes() == old[ids[0]].tobytes()
        else:
            wanted = np.average(read[ids], axis=0, weights=weights) if ids else everything
            assert as_float32(made[i], kind) == pytest.approx(wanted, abs=close)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 400), st.integers(1, 8))
def test_blocks_are_all_rows_in_their_order_and_make_the_same(
    lengths: list[int], room: int, width: int
) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.arange(offsets[-1]) % 7
    weights = np.ones(len(ids), np.float32)
    origin = np.where(np.array(lengths) > 0, ORIGINS.index("pieces"), ORIGINS.index("all")).astype(np.uint8)
    rows = RowMap(old_tokens=7, origin=origin, offsets=offsets, ids=ids, weights=weights)
    old = np.arange(7 * width, dtype=np.float32).reshape(7, width)
    everything = mean_row(old, "F32", 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summing, "BLOCK_BYTES", room)
        cuts = list(blocks(rows, width))
        assert mean_row(old, "F32", 7) == pytest.approx(everything)
    assert [cut[0] for cut in cuts] == [0, *(cut[1] for cut in cuts[:-1])]
    assert cuts[-1][1] == len(rows)
    parts = [new_rows(old, "F32", rows, everything, *cut) for cut in cuts]
    assert np.array_equal(np.concatenate(parts), new_rows(old, "F32", rows, everything, 0, len(rows)))


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_bfloat16_is_the_nearest(values: list[float]) -> None:
    given_ = np.array(values, np.float32)
    stored = as_stored(given_, "BF16")
    below = (given_.view(np.uint32) >> 16).astype(np.uint16)
    exact = as_float32(below, "BF16") == given_
    assert np.array_equal(stored[exact], below[exact])
    with np.errstate(all="ignore"):
        wide = given_.astype(np.float64)
        error = np.abs(as_float32(stored, "BF16").astype(np.float64) - wide)
        for other in (below, (below + 1).astype(np.uint16)):
            away = np.abs(as_float32(other, "BF16").astype(np.float64) - wide)
            finite = np.isfinite(away) & np.isfinite(error)
            assert (error[finite] <= away[finite]).all()
