"""Leaving out what is rare, exactly, in two passes over any parts of a corpus.

A key that is more than a share s of all occurrences of its kind is more than that of those in some unit: were it not, it would
be at most s of their sum. So each unit keeps what is more than s there, which are fewer than 1 / s keys; what any unit has kept
is counted once more in all of them; and of these those are kept that are more than s of all. The result is that of counting
everything, and holds no more than 1 / s keys of a unit at a time (Savasere, Omiecinski and Navathe, "An Efficient Algorithm for
Mining Association Rules in Large Databases", 1995, count item sets so).
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.counts import WordCounts
from pairloom.operators.text.arrays import text_of

__all__ = ["TOTAL", "among", "common", "kinds_of", "sift", "totals_of"]

TOTAL = 255
"""The kind of the keys whose counts are the sums of a kind, which is their second byte."""


def kinds_of(counts: WordCounts) -> npt.NDArray[np.uint8]:
    """The first byte of each key."""
    text = text_of(counts.words)
    return np.asarray(text.data[text.offsets[:-1]])


def common(counts: npt.NDArray[np.int64], share: float, total: int) -> npt.NDArray[np.bool_]:
    """Which counts are more than a share of a total, exactly.

    >>> common(np.array([1, 2, 3]), 0.2, 10).tolist()
    [False, False, True]
    """
    return np.asarray(counts > Fraction(repr(share)) * total // 1)


def sift(counts: WordCounts, kinds: Sequence[int], share: float) -> WordCounts:
    """Keys of a unit, those of some kinds only where they are more than a share of their kind; and a key for each kind's sum."""
    kind = kinds_of(counts)
    keep, sums = np.ones(len(counts), np.bool_), []
    for one in sorted(kinds):
        low, high = np.searchsorted(kind, [one, one + 1])
        if low == high:
            continue
        here = counts.counts[low:high]
        keep[low:high] = common(here, share, int(here.sum()))
        sums.append((bytes([TOTAL, one]), int(here.sum())))
    words = [counts.words.filter(pa.array(keep)), pa.array([key for key, _ in sums], pa.large_binary())]
    return WordCounts(
        words=pa.concat_arrays(words),
        counts=np.concatenate([counts.counts[keep], np.array([total for _, total in sums], np.int64)]),
    )


def totals_of(counts: WordCounts) -> dict[int, int]:
    """The sums of kinds that are among keys."""
    start = int(np.searchsorted(kinds_of(counts), TOTAL))
    words = counts.words.slice(start).to_pylist()
    return {word[1]: int(count) for word, count in zip(words, counts.counts[start:], strict=True)}


def among(counts: WordCounts, candidates: WordCounts) -> WordCounts:
    """The keys that are among those of others."""
    keep = pc.is_in(counts.words, value_set=candidates.words)
    return WordCounts(
        words=counts.words.filter(keep), counts=counts.counts[keep.to_numpy(zero_copy_only=False)]
    )
