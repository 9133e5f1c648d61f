"""Random numbers of a row: number `which` of a purpose is a function of the row's stream, whatever was drawn before."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, below, mix64
from pairloom.operators.kernels.jit import inner

__all__ = ["IGNORED", "Rows", "below", "draw", "share"]

IGNORED = np.int32(-100)
"""The label of what is not predicted: what losses leave out."""


class Rows(NamedTuple):
    """Rows of packed tokens: `ids` [b, seq_len], the segments of row `r` are lengths[edges[r]:edges[r + 1]] tokens long."""

    ids: npt.NDArray[np.uint32]
    edges: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    streams: npt.NDArray[np.uint64]


@inner
def draw(stream: np.uint64, purpose: np.uint64, which: int) -> np.uint64:
    """64 uniform bits: number `which` of those that a row has for a purpose."""
    return mix64((stream ^ purpose) + np.uint64(which + 1) * GOLDEN)


@inner
def share(bits: np.uint64) -> np.uint64:
    """64 uniform bits as a number of 2^53rds, to be compared with a probability."""
    return bits >> np.uint64(11)
