"""What becomes of a document that is longer than a row."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.strategy import OVERFLOWS

__all__ = ["OVERFLOWS", "kept_lengths"]


def kept_lengths(lengths: npt.NDArray[np.int64], seq_len: int, overflow: str) -> npt.NDArray[np.int64]:
    """How many tokens of each document rows hold."""
    if overflow == "truncate":
        return np.minimum(lengths, seq_len)
    return np.where(lengths > seq_len, 0, lengths) if overflow == "drop" else lengths
