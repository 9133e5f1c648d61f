"""The kernel that writes documents of tokens as the units that they are spelled with."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["copy_units", "warm_up"]


@kernel
def copy_units(
    ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    units: npt.NDArray[np.uint16],
    first: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint16],
) -> None:
    """`units[offsets[i]:offsets[i + 1]]` of each id, from `first` of it on."""
    for i in range(len(ids)):
        at = first[i]
        for j in range(offsets[ids[i]], offsets[ids[i] + 1]):
            out[at] = units[j]
            at += 1


def warm_up(batch: Any) -> None:
    """Spell a token of two bytes."""
    from pairloom.operators.transforms._text import Spelling

    spelling = Spelling(np.arange(2).astype(np.uint16), np.array([0, 2]))
    spelling.text(np.zeros(1, np.uint16), np.ones(1, np.int64))
