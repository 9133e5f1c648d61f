"""Ranking documents by a value, without sorting a corpus: keys that sort as values do, and how many tokens have which.

    value ──▶ key, 64 bits ──▶ its first 20 bits: a bucket ──▶ tokens of each bucket, a monoid over shards ──▶ places

A bucket of floats holds what agrees in sign, exponent and the first 8 bits behind the point: values that differ by less than
a 256th. Within a bucket places are taken to grow evenly with the key, so that they are in order, and a little uneven; only
where all of a bucket has one value do hashes spread it. Nothing depends on how the corpus was cut into shards.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.selection.order import permutation

__all__ = ["BUCKET", "Ranking", "bucket_tokens", "value_keys", "windowed"]

BUCKET = np.dtype([("bucket", "<u4"), ("tokens", "<i8"), ("least", "<u8"), ("most", "<u8")])
_SHIFT = np.uint64(44)
_LAST = np.uint64((1 << 64) - 1)


def value_keys(
    values: npt.NDArray[np.generic], null: int | None, *, descending: bool = False
) -> npt.NDArray[np.uint64]:
    """Keys that sort as values do, as float64; what is missing (`null`, or no number) is last either way.

    >>> keys = value_keys(np.array([0.5, -1.0, np.nan, 2.0, -0.0, 0.0]), None)
    >>> np.argsort(keys, kind="stable").tolist(), bool(keys[4] == keys[5])
    ([1, 4, 5, 0, 3, 2], True)
    """
    wide = values.astype(np.float64) + 0.0  # so that there is one zero
    bits = wide.view(np.uint64)
    keys = np.where(bits >> np.uint64(63), ~bits, bits | np.uint64(1 << 63))
    if descending:
        keys = ~keys
    missing = np.isnan(wide)
    if null is not None:
        missing |= values == values.dtype.type(null)
    return np.where(missing, _LAST, keys)


def bucket_tokens(keys: npt.NDArray[np.uint64], tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    """How many tokens have keys of each bucket, and the least and the greatest of these keys: BUCKET[buckets], ascending."""
    return _summed(keys, keys, tokens)


def _summed(
    least: npt.NDArray[np.uint64], most: npt.NDArray[np.uint64], tokens: npt.NDArray[np.int64]
) -> npt.NDArray[np.void]:
    buckets, place = np.unique((least >> _SHIFT).astype(np.uint32), return_inverse=True)
    out = np.zeros(len(buckets), BUCKET)
    out["bucket"], out["least"] = buckets, _LAST
    np.add.at(out["tokens"], place, tokens)
    np.minimum.at(out["least"], place, least)
    np.maximum.at(out["most"], place, most)
    return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """How many tokens of a corpus have which values: `tokens` (BUCKET), ascending. `null` stands for a missing value."""

    tokens: npt.NDArray[np.void]
    null: int | None

    @staticmethod
    def of(parts: Iterable[npt.NDArray[np.void]], null: int | None) -> "Ranking":
        """The sum of what shards have."""
        whole = np.concatenate([np.zeros(0, BUCKET), *parts])
        return Ranking(tokens=_summed(whole["least"], whole["most"], whole["tokens"]), null=null)

    def places(self, keys: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """About how many tokens come before each document in the order of values; int64.

        Raises ValueError for a key of no bucket.

        >>> ranking = Ranking.of([bucket_tokens(value_keys(np.array([1.0, 3.0]), None), np.array([10, 20]))], None)
        >>> ranking.places(value_keys(np.array([3.0, 1.0]), None), np.zeros(2, np.uint64)).tolist()
        [10, 0]
        """
        bucket = (keys >> _SHIFT).astype(np.uint32)
        at = np.searchsorted(self.tokens["bucket"], bucket)
        there = np.append(self.tokens["bucket"], np.uint32(0))[at]
        if len(keys) and (at.max() >= len(self.tokens) or not np.array_equal(there, bucket)):
            raise ValueError("a document has a value that was not there when values were counted")
        inside, least, most = (self.tokens[name] for name in ("tokens", "least", "most"))
        before = np.cumsum(inside) - inside
        wide = most[at] - least[at]
        even = ((keys - least[at]) << np.uint64(12)) // (wide + np.uint64(1))
        share = np.where(wide > 0, even, hashes >> np.uint64(52)).astype(np.int64)  # of 2^12
        return before[at] + (inside[at] >> 12) * share + (((inside[at] & 4095) * share) >> 12)


def windowed(count: int, window: int, seed: int) -> npt.NDArray[np.int64]:
    """Where each of `count` places is taken from: a seeded bijection within each window of so many; int64.

    >>> places = windowed(5, 3, seed=1)
    >>> sorted(places[:3].tolist()), sorted(places[3:].tolist())
    ([0, 1, 2], [3, 4])
    """
    parts = [np.zeros(0, np.int64)]
    for number, start in enumerate(range(0, count, window)):
        size = min(window, count - start)
        parts.append(start + permutation(size, seed + number))
    return np.concatenate(parts)
