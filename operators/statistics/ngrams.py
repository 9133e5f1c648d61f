"""N-grams of tokens, and which of them occur more often than their tokens would by chance.

    p = count / N(n)    q = the product of its tokens' shares    t = (p - q) / sqrt(p (1 - p) / N(n))

with N(n) the positions of n-grams of that length. The t-statistic is the lexicon of ERNIE-Gram (Xiao et al., 2021,
"ERNIE-Gram: Pre-Training with Explicitly N-Gram Masked Language Modeling for Natural Language Understanding").
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import KeyCounter, WordCounts
from pairloom.operators.counts.sifting import common, totals_of
from pairloom.operators.errors import CapacityError
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.statistics import Partitions, Statistic
from pairloom.operators.statistics._keys import BLOCK, add_keys, following, ids_of
from pairloom.operators.tokens import TokenBatch

__all__ = ["LONGEST", "Ngrams"]

LONGEST = 8
# Rows of a record batch of the table.
ROWS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Ngrams(Statistic):
    """Exact counts of the n-grams of token ids, for each length in `n`, within documents.

    The table has `n` (uint8), `ngram` (list of uint32), `count` (int64) and `t` (float64), the t-statistic beside chance.
    Rows are by length, then by falling `t`, then by ids. `top` keeps so many of each length; without it all are kept. What a
    recipe puts around documents is counted as the tokens that they are.

    `least_share` leaves out those that are no more than that share of all n-grams of their length: a table of the others is exact,
    takes two passes, and room for 1 / `least_share` of a length in each unit.

    Raises ValueError for a length outside 2 to 8, a length twice, a `top` below 1, and a share that is none.
    """

    name: ClassVar[str] = "ngrams"

    n: tuple[int, ...] = (2, 3)
    top: int | None = 300_000
    least_share: float = 0.0

    def __post_init__(self) -> None:
        if not self.n or len(set(self.n)) != len(self.n) or not all(2 <= n <= LONGEST for n in self.n):
            raise ValueError(f"n lists lengths from 2 to {LONGEST}, each once, not {list(self.n)}")
        if self.top is not None and self.top < 1:
            raise ValueError(f"top must be at least 1, not {self.top}; leave it out for all n-grams")
        if not 0 <= self.least_share < 1:
            raise ValueError(f"least_share must be a share from 0 up to 1, not {self.least_share:g}")

    @property
    def sifted(self) -> tuple[int, ...]:
        """The n-grams of all lengths, but no single tokens."""
        return tuple(self.n)

    @property
    def share(self) -> float:
        """As the recipe says."""
        return self.least_share

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        return pa.schema(
            [
                pa.field("n", pa.uint8(), nullable=False),
                pa.field("ngram", pa.list_(pa.field("item", pa.uint32())), nullable=False),
                pa.field("count", pa.int64(), nullable=False),
                pa.field("t", pa.float64(), nullable=False),
            ]
        )

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count the n-grams of every document, and its single tokens."""
        values, left = batch.flat(INPUT_IDS), following(batch.length)
        for n in (1, *self.n):
            places = np.flatnonzero(left >= n)
            for start in range(0, len(places), BLOCK):
                add_keys(counter, n, values[places[start : start + BLOCK, None] + np.arange(n)])

    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once for the single tokens, and once for each length."""
        single, totals = self._chance(partitions)
        share = single / max(1, totals.get(1, 0))
        for n in sorted(self.n):
            best: list[_Ranked] = []
            for counts in partitions():
                best.append(self._ranked(counts, n, share, totals.get(n, 0)))
                if self.top is not None and sum(len(one.count) for one in best) > 4 * self.top:
                    best = [_first(best, self.top)]
            yield from self._batches(n, _first(best, self.top))

    def _chance(self, partitions: Partitions) -> tuple[npt.NDArray[np.int64], dict[int, int]]:
        """How often each token occurs (int64, by id), and the positions of each length."""
        single, totals = np.zeros(0, np.int64), dict.fromkeys((1, *self.n), 0)
        for counts in partitions():
            sums = totals_of(counts)
            for n in totals:
                ids, count = ids_of(counts, n, n)
                totals[n] += int(count.sum()) if n == 1 or not self.least_share else sums.get(n, 0)
                if n == 1 and len(ids):
                    if int(ids.max()) >= len(single):
                        single = np.concatenate(
                            [single, np.zeros(int(ids.max()) + 1 - len(single), np.int64)]
                        )
                    single[ids[:, 0]] += count
        if any(total >= 1 << 63 for total in totals.values()):
            raise CapacityError("there are more than 2^63 - 1 positions of n-grams")
        return single, totals

    def _ranked(self, counts: WordCounts, n: int, share: npt.NDArray[np.float64], total: int) -> "_Ranked":
        ids, count = ids_of(counts, n, n)
        if self.least_share:
            kept = common(count, self.least_share, total)
            ids, count = ids[kept], count[kept]
        p = count / max(1, total)
        q = np.ones(len(ids))
        for i in range(n):
            q *= share[ids[:, i]]
        spread = np.sqrt(np.maximum(p * (1 - p), np.finfo(np.float64).tiny) / max(1, total))
        return _Ranked(ids=ids, count=count, t=(p - q) / spread)

    def _batches(self, n: int, found: "_Ranked") -> Iterator[pa.RecordBatch]:
        for start in range(0, len(found.count), ROWS):
            ids = found.ids[start : start + ROWS]
            columns = [
                pa.array(np.full(len(ids), n, np.uint8)),
                pa.ListArray.from_arrays(
                    pa.array(np.arange(len(ids) + 1, dtype=np.int32) * n), pa.array(ids.reshape(-1))
                ).cast(self.schema.field("ngram").type),
                pa.array(found.count[start : start + ROWS]),
                pa.array(found.t[start : start + ROWS]),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ranked:
    """N-grams of one length: uint32[m, n], their counts, their t-statistics."""

    ids: npt.NDArray[np.uint32]
    count: npt.NDArray[np.int64]
    t: npt.NDArray[np.float64]


def _first(found: list[_Ranked], top: int | None) -> _Ranked:
    """The first `top` of some n-grams of one length: by falling t, then by ids."""
    ids = np.concatenate([one.ids for one in found])
    count, t = (np.concatenate([getattr(one, name) for one in found]) for name in ("count", "t"))
    if top is not None and len(t) > top:  # nothing below the t of the last one is sorted
        kept = t >= np.partition(t, len(t) - top)[len(t) - top]
        ids, count, t = ids[kept], count[kept], t[kept]
    order = np.lexsort((*reversed(ids.T), -t))[:top]
    return _Ranked(ids=ids[order], count=count[order], t=t[order])
