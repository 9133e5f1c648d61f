"""Cutting normalized text into words between neighbouring characters."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pairloom.operators.text.arrays import Text
from pairloom.operators.text.front.kernels.cut import CLASSES, POSITION, cut_neighbours

__all__ = ["Pieces", "apart_by"]

_BLOCK_BYTES = 128 << 10


class Pieces:
    """Cuts documents between two characters of classes that are `apart`; pieces tile them, as those of a Pretokenizer.

    `classes` is uint8[0x110000], one a code point; `apart` is uint8[CLASSES * CLASSES], by the class before and the one after.
    """

    def __init__(self, classes: npt.NDArray[np.uint8], apart: npt.NDArray[np.uint8]) -> None:
        self.classes, self.apart = classes, apart

    def blocks(
        self, text: Text, *, block_bytes: int = _BLOCK_BYTES
    ) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """As `Pretokenizer.blocks`."""
        state = np.array([0, text.offsets[0]], np.int64)
        ends = np.empty(min(block_bytes, text.bytes) + 2, np.int64)
        while True:
            start = int(state[POSITION])
            count = cut_neighbours(
                text.data, text.offsets, self.classes, self.apart, state, block_bytes, ends
            )
            if count == 0:
                return
            yield start, ends[:count]


def apart_by(pairs: dict[tuple[int, int], bool]) -> npt.NDArray[np.uint8]:
    """The matrix of `Pieces` in which these pairs of classes are as they say, and all others together."""
    found = np.zeros((CLASSES, CLASSES), np.uint8)
    for pair, apart in pairs.items():
        found[pair] = apart
    return found.reshape(-1)
