"""What tokens look like as vectors: pixels of their characters, brought to one length.

A character is 32 by 32 pixels, black or not. Character i of a token is in slot i modulo `slots`, and where there are several in
one, their black pixels are put over each other. The pixels of a slot are read ring by ring from the middle, each ring in the
other direction than the one before it, so that neighbours in the vector are neighbours in the picture (polar snake).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.vocabulary import Vocabulary

__all__ = ["PIXELS", "SIDE", "Drawn", "draw_tokens", "mean_rows", "principal_rows", "snake_order"]

SIDE = 32
PIXELS = SIDE * SIDE
_ROWS = 4096  # of floats at a time
_MOST = 1 << 24  # up to here, sums of ones are exact in 32 bits of float
_NOTHING = 1e-9  # of the greatest eigenvalue: rounding

Glyph = Callable[[str], npt.NDArray[np.bool_] | None]
"""The pixels of a character, bool[32, 32]; None where a font has none."""


class Drawn(NamedTuple):
    """The pixels of tokens, packed (uint8[V, slots * 128]), which tokens are `drawn` at all, and characters that have no glyph."""

    pixels: npt.NDArray[np.uint8]
    drawn: npt.NDArray[np.bool_]
    missing: Mapping[str, int]

    @property
    def width(self) -> int:
        """Pixels of a token."""
        return 8 * self.pixels.shape[1]

    def blocks(self) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """The numbers of some tokens that are drawn, and their pixels as 0 and 1."""
        numbers = np.flatnonzero(self.drawn)
        for low in range(0, len(numbers), _ROWS):
            some = numbers[low : low + _ROWS]
            yield some, np.unpackbits(self.pixels[some], axis=1).astype(np.float32)


def snake_order() -> npt.NDArray[np.int64]:
    """The pixels of a character from the middle out, by 32 times the row plus the column.

    >>> snake_order()[:4].tolist()
    [495, 496, 528, 527]
    """

    def key(pixel: int) -> tuple[int, float]:
        down, right = (2 * one - SIDE + 1 for one in divmod(pixel, SIDE))
        ring = math.isqrt(down * down + right * right) // 2
        angle = math.atan2(down, right)
        return ring, -angle if ring % 2 else angle

    return np.array(sorted(range(PIXELS), key=key), np.int64)


def draw_tokens(vocabulary: Vocabulary, glyph: Glyph, slots: int = 3) -> Drawn:
    """Draw the tokens of a vocabulary.

    Not drawn are special tokens, ids that nothing encodes to, tokens that are no whole characters (bytes), and those of which no
    character has a glyph.
    """
    order, special = snake_order(), set(vocabulary.special_ids)
    size = len(vocabulary)
    pixels = np.zeros((size, slots, PIXELS // 8), np.uint8)
    drawn = np.zeros(size, np.bool_)
    known: dict[str, npt.NDArray[np.uint8] | None] = {}
    missing: dict[str, int] = {}
    for number, token in enumerate(vocabulary.tokens):
        text = "" if number in special else _text(token)
        for place, character in enumerate(text):
            if character not in known:
                found = glyph(character)
                known[character] = None if found is None else np.packbits(found.reshape(-1)[order])
            one = known[character]
            if one is None:
                missing[character] = missing.get(character, 0) + 1
                continue
            pixels[number, place % slots] |= one
            drawn[number] = True
    return Drawn(pixels.reshape(size, -1), drawn, dict(sorted(missing.items())))


def principal_rows(
    drawn: Drawn, dimensions: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Some tokens after others: their numbers, and their principal components, of length 1.

    The covariance is computed of integers and exact. Of each component the greatest share (of equal ones the first) is positive.
    Components along which tokens do not differ are 0. Raises ValueError for more dimensions than pixels.
    """
    if not 1 <= dimensions <= drawn.width:
        raise ValueError(
            f"dimensions must be from 1 to {drawn.width}, the pixels of a token, not {dimensions}"
        )
    count = int(drawn.drawn.sum())
    if count >= _MOST:
        raise ValueError(f"{count} tokens are more than sums of 32 bits hold")
    sums, products = np.zeros(drawn.width), np.zeros((drawn.width, drawn.width), np.float32)
    for _, block in drawn.blocks():
        sums += block.sum(axis=0, dtype=np.float64)
        products += block.T @ block
    # count * count times the covariance, in integers of less than 53 bits.
    scatter = products.astype(np.float64) * count - np.outer(sums, sums)
    values, vectors = np.linalg.eigh(scatter)
    axes = vectors[:, ::-1][:, :dimensions].copy()
    axes[:, values[::-1][:dimensions] <= _NOTHING * max(1.0, float(values[-1]))] = 0.0
    # Shares that are equal but for rounding are equal here.
    peaks = np.argmax(np.round(np.abs(axes), 9), axis=0)
    axes *= np.where(axes[peaks, np.arange(dimensions)] < 0, -1.0, 1.0)
    middle = (sums / max(count, 1)) @ axes
    for numbers, block in drawn.blocks():
        yield numbers, _unit(block.astype(np.float64) @ axes - middle)


def mean_rows(
    drawn: Drawn, dimensions: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Some tokens after others: their numbers, and the shares of black in equal runs of pixels, of length 1.

    Raises ValueError where the pixels of a token do not make so many equal runs.
    """
    if dimensions < 1 or drawn.width % dimensions:
        raise ValueError(
            f"dimensions must divide the {drawn.width} pixels of a token, which {dimensions} does not"
        )
    for numbers, block in drawn.blocks():
        yield numbers, _unit(block.reshape(len(block), dimensions, -1).sum(axis=2, dtype=np.float64))


def _unit(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Rows of length 1; one that is 0 stays so."""
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0).astype(np.float32)


def _text(token: bytes) -> str:
    try:
        return token.decode()
    except UnicodeDecodeError:
        return ""
