"""The kernel of words that are not too long."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel
from pairloom.operators.layouts.kernels.draws import Rows
from pairloom.operators.layouts.kernels.dupmae import BEGINS

__all__ = ["cut_words", "spell_words", "warm_up"]


@kernel
def cut_words(
    rows: Rows, size: npt.NDArray[np.int64], max_bytes: int, max_tokens: int, words: npt.NDArray[np.uint8]
) -> None:
    """A word begins where none is (special tokens), and where the one before would have too many bytes or tokens.

    `size` is the bytes of each token, `words` [b, seq_len] where words begin (1) and go on (2), of segments alone.
    """
    for r in range(len(rows.ids)):
        stop = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            stop += rows.lengths[s]
        used, many = 0, 0
        for i in range(stop):
            length = size[rows.ids[r, i]]
            if words[r, i] <= BEGINS or used + length > max_bytes or many == max_tokens:
                words[r, i] = BEGINS
                used, many = 0, 0
            used += length
            many += 1


@kernel
def spell_words(
    token: npt.NDArray[np.int64],
    word: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    out: npt.NDArray[np.int16],
) -> None:
    """Row `word[i]` of `out` gets the bytes of `token[i]`, behind those of the tokens of the word before."""
    at = 0
    for i in range(len(token)):
        if i == 0 or word[i] != word[i - 1]:
            at = 0
        for j in range(offsets[token[i]], offsets[token[i] + 1]):
            out[word[i], at] = data[j]
            at += 1


def warm_up(rows: Any) -> None:
    """Find the words of rows."""
    from pairloom.operators.layouts.byte2word import Byte2Word, Tables

    none = np.zeros(0, np.uint8)
    tables = Tables(np.zeros(8, np.uint8), none, np.zeros(9, np.int64))
    step = Byte2Word()
    step.built("word_bytes", step(rows, 0, 0, 0, tables), tables)
