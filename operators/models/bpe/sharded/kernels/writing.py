"""Tokens into the slots of words that are laid out, for a partition that begins after merges were made."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel
from pairloom.operators.models.bpe.kernels.symbols import HOLE, LONG

__all__ = ["write_tokens"]


@kernel
def write_tokens(
    offsets: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
    places: npt.NDArray[np.int64],
    symbols: npt.NDArray[np.uint32],
) -> None:
    """Write the tokens of some words into their slots; `places` (int64[2]) are the next short and the next long word's."""
    for i in range(len(offsets) - 1):
        length = offsets[i + 1] - offsets[i]
        if length < 2:
            continue
        long = 1 if length >= LONG else 0
        at = places[long] + 2
        places[long] += length + 2
        for k in range(bounds[i], bounds[i + 1]):
            after = at + lengths[tokens[k]]
            for p in range(at + 1, after - 1):
                symbols[p] = HOLE
            symbols[at] = tokens[k]
            symbols[after - 1] = tokens[k]
            at = after
