"""What becomes of a document that is longer than a row."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.strategy import OVERFLOWS
from pairloom.operators.pack.turns import kept_of_turns
from pairloom.operators.tokens import TokenBatch

__all__ = ["OVERFLOWS", "kept_lengths", "kept_of"]


def kept_of(documents: TokenBatch, seq_len: int, overflow: str) -> npt.NDArray[np.int64]:
    """How many tokens of each document rows hold, where it may depend on what documents have besides."""
    if overflow == "turn":
        return kept_of_turns(documents, seq_len)
    return kept_lengths(documents.length, seq_len, overflow)


def kept_lengths(lengths: npt.NDArray[np.int64], seq_len: int, overflow: str) -> npt.NDArray[np.int64]:
    """How many tokens of each document rows hold."""
    if overflow == "truncate":
        return np.minimum(lengths, seq_len)
    return np.where(lengths > seq_len, 0, lengths) if overflow == "drop" else lengths
