"""Kernels of duplex masked auto-encoding: where words begin, and what the places of a decoder see."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel, signed
from pairloom.operators.layouts.kernels.draws import Rows, draw, share
from pairloom.operators.layouts.kernels.masked_lm import SPECIAL, begins_word

__all__ = ["BEGINS", "INSIDE", "mark_words", "see_words", "warm_up"]

HIDDEN = np.uint64(0x0D95748F728EB658)
# Of each place: whether a word begins there, or goes on; 0 for special tokens and padding.
BEGINS, INSIDE = np.uint8(1), np.uint8(2)


@kernel
def mark_words(rows: Rows, bits: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """Say of each place of rows whether a word begins there; `out` [b, seq_len] begins as zeros."""
    for r in range(len(rows.ids)):
        ids = rows.ids[r]
        stop = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            inside = False
            for i in range(first, stop):
                token = signed(ids[i])
                if bits[token] & SPECIAL != 0:
                    inside = False
                    continue
                goes_on = inside and not begins_word(bits, signed(ids[i - 1]), token)
                out[r, i] = INSIDE if goes_on else BEGINS
                inside = True


@kernel
def see_words(
    words: npt.NDArray[np.uint8],
    segments: npt.NDArray[np.int32],
    seeds: npt.NDArray[np.uint64],
    hidden: np.uint64,
    masks: int,
    out: npt.NDArray[np.bool_],
) -> None:
    """Which places [b, seq_len, seq_len] of a decoder see which of their segment, by one of `masks` masks of whole words.

    Place i is masked by mask i modulo their number, which hides each word with the probability `hidden`, in 2^53rds, and
    never sees itself. A place that would see nothing sees the first of its segment; padding sees itself.
    """
    seq_len = words.shape[1]
    several = min(seq_len, masks)
    for r in range(len(words)):
        first = 0
        for i in range(seq_len):
            if segments[r, i] < 0:
                out[r, i, i] = True
                continue
            if i > 0 and segments[r, i] != segments[r, i - 1]:
                first = i
            some, away = False, False
            j = first
            while j < seq_len and segments[r, j] == segments[r, i]:
                if words[r, j] == 0:
                    away = False
                elif words[r, j] == BEGINS:
                    away = share(draw(seeds[r], HIDDEN, (i % several) * seq_len + j)) < hidden
                if j != i and not away:
                    out[r, i, j] = some = True
                j += 1
            if not some:
                out[r, i, first] = True


def warm_up(rows: Any) -> None:
    """Mask rows, and say what a decoder sees."""
    from pairloom.operators.layouts.dupmae import DupMAE, Tables

    tables = Tables(np.zeros(9, np.uint8), np.arange(9, dtype=np.uint32), 0, 9)
    step = DupMAE()
    step.built("decoder_visible", step(rows, 0, 0, 0, tables), tables)
