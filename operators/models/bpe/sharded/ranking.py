"""The pairs that may be merged soon, best first: the coordinator's table of counts, and the heap over it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.models.bpe.kernels.limits import Rule, mark_rejected
from pairloom.operators.models.bpe.sharded.kernels import retiring
from pairloom.operators.models.bpe.sharded.kernels.counting import add_pairs, look_up

__all__ = ["Ranking", "keys_of", "pairs_of"]


def keys_of(pairs: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
    """Pairs of ids (int32[n, 2]) as keys of the table."""
    left, right = pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)
    return (left << np.uint64(32) | right) + np.uint64(1)


def pairs_of(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
    """Keys of the table as pairs of ids, int32[n, 2]."""
    bare = keys - np.uint64(1)
    return np.stack([bare >> np.uint64(32), bare & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int32)


class Ranking:
    """Pairs of ids and their counts; `table`, `heap` and `state` are those of the kernels in `retiring`."""

    def __init__(self, most_hot: int, rule: Rule) -> None:
        self._most_hot, self._rule = most_hot, rule
        self.table, self.heap = np.zeros(2 << 10, np.uint64), np.zeros(2 << 10, np.uint64)
        self.state = np.zeros(4, np.int64)

    @property
    def pairs(self) -> int:
        """How many pairs the table holds."""
        return int(self.state[retiring.PAIRED])

    @property
    def nbytes(self) -> int:
        """The bytes of table and heap."""
        return self.table.nbytes + self.heap.nbytes

    def begin(
        self, pairs: Sequence[npt.NDArray[np.int32]], counts: Sequence[npt.NDArray[np.int64]], threshold: int
    ) -> int:
        """Begin anew with counts from several sources, which are added up, where they reach the threshold.

        Returns the threshold, which is raised where more pairs than `most_hot` reach it. Raises CapacityError where a count
        passes 2^63 - 1, CorruptionError where one that was known is another.
        """
        before, self.table = self.table, np.zeros(2 << 10, np.uint64)
        self.state[retiring.PAIRED] = self.state[retiring.HEAPED] = 0
        for some, their in zip(pairs, counts, strict=True):
            self.reserve(len(some))
            added = add_pairs(keys_of(some), their, self.table)
            if added < 0:
                raise CapacityError("the count of a pair passes 2^63 - 1")
            self.state[retiring.PAIRED] += added
        known = np.flatnonzero(before[1::2].view(np.int64) >= threshold)
        beyond = np.empty(len(known), np.bool_)  # those of scripts that were used up since
        mark_rejected(self._rule, pairs_of(before[2 * known]), beyond)
        known = known[~beyond]
        expected = before[2 * known + 1].view(np.int64)
        wrong = look_up(before[2 * known], expected, self.table)
        if wrong >= 0:
            pair = pairs_of(before[2 * known[wrong : wrong + 1]])[0].tolist()
            raise CorruptionError(
                f"the partitions do not count the pair {pair} {expected[wrong]} times, as it was known to occur: words were "
                "lost or added on the way"
            )
        return self._keep(threshold)

    def best(self, wanted: int, threshold: int) -> npt.NDArray[np.int32]:
        """The best pairs at or above the threshold, int32[n, 2]; they stay in the heap."""
        best = np.empty((wanted, 2), np.uint64)
        best = best[: retiring.pop_best(best, threshold, self.table, self.heap, self._rule, self.state)]
        retiring.push_back(best, self.heap, self.state)
        return pairs_of(best[:, 1])

    def hot(self) -> npt.NDArray[np.int32]:
        """The pairs of the heap, int32[n, 2]."""
        return pairs_of(self.heap[1 : 2 * int(self.state[retiring.HEAPED]) : 2])

    def reserve(self, pairs: int) -> None:
        """Make room for so many more pairs in the table and in the heap."""
        heaped = int(self.state[retiring.HEAPED])
        if 2 * (heaped + pairs) > len(self.heap):
            heap = np.empty(4 * (heaped + pairs), np.uint64)
            heap[: 2 * heaped] = self.heap[: 2 * heaped]
            self.heap = heap
        if 4 * (self.pairs + pairs) > 3 * (len(self.table) // 2):
            live = np.flatnonzero(self.table[1::2].view(np.int64) > 0)
            slots = len(self.table) // 2
            while 4 * (len(live) + pairs) > 3 * slots or 2 * len(live) > slots:
                slots *= 2
            table = np.zeros(2 * slots, np.uint64)
            add_pairs(self.table[2 * live], self.table[2 * live + 1].view(np.int64), table)
            self.table = table
            self.state[retiring.PAIRED] = len(live)

    def _keep(self, threshold: int) -> int:
        """Keep the pairs that reach the threshold, in table and heap; the threshold."""
        counts = self.table[1::2].view(np.int64)
        if np.count_nonzero(counts >= threshold) > self._most_hot:
            threshold = max(threshold, int(np.partition(counts, -self._most_hot)[-self._most_hot]))
        hot = np.flatnonzero(counts >= threshold)
        keys, held = self.table[2 * hot], counts[hot]
        self.table = np.zeros(2 << max(10, (2 * len(hot)).bit_length()), np.uint64)
        add_pairs(keys, held, self.table)
        self.state[retiring.PAIRED] = len(hot)
        self.heap = np.empty(4 * len(keys) + 2048, np.uint64)
        self.heap[0 : 2 * len(keys) : 2], self.heap[1 : 2 * len(keys) : 2] = held, keys
        retiring.heapify(self.heap, len(keys))
        self.state[retiring.HEAPED] = len(keys)
        return threshold
