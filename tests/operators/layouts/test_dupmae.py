"""Duplex masked auto-encoding: equal to its twins, never seeing itself, half of the words hidden, bags that add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import LAYOUTS, laid_out, row_streams, taken_back
from pairloom.operators.layouts.dupmae import DupMAE
from pairloom.operators.layouts.masked_lm import MaskedLM
from pairloom.operators.pack.derive import segment_ids
from pairloom.operators.reference.layouts.dupmae import mark_words, see_words
from pairloom.operators.reference.layouts.masked_lm import Setting, mask_words
from tests.support.rows import Words, chi_square, matrix, rows_of

WORDS = Words(["[PAD]", "[MASK]", "[CLS]"], [b" a", b"b", b"c", b".", b" d", b"e"])
SEED, WIDTH = 19, 40
STEP = DupMAE()
TABLES = STEP.prepare(WORDS)
BITS = TABLES.bits

segment = st.lists(st.integers(0, len(WORDS) - 1), min_size=1, max_size=12)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=3)


def setting(rate: float) -> Setting:
    drawing = MaskedLM(rate=rate).drawing()
    return Setting(
        special=frozenset({0, 1, 2}),
        goes_on=frozenset(np.flatnonzero(BITS & 2).tolist()),
        closes=frozenset(np.flatnonzero(BITS & 4).tolist()),
        ordinary=range(3, len(WORDS)),
        mask=1,
        rate=int(drawing.rate),
        masked=int(drawing.masked),
        changed=int(drawing.changed),
    )


@settings(deadline=None)
@given(
    rows_drawn,
    st.sampled_from([0.3, 0.9]),
    st.sampled_from([0.1, 0.5, 0.9]),
    st.sampled_from([1, 7, 256]),
    st.integers(0, 2**64 - 1),
)
def test_the_kernels_are_their_twins(
    rows: list[list[list[int]]], rate: float, hidden: float, masks: int, seed: int
) -> None:
    step, given_rows = DupMAE(rate=rate, decoder_rate=hidden, masks=masks), rows_of(rows, WIDTH)
    made = step(given_rows, seed, 1, 5, TABLES)
    streams, seen = row_streams(seed, 1, 5, len(rows)), step.built("decoder_visible", made, TABLES)
    places, bags = (
        segment_ids(made.column("segment_lengths"), WIDTH),
        step.built("bag_of_words", made, TABLES),
    )
    which = 0
    for r, segments in enumerate(rows):
        row, lengths = matrix(given_rows, "input_ids")[r].tolist(), [len(s) for s in segments]
        out, labels = mask_words(row, lengths, int(streams[r]), setting(rate), whole=True)
        assert (matrix(made, "input_ids")[r].tolist(), matrix(made, "labels")[r].tolist()) == (out, labels)
        words = mark_words(row, lengths, setting(rate))
        assert matrix(made, "words")[r].tolist() == words
        assert matrix(made, "decoder_seed")[r, 0] == streams[r]
        bound = min(1 << 53, int(np.ceil(hidden * 2**53)))
        assert seen[r].tolist() == see_words(words, places[r].tolist(), int(streams[r]), bound, masks)
        # No place that is predicted sees itself, none is blind, none sees another segment (N19).
        decoder = matrix(made, "decoder_labels")[r]
        assert not np.diagonal(seen[r])[decoder != -100].any()
        assert seen[r].any(axis=1).all()
        assert (places[r][:, None] == places[r])[seen[r]].all()
        at = 0
        for own in segments:
            inner = decoder[at : at + len(own)].tolist()
            assert inner == [-100, *own[1:-1], -100][: len(own)]
            ordinary = [token for token in own if token > 2]
            bag = np.bincount(ordinary, minlength=len(WORDS)) / max(1, len(ordinary))
            assert bags[which] == pytest.approx(bag, abs=1e-6)
            which, at = which + 1, at + len(own)
    assert step.undo(made, TABLES).equals(given_rows)
    whole = laid_out(given_rows, [step], seed, 0, 3, [TABLES])
    cut = len(rows) // 2
    part = laid_out(given_rows.slice(cut), [step], seed, 0, 3 + cut, [TABLES])
    assert part.to_pylist() == whole.slice(cut).to_pylist()
    assert taken_back(whole, [step], [TABLES]).equals(given_rows)


def test_half_of_the_words_are_hidden_each_time_others() -> None:
    """Words of one to three tokens: about half of the cells are seen, and all tokens of a word or none (N19)."""
    rows = rows_of([[[2, *[3, 7, 8, 3, 4, 5] * 40, 2]]] * 8, 256)
    made = STEP(rows, SEED, 0, 0, TABLES)
    seen = STEP.built("decoder_visible", made, TABLES)[:, 1:241, 1:241]
    away = ~np.eye(240, dtype=bool)
    count = seen.size - 8 * 240
    cells = np.array([seen[:, away].sum(), count - seen[:, away].sum()])
    # Cells of a word share a fate: of 160 words a row of the matrix has, each is drawn once.
    assert abs(cells[0] / count - 0.5) < 5 * 0.5 / np.sqrt(8 * 240 * 120)
    starts = matrix(made, "words")[0, 1:241]
    inside = np.flatnonzero(starts == 2)
    agree = seen[:, :, inside] == seen[:, :, inside - 1]
    diagonal = (np.arange(240)[:, None] == inside) | (np.arange(240)[:, None] == inside - 1)
    assert agree[:, ~diagonal].all()
    # Special tokens are seen always; masks repeat after `masks` places, and no sooner.
    again = DupMAE(masks=100).built("decoder_visible", made, TABLES)
    assert again[:, 1:241, 0].all()
    off = np.ones(242, bool)
    off[[20, 120]] = False
    assert (again[:, 20, :242] == again[:, 120, :242])[:, off].all()
    assert not (again[:, 20, :242] == again[:, 21, :242])[:, off].all()


def test_the_share_of_masked_words_and_bags_of_either_kind() -> None:
    rows = rows_of([[[3] * 250]] * 100, 250)
    labels = matrix(STEP(rows, SEED, 0, 0, TABLES), "labels")
    hit = int((labels != -100).sum())
    assert chi_square([hit, labels.size - hit], [0.3 * labels.size, 0.7 * labels.size]) < 4
    rows = rows_of([[[2, 3, 3, 4, 2], [0, 1]]], WIDTH)
    for bag, wanted in (("counted", [2 / 3, 1 / 3]), ("once", [1 / 3, 1 / 3])):
        step = DupMAE(bag=bag)
        found = step.built("bag_of_words", step(rows, 0, 0, 0, TABLES), TABLES)
        assert found.dtype == np.float32
        assert found[0, 3:5] == pytest.approx(wanted)
        # The published code's bag adds up to distinct / n; nothing is in the bag of special tokens (N19).
        assert found.sum(axis=1) == pytest.approx([sum(wanted), 0])


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": 0.0}, "rate"),
        ({"decoder_rate": 1.0}, "decoder_rate"),
        ({"masks": 0}, "masks"),
        ({"mask_token": ""}, "mask_token"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        DupMAE(**keys)


def test_it_is_found_by_name() -> None:
    assert LAYOUTS.get("dupmae") is DupMAE
