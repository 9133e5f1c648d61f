"""Kernels of masked language modelling: which tokens of a row are predicted, and what stands in their place."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.layouts.kernels.draws import IGNORED, Rows, below, draw, share

__all__ = [
    "CLOSES",
    "GOES_ON",
    "SPECIAL",
    "Drawing",
    "Words",
    "begins_word",
    "mask_spans",
    "mask_words",
    "warm_up",
]

# Bits of what a token is: no text, text that begins inside a word, text that ends outside of one.
SPECIAL = np.uint8(1)
GOES_ON = np.uint8(2)
CLOSES = np.uint8(4)


class Words(NamedTuple):
    """What is known of the vocabulary: the bits of each token, the ids that a random token is drawn from, the mask's id."""

    bits: npt.NDArray[np.uint8]
    ordinary: npt.NDArray[np.uint32]
    mask: int


class Drawing(NamedTuple):
    """Probabilities in 2^53rds: that a unit is predicted, that it is masked, that it is masked or random.

    `lengths[k]` is the probability that a span has at most k + 1 words. With `whole`, units are words, else tokens.
    """

    rate: np.uint64
    masked: np.uint64
    changed: np.uint64
    lengths: npt.NDArray[np.uint64]
    whole: bool


# What begins at a place of a row.
NOTHING, WORD, SEGMENT = np.uint8(0), np.uint8(1), np.uint8(2)

# Draws of a row: whether token i is chosen is draw i, what becomes of it is draw i of another stream, and so on.
CHOICE = np.uint64(0x243F6A8885A308D3)
REPLACEMENT = np.uint64(0x13198A2E03707344)
RANDOM = np.uint64(0xA4093822299F31D0)
SPAN = np.uint64(0x082EFA98EC4E6C89)


@inner
def _replacement(token: int, stream: np.uint64, at: int, unit: int, words: Words, drawing: Drawing) -> int:
    """What stands for a predicted token; `unit` is the place whose draw decides, `at` its own."""
    what = share(draw(stream, REPLACEMENT, unit))
    if what < drawing.masked:
        return words.mask
    if what < drawing.changed:
        return np.int64(words.ordinary[below(draw(stream, RANDOM, at), len(words.ordinary))])
    return token


@inner
def begins_word(bits: npt.NDArray[np.uint8], before: int, token: int) -> bool:
    """Whether a token that follows another in its segment begins a word; both are ordinary."""
    return bits[token] & GOES_ON == 0 or bits[before] & CLOSES != 0


@kernel
def mask_words(
    rows: Rows, words: Words, drawing: Drawing, out: npt.NDArray[np.uint32], labels: npt.NDArray[np.int32]
) -> None:
    """Predict each token, or each word, with the probability `rate`, independently; `out` begins as a copy of the ids."""
    bits = words.bits
    for r in range(len(rows.ids)):
        ids, stream = rows.ids[r], rows.streams[r]
        stop = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            inside = False
            chosen = False
            for i in range(first, stop):
                token = np.int64(ids[i])
                if bits[token] & SPECIAL != 0:
                    inside = False
                    continue
                if not (drawing.whole and inside and not begins_word(bits, np.int64(ids[i - 1]), token)):
                    chosen = share(draw(stream, CHOICE, i)) < drawing.rate
                inside = True
                if chosen:
                    labels[r, i] = token
                    out[r, i] = _replacement(token, stream, i, i, words, drawing)


@kernel
def mask_spans(
    rows: Rows,
    words: Words,
    drawing: Drawing,
    begins: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint32],
    labels: npt.NDArray[np.int32],
) -> None:
    """Predict spans of words until a share `rate` of a row's ordinary tokens is predicted, as SpanBERT does.

    A span begins with the word at a place that is drawn uniformly, has as many words as drawn, and ends where its segment,
    the next predicted word or the budget ends. `begins` is room for seq_len + 1 marks: what begins there.
    """
    bits = words.bits
    for r in range(len(rows.ids)):
        ids, stream = rows.ids[r], rows.streams[r]
        used = ordinary = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, used = used, used + rows.lengths[s]
            for i in range(first, used):
                token = np.int64(ids[i])
                special = bits[token] & SPECIAL != 0
                ordinary += not special
                if i == first:
                    begins[i] = SEGMENT
                elif special or bits[ids[i - 1]] & SPECIAL != 0:
                    begins[i] = WORD
                else:
                    begins[i] = WORD if begins_word(bits, np.int64(ids[i - 1]), token) else NOTHING
        begins[used] = SEGMENT
        # The budget is rounded up or down by a draw, so that its mean is the share.
        exact = np.float64(drawing.rate) / 9007199254740992.0 * ordinary
        left = np.int64(exact)
        left += np.float64(share(draw(stream, SPAN, 0))) / 9007199254740992.0 < exact - left
        tries = 0
        while left > 0 and tries < 64 * used:
            tries += 1
            at = below(draw(stream, SPAN, 2 * tries), used)
            if labels[r, at] != IGNORED or bits[ids[at]] & SPECIAL != 0:
                continue
            length = share(draw(stream, SPAN, 2 * tries + 1))
            several = 1
            while several < len(drawing.lengths) and length >= drawing.lengths[several - 1]:
                several += 1
            while begins[at] == NOTHING:
                at -= 1
            unit = at
            while several > 0 and left > 0:
                token = np.int64(ids[at])
                if labels[r, at] != IGNORED or bits[token] & SPECIAL != 0:
                    break
                labels[r, at] = token
                out[r, at] = _replacement(token, stream, at, unit, words, drawing)
                left -= 1
                at += 1
                if begins[at] != NOTHING:
                    several -= 1
                if begins[at] == SEGMENT:
                    break


def warm_up(rows: Any) -> None:
    """Mask rows word by word, and in spans."""
    from pairloom.operators.layouts.masked_lm import MaskedLM, Tables

    tables = Tables(bits=np.zeros(9, np.uint8), ordinary=np.arange(9, dtype=np.uint32), mask=0)
    for step in (MaskedLM(), MaskedLM(unit="span")):
        step(rows, 0, 0, 0, tables)
