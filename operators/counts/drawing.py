"""Word counts as a sequence of words: each occurrence once, in an order that depends on nothing but the counts.

What learns from text as it goes by needs words one after another, and exact counts have no order. Occurrences are numbered as
the words are (ascending by bytes) and taken by steps of the golden section of their number, so that any stretch of the
sequence has each word about as often as the whole, whatever workers, files and shards the text came in.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts.kernels.draw import draw_places
from pairloom.operators.counts.words import WordCounts
from pairloom.operators.errors import CapacityError

__all__ = ["drawn_words", "golden_step"]

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio


def golden_step(total: int) -> int:
    """The step by which so many occurrences are gone through: near their golden section, and without a factor of theirs.

    >>> golden_step(10), golden_step(1)
    (7, 1)
    """
    step = max(1, total * _GOLDEN >> 64)
    while math.gcd(step, total) != 1:
        step += 1
    return step


def drawn_words(counts: WordCounts, block: int = 1 << 16) -> Iterator[npt.NDArray[np.int64]]:
    """The places of the words (int64) of all occurrences in order, `block` at a time and fewer at last.

    Raises CapacityError for more than 2^63 - 1 occurrences.

    >>> import pyarrow as pa
    >>> words = WordCounts(words=pa.array([b"a", b"b"], pa.large_binary()), counts=np.array([4, 2]))
    >>> np.concatenate(list(drawn_words(words, 4))).tolist()
    [0, 1, 1, 0, 0, 0]
    """
    total = counts.total
    if total >= 1 << 63:
        raise CapacityError(f"{total} words are too many to go through one by one; learn from fewer")
    ends = np.cumsum(counts.counts)
    step, at = golden_step(total), 0
    for first in range(0, total, block):
        places = np.empty(min(block, total - first), np.int64)
        at = draw_places(ends, at, step, places)
        yield places
