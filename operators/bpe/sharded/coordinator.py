"""The merges of a sharded learner, made in rounds: the part that decides.

Each round the best pairs there are go out on trial, including pairs that share symbols; the answers tell how often each
new pair would arise; and the coordinator makes the merges that sequential learning would have made, in that order, for as
long as the next one is among those on trial. The first always is. What is not kept is taken back in the next round.

Which pairs there are, and how often each occurs, the coordinator knows exactly at all times, so that every choice and
every tie is decided as by one learner over all words. See `retiring` for why the counts are exact.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.bpe.sharded import retiring
from pairloom.operators.bpe.sharded.counting import add_pairs
from pairloom.operators.bpe.sharded.messages import Begin, Neighbours, PairCounts, Round
from pairloom.operators.bpe.symbols import HOLE
from pairloom.operators.errors import CapacityError, CorruptionError

__all__ = ["LEAST_BATCH", "MOST_BATCH", "Coordinator"]

LEAST_BATCH, MOST_BATCH = 32, 512  # pairs on trial: twice those that were kept last, within these


class Coordinator:
    """Counts of all pairs, the merges so far, and the batch that is on trial."""

    def __init__(
        self,
        *,
        first: int,
        merges: int,
        min_count: int = 1,
        max_token_length: int | None = None,
        given: npt.NDArray[np.int32] | None = None,
        veto: Callable[[int, int], bool] | None = None,
        least_batch: int = LEAST_BATCH,
        most_batch: int = MOST_BATCH,
        threshold: int | None = None,
        most_hot: int | None = None,
    ) -> None:
        """Make up to `merges` merges, the first of which makes the id `first`; `given` (int32[m, 2]) are made already.

        `min_count` and `max_token_length` are those of `learn_bpe`. `veto(left, right)`, asked about a pair of ids before
        it is tried, says that it is never merged. The rest decides how fast the result comes, not which: how many pairs
        are on trial, the count from which pairs are listed at first, how many are listed at a time if there is a choice.
        """
        if first + merges >= HOLE:
            raise CapacityError(
                f"a vocabulary of {first + merges} tokens is too large: ids must stay below {HOLE}"
            )
        done = 0 if given is None else len(given)
        self._first, self._wanted, self._floor = first, merges, max(min_count, 1)
        self._longest = max_token_length if max_token_length is not None else 1 << 40
        self._veto = veto
        self._vetoed: list[int] = []  # keys
        self._batch_sizes = (least_batch, most_batch)
        self._threshold = -1 if threshold is None else threshold  # below 0: chosen when pairs are counted
        self._most_hot = (1 << 18) + 2 * merges if most_hot is None else most_hot
        self._merges = np.zeros((merges, 2), np.int32)
        ids = first + merges + 1
        self._sizes = np.ones(ids, np.int32)
        self._names = np.arange(ids, dtype=np.int32)
        for k in range(done):
            assert given is not None
            self._merges[k] = given[k]
            self._sizes[first + k] = self._sizes[given[k]].sum()
        self._state = np.zeros(4, np.int64)
        self._state[retiring.MADE] = done
        self._heads = np.arange(first + done + 4 * most_batch, dtype=np.int32)
        self._tails = self._heads.copy()
        self._around, self._touched = np.zeros(ids, np.int64), np.zeros(ids, np.uint32)
        self._flags = np.zeros(ids, np.uint8)
        self._table, self._heap = np.zeros(2 << 16, np.uint64), np.zeros(2 << 10, np.uint64)
        self._batch, self._base = np.zeros((0, 2), np.int32), first + done
        self._kept, self._listed = np.zeros(0, np.bool_), np.zeros((0, 2), np.int32)
        self._size = least_batch
        self._listing = self._trying = False
        self.rounds = 0

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """The merges made so far, int32[m, 2]."""
        return self._merges[: int(self._state[retiring.MADE])]

    @property
    def wanted(self) -> int:
        """How many merges there may be at most."""
        return self._wanted

    @property
    def pairs(self) -> int:
        """How many pairs the table holds."""
        return int(self._state[retiring.PAIRED])

    @property
    def nbytes(self) -> int:
        """The bytes of the table of pairs and of the heap."""
        return self._table.nbytes + self._heap.nbytes

    def begin(self) -> Begin:
        """What a partition must know that begins now, or anew."""
        made = len(self.merges)
        return Begin(merges=self.merges.copy(), symbols=self._names[self._first : self._first + made].copy())

    def count(self, replies: Sequence[PairCounts]) -> None:
        """Take the partitions' answers to `begin`; raises CapacityError where a count passes 2^63 - 1."""
        for reply in replies:
            left, right = self._heads[reply.pairs[:, 0]], self._heads[reply.pairs[:, 1]]
            short = self._sizes[left].astype(np.int64) + self._sizes[right] < self._longest
            short |= (left < self._first) & (right < self._first)
            self._reserve(int(short.sum()))
            added = add_pairs(_keys(left, right)[short], reply.counts[short], self._table)
            if added < 0:
                raise CapacityError("the count of a pair passes 2^63 - 1")
            self._state[retiring.PAIRED] += added
        if self._threshold < 0:
            total = float(self._table[1::2].astype(np.float64).sum())
            self._threshold = int(min(total / (64 * max(self._wanted, 1)), 1 << 62))
        self._threshold = max(self._threshold, self._floor)
        self._list_down_to(self._threshold)

    def next(self) -> Round | None:
        """The next round, or None where there are merges enough or no pair is left."""
        assert not self._trying, "the answers to the last round were not taken"
        wanted = min(self._size, self._wanted - len(self.merges))
        if wanted == 0:
            return None
        best = self._best(wanted)
        while not len(best):
            if not self._list_down_to(max(self._floor, self._threshold // 4)):
                return None
            best = self._best(wanted)
        self._base += len(self._batch)
        if self._base + len(best) >= HOLE:
            raise CapacityError(
                f"{self._base} symbols were tried for {len(self.merges)} merges; symbols must stay below {HOLE}: begin "
                "again from these merges"
            )
        keys = best[:, 1] - np.uint64(1)
        self._batch = np.empty((len(best), 2), np.int32)
        self._batch[:, 0], self._batch[:, 1] = keys >> np.uint64(32), keys & np.uint64(0xFFFFFFFF)
        message = Round(
            kept=self._kept,
            listed=np.zeros((0, 2), np.int32) if self._listing else self._listed,
            hot=self._hot() if self._listing else None,
            batch=self._names[self._batch],
            base=self._base,
        )
        self._listing, self._trying = False, True
        return message

    def anew(self) -> tuple[Begin, Round]:
        """What a partition is told that begins anew while others are asked the round that `next` gave last."""
        return self.begin(), Round(
            kept=np.zeros(0, np.bool_),
            listed=np.zeros((0, 2), np.int32),
            hot=self._hot(),
            batch=self._names[self._batch],
            base=self._base,
        )

    def take(self, replies: Sequence[Neighbours]) -> None:
        """Make the merges that the partitions' answers to a round allow.

        Raises CorruptionError where they do not agree with what was known before: words were lost or added.
        """
        self.rounds += 1
        k, base = len(self._batch), self._base
        starts = np.cumsum([0, *(len(reply.symbols) for reply in replies)])
        ends = np.stack([reply.ends + start for reply, start in zip(replies, starts, strict=False)])
        symbols = np.concatenate([reply.symbols for reply in replies])
        counts = np.concatenate([reply.counts for reply in replies])
        self._reserve(len(symbols))
        if base + k > len(self._heads):
            more = np.zeros(base + k, np.int32)
            self._heads, self._tails = (
                np.concatenate([self._heads, more]),
                np.concatenate([self._tails, more]),
            )
        self._heads[base : base + k], self._tails[base : base + k] = self._batch[:, 0], self._batch[:, 1]
        keys = _keys(self._batch[:, 0], self._batch[:, 1])
        order = np.argsort(keys)
        keys = keys[order]
        totals = np.stack([reply.totals for reply in replies])
        trial = (self._batch, keys, order, base, symbols, counts, ends)
        sums = np.zeros(k, np.int64)
        wrong = retiring.check_batch(*trial, totals, self._heads, self._tails, self._flags, sums, self._table)
        if wrong >= 0:
            raise CorruptionError(
                f"round {self.rounds}: the partitions count the pair {self._batch[wrong].tolist()} {sums[wrong]} times, which "
                "is not what was counted before: words were lost or added on the way"
            )
        self._kept = np.zeros(k, np.bool_)
        listed = np.empty((len(symbols), 2), np.int32)
        self._state[retiring.LISTED] = 0
        before = len(self.merges)
        status = retiring.retire(
            self._wanted,
            self._first,
            self._longest,
            self._threshold,
            self._floor,
            *trial,
            self._heads,
            self._tails,
            self._names,
            self._sizes,
            self._table,
            self._heap,
            self._around,
            self._touched,
            self._merges,
            self._kept,
            listed,
            self._state,
        )
        if status == retiring.DIFFERS:
            raise CorruptionError(
                f"round {self.rounds}: a pair occurs less often than it is lost: words were lost or added on the way"
            )
        made = len(self.merges) - before
        assert made, "the best pair is always on trial"
        arose = self._names[listed[: int(self._state[retiring.LISTED])]]
        self._listed = arose[np.argsort(arose.max(axis=1), kind="stable")] if len(arose) else arose
        least, most = self._batch_sizes
        self._size = min(max(2 * made, least), most)
        self._trying = False

    def _best(self, wanted: int) -> npt.NDArray[np.uint64]:
        """The best pairs, (count, key) each, without those that are vetoed; they stay in the heap."""
        chosen: list[npt.NDArray[np.uint64]] = []
        room = wanted
        while room:
            best = np.empty((room, 2), np.uint64)
            best = best[: retiring.pop_best(best, self._threshold, self._table, self._heap, self._state)]
            if not len(best):
                break
            if self._veto is not None:
                pairs = [divmod(int(key) - 1, 1 << 32) for key in best[:, 1]]
                vetoed = np.array([self._veto(left, right) for left, right in pairs], np.bool_)
                self._vetoed += best[vetoed, 1].tolist()
                best = best[~vetoed]
            chosen.append(best)
            room -= len(best)
        found = np.concatenate(chosen) if chosen else np.zeros((0, 2), np.uint64)
        retiring.push_back(found, self._heap, self._state)
        return found

    def _list_down_to(self, threshold: int) -> bool:
        """Put every pair into the heap that occurs so often; False where no pair is left.

        The threshold is raised where more pairs than `most_hot` reach it, and lowered to the best pair where none does.
        """
        counts = self._table[1::2].view(np.int64)
        live = np.flatnonzero(counts >= self._floor)
        if self._vetoed:
            live = live[~np.isin(self._table[2 * live], np.array(self._vetoed, np.uint64))]
        if not len(live):
            self._state[retiring.HEAPED] = 0
            return False
        held = counts[live]
        if len(held) > self._most_hot:
            threshold = max(threshold, int(np.partition(held, -self._most_hot)[-self._most_hot]))
        threshold = max(self._floor, min(threshold, int(held.max())))
        hot = live[held >= threshold]
        entries = np.stack([self._table[2 * hot + 1], self._table[2 * hot]], axis=1)
        self._heap = np.empty(4 * len(hot) + 2048, np.uint64)
        self._heap[: 2 * len(hot)] = entries.reshape(-1)
        retiring.heapify(self._heap, len(hot))
        self._state[retiring.HEAPED] = len(hot)
        self._threshold, self._listing = threshold, True
        return True

    def _hot(self) -> npt.NDArray[np.int32]:
        """The pairs of the heap, as symbols."""
        keys = self._heap[1 : 2 * int(self._state[retiring.HEAPED]) : 2] - np.uint64(1)
        hot = np.empty((len(keys), 2), np.int32)
        hot[:, 0], hot[:, 1] = keys >> np.uint64(32), keys & np.uint64(0xFFFFFFFF)
        return self._names[hot]

    def _reserve(self, pairs: int) -> None:
        """Make room for so many more pairs in the table and in the heap."""
        heaped = int(self._state[retiring.HEAPED])
        if 2 * (heaped + pairs) > len(self._heap):
            heap = np.empty(4 * (heaped + pairs), np.uint64)
            heap[: 2 * heaped] = self._heap[: 2 * heaped]
            self._heap = heap
        if 4 * (self.pairs + pairs) > 3 * (len(self._table) // 2):
            live = np.flatnonzero(self._table[1::2].view(np.int64) >= self._floor)
            slots = len(self._table) // 2
            while 4 * (len(live) + pairs) > 3 * slots or 2 * len(live) > slots:
                slots *= 2
            table = np.zeros(2 * slots, np.uint64)
            add_pairs(self._table[2 * live], self._table[2 * live + 1].view(np.int64), table)
            self._table = table
            self._state[retiring.PAIRED] = len(live)


def _keys(left: npt.NDArray[np.int32], right: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
    """Pairs of ids as keys of the table."""
    return (left.astype(np.uint64) << np.uint64(32) | right.astype(np.uint64)) + np.uint64(1)
