"""Documents of tokens as the bytes that they stand for, with one unit in the place of each special token."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.transforms.kernels.hat import SPECIAL
from pairloom.operators.transforms.kernels.spelling import copy_units

__all__ = ["Spelling", "spelling_of"]


class Spelling(NamedTuple):
    """What the tokens of a vocabulary are spelled with: `units[offsets[i]:offsets[i + 1]]`, uint16, a byte each, or `SPECIAL`."""

    units: npt.NDArray[np.uint16]
    offsets: npt.NDArray[np.int64]

    def text(
        self, ids: npt.NDArray[Any], length: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The units of documents, how many each has, and where each token's first is; one without units has that of the next.

        >>> spelling = Spelling(np.array([104, 105, 256], np.uint16), np.array([0, 2, 3]))
        >>> text, units, first = spelling.text(np.array([0, 1, 0]), np.array([2, 1]))
        >>> text.tolist(), units.tolist(), first.tolist()
        ([104, 105, 256, 104, 105], [3, 2], [0, 2, 3])
        """
        size = np.diff(self.offsets)[ids]
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(size)])
        if len(self.units) == len(self.offsets) - 1 and len(ids) == ends[-1]:
            text = self.units[ids]  # a unit for each token
        else:
            text = np.empty(ends[-1], np.uint16)
            copy_units(ids.astype(np.uint32), self.offsets, self.units, ends, text)
        documents = np.concatenate([np.zeros(1, np.int64), np.cumsum(length)])
        return text, np.diff(ends[documents]), ends[:-1]


def spelling_of(tokenizer: Any) -> Spelling:
    """What the tokens of a vocabulary are spelled with.

    >>> class Words:
    ...     tokens, reserved_ids = (b"<end>", b"hi"), (0,)
    >>> [part.tolist() for part in spelling_of(Words())]
    [[256, 104, 105], [0, 1, 3]]
    """
    special = set(tokenizer.reserved_ids)
    spelled = [
        np.array([SPECIAL], np.uint16) if i in special else np.frombuffer(token, np.uint8).astype(np.uint16)
        for i, token in enumerate(tokenizer.tokens)
    ]
    offsets = np.cumsum([0, *map(len, spelled)], dtype=np.int64)
    return Spelling(units=np.concatenate([np.zeros(0, np.uint16), *spelled]), offsets=offsets)
