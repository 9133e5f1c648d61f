"""Cutting normalized text into words before spaces, and where none are, between characters that no piece has side by side.

Chinese, Japanese, Thai or Khmer is written without spaces, so that its words are as long as sentences and hardly come twice. But
most characters of such a text stand beside one that no piece has there. No piece goes over such a place, so that every way to
spell the text passes it: what is between two of them is a part of few characters, and comes again and again. As it is with the
end of a word, all that a part is told of the text is the sum of scores before it.

Which characters some piece has side by side is known of those of three bytes in UTF-8, which such text is made of, by a filter
of one bit a hash: a pair that shares the bit of another is taken for one that a piece has, and there is one cut less. Two
characters that are no pieces are never cut apart, as what is unknown in a row is one token.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.text.arrays import Text
from pairloom.operators.text.front.kernels.cut import POSITION
from pairloom.operators.text.front.kernels.spaces import MIX, cut_spaces

__all__ = ["Spaces"]

_BLOCK_BYTES = 128 << 10
_MOST_BITS = 22  # of the filter: half a megabyte
_FIRST = 0x800  # the first character of three bytes


class Spaces:
    """Cuts documents before spaces, and between characters that none of some `pieces` has side by side (`Cuts`).

    `before` is which spaces: the `first` of some in a row, `each`, or `none`. Where pieces are to be cut between characters by
    them, all have to be there.

    >>> from pairloom.operators.text.arrays import text_of
    >>> import pyarrow as pa
    >>> text = text_of(pa.array(["日本語は  ok"]))
    >>> [ends.tolist() for _, ends in Spaces(["日本", "語", "は"]).blocks(text)]
    [[6, 9, 12, 16]]
    """

    def __init__(self, pieces: Sequence[str] = (), *, before: str = "first") -> None:
        self._before = ("none", "first", "each").index(before)
        points = np.frombuffer("".join(pieces).encode("utf-32-le", "surrogatepass"), np.uint32).astype(
            np.uint64
        )
        inside = np.ones(len(points) + 1, np.bool_)
        inside[np.cumsum([0, *map(len, pieces)])] = False
        wide = (points >= _FIRST) & (points < 0x10000)
        beside = np.flatnonzero(wide[:-1] & wide[1:] & inside[1:-1])
        pairs = np.unique(_spelled(points[beside]) | _spelled(points[beside + 1]) << np.uint64(24))
        bits = min(_MOST_BITS, max(6, (16 * len(pairs)).bit_length()))
        places = pairs * np.uint64(MIX) >> np.uint64(64 - bits)
        chosen = np.zeros(1 << bits, np.uint8)
        # Without pieces nothing is known of any pair.
        chosen[places if len(pieces) else slice(None)] = 1
        self._pairs = np.packbits(chosen, bitorder="little").view("<u8").astype(np.uint64)
        alone = np.zeros(0x10000, np.uint8)
        alone[[ord(piece) for piece in pieces if len(piece) == 1 and ord(piece) < 0x10000]] = 1
        self._known = np.packbits(alone, bitorder="little")

    def blocks(
        self, text: Text, *, block_bytes: int = _BLOCK_BYTES
    ) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """As `Pieces.blocks`."""
        state = np.array([0, text.offsets[0]], np.int64)
        ends = np.empty(min(block_bytes, text.bytes) + 192, np.int64)
        tables = self._pairs, self._known, self._before
        while True:
            start = int(state[POSITION])
            count = cut_spaces(text.data, text.offsets, *tables, state, block_bytes, ends)
            if count == 0:
                return
            yield start, ends[:count]


def _spelled(points: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Characters of three bytes, as UTF-8 spells them, the first byte lowest."""
    first, second, third = (
        points >> np.uint64(12),
        points >> np.uint64(6) & np.uint64(63),
        points & np.uint64(63),
    )
    return np.uint64(0x8080E0) | first | second << np.uint64(8) | third << np.uint64(16)
