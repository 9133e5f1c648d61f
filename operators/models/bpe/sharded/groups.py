"""The merges of groups that are treated alike, made in rounds: the part that decides.

Partitions are of one group each, and are all asked the same; the coordinator ranks the pairs of each group by itself. A pair
that any group may choose soon is listed in the partitions of all, so that these tell how often it is merged in each. What a
group takes is known exactly after every merge, and so are the best pairs of all groups: what was tried is kept for as long as
one learner with all words would have chosen it (`kernels/grouping`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.models.bpe.kernels.pairs import Bounds
from pairloom.operators.models.bpe.kernels.turns import Turns
from pairloom.operators.models.bpe.sharded.coordinator import Coordinator
from pairloom.operators.models.bpe.sharded.kernels import grouping, retiring
from pairloom.operators.models.bpe.sharded.kernels.applying import Around
from pairloom.operators.models.bpe.sharded.messages import (
    Begin,
    Begun,
    Cells,
    Collect,
    Message,
    Neighbours,
    PairCounts,
    Reply,
    Survey,
)
from pairloom.operators.models.bpe.sharded.ranking import Ranking, keys_of, pairs_of

__all__ = ["GroupCoordinator"]

_MOST = (1 << 63) - 1


class GroupCoordinator(Coordinator):
    """A coordinator that knows which group each partition is of; the first merges are those of all groups together."""

    def __init__(
        self,
        *,
        tokens: Mapping[str | None, int],
        units: Sequence[int],
        merges: int,
        together: int = 0,
        window: int = 0,
        given: npt.NDArray[np.int32] | None = None,
        who: npt.NDArray[np.int32] | None = None,
        **options: Any,
    ) -> None:
        """`tokens` are what each group takes before the first merge, `units` what each says.

        `together` is how many merges are of all groups, `who` (int32[m]) the places of the groups that chose those that are
        `given`. For the rest see `Coordinator` and `Parity`. Raises CapacityError where a group has too much text.
        """
        super().__init__(merges=merges, given=given, **options)
        self._groups = [*tokens]
        if any(number > _MOST for number in (*tokens.values(), *units)):
            raise CapacityError("the text of a group passes 2^63 - 1 tokens or units")
        many, done = len(self._groups), len(self.merges)
        self._all, self._together = merges, min(together, merges)
        self._worth = grouping.Worth(
            closed=np.zeros(many, np.bool_),
            tokens=np.array([*tokens.values()], np.int64),
            units=np.array(units, np.int64),
        )
        self._turns = Turns(last=np.zeros(window, np.int64), times=np.zeros(many, np.int64))
        self._who = np.zeros(merges, np.int32)
        chosen = max(0, done - self._together)
        if who is not None:
            self._who[:done] = who
            for turn in range(max(0, chosen - window), chosen):
                one = int(who[self._together + turn])
                self._turns.last[turn % window] = one
                self._turns.times[one] += 1
        self._progress = np.array([done, chosen, -1], np.int64)
        self._rankings = [Ranking(max(1, self._most_hot // max(1, many)), self._rule) for _ in range(many)]
        self._thresholds = np.zeros(many, np.int64)
        self._weights = np.zeros(many, np.float64)
        self._rows = np.zeros(many + 1, np.int64)
        self._apart, self._ranked = False, False
        if done >= self._together:
            self._part()
        else:
            self._wanted = self._together

    @property
    def wanted(self) -> int:
        """How many merges there may be at most."""
        return self._all

    @property
    def who(self) -> npt.NDArray[np.int32]:
        """The place of the group that chose each merge so far, int32[m]; 0 for those of all together."""
        return self._who[: len(self.merges)]

    @property
    def tokens(self) -> list[int]:
        """How many tokens each group takes, as merged so far."""
        return [int(n) for n in self._worth.tokens]

    def take(self, replies: Sequence[Any]) -> None:
        """The partitions' answers, by group, from each member."""
        rows = [[reply[name] for reply in replies if name in reply] for name in self._groups]
        self._rows = np.cumsum([0, *map(len, rows)]).astype(np.int64)
        asked = self._asked
        answers: list[Reply] = [reply for row in rows for reply in row]
        super().take(answers)
        if isinstance(asked, Begin):
            for one, row in enumerate(cast("list[list[Begun]]", rows)):
                self._worth.tokens[one] -= sum(reply.saved for reply in row)
                self._weights[one] = sum(reply.weight for reply in row)

    def _part(self) -> None:
        """Go on with every group by itself."""
        self._apart, self._wanted, self._tables = True, self._all, max(1, len(self._groups))
        self._progress[grouping.MADE] = len(self.merges)

    def _question(self) -> Message | None:
        if not self._apart:
            asked = super()._question()
            if asked is not None or len(self.merges) < self._together:
                return asked
            self._part()
        wanted = min(self._size, self._wanted - len(self.merges))
        if wanted == 0:
            return None
        if not self._slots:
            return self._begin()
        if self._ranked and self._hot_cells is None and not self._surveyed:
            best = self._foreseen(wanted)
            if len(best):
                return self._round(best)
            if self._progress[grouping.CHOSEN] < 0:
                return None
        if self._hot_cells is not None:
            return Collect(hot=self._hot_cells)
        if self._few and not len(self.merges) and not self._ranked:
            self._lower_all(None)
            return Collect(hot=np.ones(1, np.uint8))
        return self._surveying()

    def _hot(self) -> npt.NDArray[np.int32]:
        if not self._apart:
            return super()._hot()
        return _distinct([ranking.hot() for ranking in self._rankings])

    def _views(self, begins: npt.NDArray[np.int64]) -> grouping.Rankings:
        views = [
            (int(one.table.ctypes.data), len(one.table) // 2 - 1, int(one.heap.ctypes.data))
            for one in self._rankings
        ]
        return grouping.Rankings(
            views=np.array(views, np.int64).reshape(-1, 3),
            thresholds=self._thresholds,
            floor=self._floor,
            states=np.stack([one.state for one in self._rankings]),
            rows=self._rows,
            begins=begins,
        )

    def _foreseen(self, wanted: int) -> npt.NDArray[np.int32]:
        """The pairs that groups will choose next, as far as that is known."""
        best, popped = np.empty(wanted, np.uint64), np.empty((wanted * len(self._groups), 3), np.uint64)
        rankings = self._views(np.zeros(len(self._groups), np.int64))
        found = grouping.foresee(best, popped, rankings, self._worth, self._turns, self._rule, self._progress)
        for ranking, state in zip(self._rankings, rankings.states, strict=True):
            ranking.state[:] = state
        return pairs_of(best[:found])

    def _retire(self, replies: Sequence[Neighbours]) -> None:
        if not self._apart:
            super()._retire(replies)
            for one, (row, end) in enumerate(zip(self._rows.tolist(), self._rows[1:].tolist(), strict=False)):
                for reply in replies[row:end]:
                    self._worth.tokens[one] -= reply.totals[self._kept].sum()
            return
        answers, trial, names = self._tried(replies)
        sizes = [len(reply.symbols) for reply in replies]
        begins = np.cumsum([0, *sizes]).astype(np.int64)[self._rows]
        sums = np.zeros(len(self._batch), np.int64)
        for one, ranking in enumerate(self._rankings):
            row, end = int(self._rows[one]), int(self._rows[one + 1])
            ranking.reserve(int(begins[one + 1] - begins[one]))
            ranking.state[retiring.LISTED] = 0
            own = Around(answers.symbols, answers.counts, answers.ends[row:end], answers.totals[row:end])
            wrong = retiring.check_batch(trial, own, names, self._flags, sums, ranking.table)
            if wrong >= 0:
                raise CorruptionError(
                    f"round {self.rounds}: the partitions of the group {self._groups[one]!r} count the pair "
                    f"{self._batch[wrong].tolist()} {sums[wrong]} times, which is not what was counted before: words were "
                    "lost or added on the way"
                )
        self._kept, before = np.zeros(len(self._batch), np.bool_), len(self.merges)
        listed = np.empty((len(answers.symbols), 2), np.int32)
        rankings = self._views(begins)
        status = grouping.retire_in_groups(
            self._wanted,
            Bounds(first=self._first, longest=self._longest, threshold=self._floor),
            trial,
            answers,
            names,
            rankings,
            self._worth,
            self._turns,
            retiring.Arising(
                table=self._ranking.table,
                heap=self._ranking.heap,
                listed=listed,
                around=self._around,
                touched=self._touched,
            ),
            retiring.Learned(merges=self._merges, kept=self._kept),
            self._who,
            self._rule,
            self._progress,
        )
        if status == retiring.DIFFERS:
            raise CorruptionError(
                f"round {self.rounds}: a pair occurs less often than it is lost: words were lost or added on the way"
            )
        self._ranking.state[retiring.MADE] = self._progress[grouping.MADE]
        arose = []
        for ranking, state, begin in zip(self._rankings, rankings.states, begins, strict=False):
            ranking.state[:] = state
            arose.append(listed[begin : begin + state[retiring.LISTED]])
        self._settled(len(self.merges) - before, _distinct(arose))

    def _lower_all(self, sums: npt.NDArray[np.int64] | None) -> None:
        """Choose the counts down to which the pairs of each group are listed next; `sums` (int64[cells, g]) are of its cells.

        A group that has run out is given a lower one than before, others where there is room.
        """
        fruitful = len(self.merges) > self._counted_at
        for one in range(len(self._groups)):
            before = int(self._thresholds[one])
            if not self._ranked:
                lowest = highest = max(
                    self._floor, int(min(self._weights[one] / (64 * max(self._wanted, 1)), 1 << 62))
                )
            else:
                lowest = highest = max(self._floor, before // 4)
                if fruitful:
                    ran_out = one == self._progress[grouping.CHOSEN]
                    highest = max(self._floor, before - 1 if ran_out else before)
            chosen = lowest
            if sums is not None:
                cells, most = sums[:, one], max(1, self._most_hot // len(self._groups))
                if lowest < highest and np.count_nonzero(cells >= lowest) > most:
                    kth = int(np.partition(cells, -most)[-most])
                    chosen = min(max(lowest, kth + 1), highest)
                chosen = max(self._floor, min(chosen, int(cells.max())))
            self._thresholds[one] = chosen

    def _survey(self, asked: Survey, replies: Sequence[Cells]) -> None:
        if not self._apart:
            super()._survey(asked, replies)
            return
        for one, (row, end) in enumerate(zip(self._rows.tolist(), self._rows[1:].tolist(), strict=False)):
            sums = self._sums[asked.start : asked.stop, one]
            for reply in replies[row:end]:
                sums += np.minimum(reply.sums, _MOST - sums)
        self._surveyed = asked.stop
        if asked.stop == asked.cells:
            self._lower_all(self._sums)
            hot: npt.NDArray[np.bool_] = np.any(self._sums >= self._thresholds, axis=1)
            self._hot_cells = hot.astype(np.uint8)
            self._sums, self._surveyed = self._sums[:0].copy(), 0

    def _count(self, replies: Sequence[PairCounts]) -> None:
        if not self._apart:
            super()._count(replies)
            return
        pairs, counts = self._within(replies)
        for one, ranking in enumerate(self._rankings):
            own = slice(int(self._rows[one]), int(self._rows[one + 1]))
            self._thresholds[one] = ranking.begin(pairs[own], counts[own], int(self._thresholds[one]))
        self._counted_at, self._hot_cells, self._listing, self._ranked = len(self.merges), None, True, True


def _distinct(pairs: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
    return pairs_of(np.unique(keys_of(np.concatenate(pairs))))
