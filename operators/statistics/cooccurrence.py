"""Which tokens stand near each other, the nearer the more it counts, as word vectors are learned from (GloVe, 2014).

Two tokens at a distance of d count 1 / d. All distances of a window have a common multiple, and counts are whole numbers of
that part of one, so that sums are exact whatever the order: a window of 10 counts in 2,520ths.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import KeyCounter, WordCounts
from pairloom.operators.counts.sifting import common, totals_of
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.statistics import Partitions, Statistic
from pairloom.operators.statistics._keys import following, ids_of
from pairloom.operators.tokens import TokenBatch

__all__ = ["Cooccurrence"]

ROWS = 1 << 16
WIDEST = 30
DISTANCE = 5  # bits of a distance
# Pairs that are sorted at a time.
AT_ONCE = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooccurrence(Statistic):
    """How near to each other pairs of tokens stand within documents, up to `window` tokens apart.

    The table has `left`, `right` (uint32), `count` (int64), the sum of scale / distance over all places, and `weight`
    (float64), count / scale; `scale`, the least common multiple of 1 to `window`, is in the schema's metadata. With
    `symmetric` a pair and its reverse are one, the smaller id left. `min_weight` leaves out pairs of less, and `top` keeps so
    many. Rows are by falling count, then by ids.

    `least_share` leaves out pairs that are no more than that share of the sum of all, which takes two passes and less room.

    Raises ValueError for a window outside 1 to 30, a `top` below 1, a negative `min_weight`, and a share that is none.
    """

    name: ClassVar[str] = "cooccurrence"

    window: int = 10
    symmetric: bool = True
    min_weight: float = 0.0
    top: int | None = 1_000_000
    least_share: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.window <= WIDEST:
            raise ValueError(f"window must be from 1 to {WIDEST} tokens, not {self.window}")
        if self.top is not None and self.top < 1:
            raise ValueError(f"top must be at least 1, not {self.top}; leave it out for all pairs")
        if self.min_weight < 0:
            raise ValueError(f"min_weight must be 0 or more, not {self.min_weight:g}")
        if not 0 <= self.least_share < 1:
            raise ValueError(f"least_share must be a share from 0 up to 1, not {self.least_share:g}")

    @property
    def sifted(self) -> tuple[int, ...]:
        """The pairs."""
        return (0,)

    @property
    def share(self) -> float:
        """As the recipe says."""
        return self.least_share

    @property
    def scale(self) -> int:
        """What a pair of neighbours counts."""
        return math.lcm(*range(1, self.window + 1))

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        fields = [
            ("left", pa.uint32()),
            ("right", pa.uint32()),
            ("count", pa.int64()),
            ("weight", pa.float64()),
        ]
        return pa.schema(
            [pa.field(name, kind, nullable=False) for name, kind in fields],
            metadata={"scale": str(self.scale)},
        )

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count all pairs of each document, some places at a time."""
        values, left = batch.flat(INPUT_IDS).astype(np.uint64), following(batch.length)
        bits = int(values.max(initial=1)).bit_length()
        some = max(1, AT_ONCE // self.window)
        for start in range(0, len(values), some):
            counted = self._counted if 2 * bits + DISTANCE <= 64 else self._counted_wide
            counter.add_counts(counted(values, left, start, min(len(values), start + some)))

    def _pairs(
        self, values: npt.NDArray[np.uint64], left: npt.NDArray[np.int64], start: int, stop: int
    ) -> Iterator[tuple[int, npt.NDArray[np.uint64], npt.NDArray[np.uint64]]]:
        """The pairs whose first token is from `start` up to `stop`, of each distance."""
        for distance in range(1, self.window + 1):
            places = start + np.flatnonzero(left[start:stop] > distance)
            one, two = values[places], values[places + distance]
            yield distance, *((np.minimum(one, two), np.maximum(one, two)) if self.symmetric else (one, two))

    def _counted(
        self, values: npt.NDArray[np.uint64], left: npt.NDArray[np.int64], start: int, stop: int
    ) -> WordCounts:
        """The counts of pairs, which are sorted with their distances behind them in one number each."""
        bits = np.uint64(int(values.max(initial=1)).bit_length())
        low = np.uint64(DISTANCE)
        packed = np.empty((stop - start) * self.window, np.uint64)
        filled = 0
        for distance, one, two in self._pairs(values, left, start, stop):
            here = packed[filled : filled + len(one)]
            np.left_shift(one, bits, out=here)
            here |= two
            here <<= low
            here |= np.uint64(distance)
            filled += len(one)
        packed = packed[:filled]
        packed.sort()
        begins = _begins(packed)
        packed, times = packed[begins], np.diff(begins, append=filled)
        each = np.array([0, *(self.scale // d for d in range(1, self.window + 1))], np.int64)
        times *= each[(packed & np.uint64((1 << DISTANCE) - 1)).astype(np.intp)]
        packed >>= low
        begins = _begins(packed)
        pairs, sums = packed[begins], np.add.reduceat(times, begins) if len(begins) else times
        return _keys(pairs >> bits << np.uint64(32) | pairs & ((np.uint64(1) << bits) - np.uint64(1)), sums)

    def _counted_wide(
        self, values: npt.NDArray[np.uint64], left: npt.NDArray[np.int64], start: int, stop: int
    ) -> WordCounts:
        """The same, of ids that leave no room for a distance beside a pair of them."""
        keys, weights = [], []
        for distance, one, two in self._pairs(values, left, start, stop):
            found, count = np.unique(one << np.uint64(32) | two, return_counts=True)
            keys.append(found)
            weights.append(count * (self.scale // distance))
        found, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        counts = np.zeros(len(found), np.int64)
        np.add.at(counts, inverse, np.concatenate(weights))
        return _keys(found, counts)

    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once, and holds four times `top` pairs."""
        ids, count = np.zeros((0, 2), np.uint32), np.zeros(0, np.int64)
        least, total = math.ceil(self.min_weight * self.scale), 0
        for counts in partitions() if self.least_share else ():
            total += totals_of(counts).get(0, 0)
        for counts in partitions():
            more, times = ids_of(counts, 0, 2)
            kept = times >= least
            if self.least_share:
                kept &= common(times, self.least_share, total)
            ids, count = np.concatenate([ids, more[kept]]), np.concatenate([count, times[kept]])
            if self.top is not None and len(count) > 4 * self.top:
                ids, count = _first(ids, count, self.top)
        ids, count = _first(ids, count, self.top)
        for start in range(0, len(count), ROWS):
            here, times = ids[start : start + ROWS], count[start : start + ROWS]
            columns = [here[:, 0].copy(), here[:, 1].copy(), times, times / self.scale]
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=self.schema)


def _begins(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Where another value begins, among ascending ones."""
    new = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return np.flatnonzero(new)


def _keys(pairs: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64]) -> WordCounts:
    """Ascending pairs, the left one in the upper half, as keys with their counts."""
    data = np.zeros((len(pairs), 9), np.uint8)
    data[:, 1:] = pairs.astype(">u8").view(np.uint8).reshape(-1, 8)
    offsets = np.arange(len(pairs) + 1, dtype=np.int64) * 9
    words = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(pairs), [None, pa.py_buffer(offsets), pa.py_buffer(data.reshape(-1))]
    )
    return WordCounts(words=words, counts=counts)


def _first(
    ids: npt.NDArray[np.uint32], count: npt.NDArray[np.int64], top: int | None
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The first `top` pairs: by falling count, then by ids."""
    if top is not None and len(count) > top:  # nothing below the count of the last one is sorted
        kept = count >= np.partition(count, len(count) - top)[len(count) - top]
        ids, count = ids[kept], count[kept]
    order = np.lexsort((ids[:, 1], ids[:, 0], -count))[:top]
    return ids[order], count[order]
