"""The merges of a sharded learner, made in rounds: the part that decides.

Each round the best pairs there are go out on trial, including pairs that share symbols; the answers tell how often each
new pair would arise; and the coordinator makes the merges that sequential learning would have made, in that order, for as
long as the next one is among those on trial. The first always is. What is not kept is taken back in the next round.

Every pair at or above a threshold, and how often it occurs, the coordinator knows exactly at all times, so that every
choice and every tie is decided as by one learner over all words (`retiring` tells why the counts are exact). A pair below
the threshold cannot be the best one before all others are used up, and counts of pairs that exist never rise. So none is
kept; when the others run out, the partitions count again, down to a lower threshold. What the coordinator holds depends on
how many pairs it lists at a time, not on how many words there are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.models.bpe.kernels.limits import mark_rejected
from pairloom.operators.models.bpe.kernels.pairs import Bounds
from pairloom.operators.models.bpe.kernels.symbols import HOLE
from pairloom.operators.models.bpe.limits import NO_LIMITS, PairLimits, TokenFacts
from pairloom.operators.models.bpe.sharded.kernels import retiring
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
    Round,
    Survey,
)
from pairloom.operators.models.bpe.sharded.ranking import Ranking, keys_of

__all__ = ["LEAST_BATCH", "MOST_BATCH", "Coordinator"]

# Pairs on trial: 7/4 of those that were kept last, within these. Twice as many from 32 on took 12 % fewer rounds on 123 MB of
# English, but made 1.4 times as many tokens in them, most of all in the first rounds.
LEAST_BATCH, MOST_BATCH = 8, 512
CELLS_TOLD = 1 << 24  # 134 MB
_MOST = (1 << 63) - 1


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
        limits: PairLimits | None = None,
        few: bool = True,
        least_batch: int = LEAST_BATCH,
        most_batch: int = MOST_BATCH,
        threshold: int | None = None,
        most_hot: int | None = None,
        cells_told: int = CELLS_TOLD,
    ) -> None:
        """Make up to `merges` merges, the first of which makes the id `first`; `given` (int32[m, 2]) are made already.

        `min_count` and `max_token_length` are those of `learn_bpe`, `limits` are on what merges make and know the tokens
        below `first`. The rest decides how fast the result comes, not which: whether the words are of bytes, of which there
        are `few` pairs, how many pairs are on trial, the count from which pairs are listed at first, how many are listed
        at a time if there is a choice, how many cells all partitions together tell at a time.
        """
        if first + merges >= HOLE:
            raise CapacityError(
                f"a vocabulary of {first + merges} tokens is too large: ids must stay below {HOLE}"
            )
        done = 0 if given is None else len(given)
        self._first, self._wanted, self._floor = first, merges, max(min_count, 1)
        self._longest = max_token_length if max_token_length is not None else 1 << 40
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
        self._few = few
        self._facts = None
        if limits is not None:
            tokens = list(limits.tokens)
            for left, right in self._merges[:done].tolist():
                tokens.append(tokens[left] + tokens[right])
            self._facts = TokenFacts.of(replace(limits, tokens=tokens, made=done), ids)
        self._rule = NO_LIMITS if self._facts is None else self._facts.rule
        self._ranking = Ranking(self._most_hot, self._rule)
        self._ranking.state[retiring.MADE] = done
        self._heads = np.arange(first + done + 4 * most_batch, dtype=np.int32)
        self._tails = self._heads.copy()
        self._around, self._touched = np.zeros(ids, np.int64), np.zeros(ids, np.uint32)
        self._flags = np.zeros(ids, np.uint8)
        self._batch, self._base = np.zeros((0, 2), np.int32), first + done
        self._kept, self._listed = np.zeros(0, np.bool_), np.zeros((0, 2), np.int32)
        self._size = least_batch
        self._slots, self._weight, self._members = 0, 0.0, 0
        self._told = cells_told
        self._tables = 1  # of pairs that are counted apart
        self._sums, self._surveyed = np.zeros((0, 1), np.int64), 0
        self._hot_cells: npt.NDArray[np.uint8] | None = None
        self._counted_at = -1  # merges made when pairs were counted last
        self._listing = False
        self._asked: Message | None = None
        self.rounds = 0

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """The merges made so far, int32[m, 2]."""
        return self._merges[: int(self._ranking.state[retiring.MADE])]

    @property
    def wanted(self) -> int:
        """How many merges there may be at most."""
        return self._wanted

    @property
    def pairs(self) -> int:
        """How many pairs the table holds."""
        return self._ranking.pairs

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays: the pairs that are known, and what there is for each id and each symbol."""
        by_id = (self._merges, self._sizes, self._names, self._around, self._touched, self._flags)
        arrays = (*by_id, self._heads, self._tails, self._sums)
        return self._ranking.nbytes + sum(array.nbytes for array in arrays)

    def next(self) -> Message | None:
        """What to ask all partitions next, or None where there are merges enough or no pair is left."""
        if self._asked is not None:
            raise ValueError("the partitions' answers to the last message were not taken")
        self._asked = self._question()
        return self._asked

    def anew(self) -> tuple[Message, ...]:
        """What a partition is told that begins now, while others are asked what `next` gave last."""
        begin = self._begin()
        match self._asked:
            case Round() as asked:
                nothing = np.zeros((0, 2), np.int32)
                return begin, replace(
                    asked, kept=np.zeros(0, np.bool_), listed=nothing, hot=self._names[self._hot()]
                )
            case Survey() as asked:
                return begin, replace(asked, kept=np.zeros(0, np.bool_))
            case Collect() as asked:
                return begin, asked
        return (begin,)

    def take(self, replies: Sequence[Reply]) -> None:
        """Take the partitions' answers to what `next` gave last.

        Raises CorruptionError where they do not agree with what was known before (words were lost or added), CapacityError
        where the count of a pair passes 2^63 - 1.
        """
        asked, self._asked = self._asked, None
        if not isinstance(asked, Begin):
            self.rounds += 1
        match asked:
            case Begin():
                begun = cast("Sequence[Begun]", replies)
                self._slots = sum(reply.slots for reply in begun) or 1
                self._weight = sum(reply.weight for reply in begun)
                self._members = len(begun)
            case Survey():
                self._survey(asked, cast("Sequence[Cells]", replies))
            case Collect():
                self._count(cast("Sequence[PairCounts]", replies))
            case Round():
                self._retire(cast("Sequence[Neighbours]", replies))

    def _begin(self) -> Begin:
        made = len(self.merges)
        return Begin(merges=self.merges.copy(), symbols=self._names[self._first : self._first + made].copy())

    def _question(self) -> Message | None:
        wanted = min(self._size, self._wanted - len(self.merges))
        if wanted == 0:
            return None
        if not self._slots:
            return self._begin()
        best = self._ranking.best(wanted, self._threshold)
        if len(best):
            return self._round(best)
        if self._hot_cells is not None:
            return Collect(hot=self._hot_cells)
        if self._counted_at >= 0 and self._threshold == self._floor:
            return None
        if self._few and not len(self.merges):
            self._lower(None)
            return Collect(hot=np.ones(1, np.uint8))
        return self._surveying()

    def _surveying(self) -> Survey:
        """Settle what is on trial, and have the pairs added up in cells, some at a time."""
        kept, self._kept = self._kept, np.zeros(0, np.bool_)
        self._base += len(self._batch)
        self._batch = self._batch[:0]
        if self._surveyed == len(self._sums):
            # A cell for 8 to 16 slots keeps most pairs that are not hot apart from those that are.
            most = 24 - (self._tables - 1).bit_length()
            cells = 1 << min(max(10, (self._slots // 16).bit_length()), max(10, most))
            self._sums, self._surveyed = np.zeros((cells, self._tables), np.int64), 0
        stop = min(self._surveyed + max(1, self._told // self._members), len(self._sums))
        return Survey(kept=kept, cells=len(self._sums), start=self._surveyed, stop=stop)

    def _hot(self) -> npt.NDArray[np.int32]:
        """All pairs that may be merged soon."""
        return self._ranking.hot()

    def _round(self, best: npt.NDArray[np.int32]) -> Round:
        """A round with these pairs on trial."""
        self._base += len(self._batch)
        if self._base + len(best) >= HOLE:
            raise CapacityError(
                f"{self._base} symbols were tried for {len(self.merges)} merges; symbols must stay below {HOLE}: begin "
                "again from these merges"
            )
        self._batch = best
        listing, self._listing = self._listing, False
        return Round(
            kept=self._kept,
            listed=np.zeros((0, 2), np.int32) if listing else self._listed,
            hot=self._names[self._hot()] if listing else None,
            batch=self._names[self._batch],
            base=self._base,
        )

    def _tried(self, replies: Sequence[Neighbours]) -> tuple[Around, retiring.Trial, retiring.Names]:
        """The answers to a round, what was on trial, and how symbols are called."""
        k, base = len(self._batch), self._base
        starts = np.cumsum([0, *(len(reply.symbols) for reply in replies)])
        ends = np.stack([reply.ends + start for reply, start in zip(replies, starts, strict=False)])
        answers = Around(
            symbols=np.concatenate([reply.symbols for reply in replies]),
            counts=np.concatenate([reply.counts for reply in replies]),
            ends=ends,
            totals=np.stack([reply.totals for reply in replies]),
        )
        if base + k > len(self._heads):
            more = np.zeros(base + k, np.int32)
            self._heads, self._tails = (
                np.concatenate([self._heads, more]),
                np.concatenate([self._tails, more]),
            )
        self._heads[base : base + k], self._tails[base : base + k] = self._batch[:, 0], self._batch[:, 1]
        keys = keys_of(self._batch)
        order = np.argsort(keys)
        keys = keys[order]
        trial = retiring.Trial(pairs=self._batch, keys=keys, order=order, base=base)
        names = retiring.Names(heads=self._heads, tails=self._tails, symbols=self._names, sizes=self._sizes)
        return answers, trial, names

    def _retire(self, replies: Sequence[Neighbours]) -> None:
        """Make the merges that the answers to a round allow."""
        k, ranking = len(self._batch), self._ranking
        answers, trial, names = self._tried(replies)
        ranking.reserve(len(answers.symbols))
        sums = np.zeros(k, np.int64)
        wrong = retiring.check_batch(trial, answers, names, self._flags, sums, ranking.table)
        if wrong >= 0:
            raise CorruptionError(
                f"round {self.rounds}: the partitions count the pair {self._batch[wrong].tolist()} {sums[wrong]} times, which "
                "is not what was counted before: words were lost or added on the way"
            )
        self._kept = np.zeros(k, np.bool_)
        listed = np.empty((len(answers.symbols), 2), np.int32)
        ranking.state[retiring.LISTED] = 0
        before = len(self.merges)
        status = retiring.retire(
            self._wanted,
            Bounds(first=self._first, longest=self._longest, threshold=self._threshold),
            trial,
            answers,
            names,
            retiring.Arising(
                table=ranking.table,
                heap=ranking.heap,
                listed=listed,
                around=self._around,
                touched=self._touched,
            ),
            retiring.Learned(merges=self._merges, kept=self._kept),
            self._rule,
            ranking.state,
        )
        if status == retiring.DIFFERS:
            raise CorruptionError(
                f"round {self.rounds}: a pair occurs less often than it is lost: words were lost or added on the way"
            )
        self._settled(len(self.merges) - before, listed[: int(ranking.state[retiring.LISTED])])

    def _settled(self, made: int, listed: npt.NDArray[np.int32]) -> None:
        """Note how many merges a round made, and the pairs that arose in it."""
        assert made, "the best pair is always on trial"
        arose = self._names[listed]
        self._listed = arose[np.argsort(arose.max(axis=1), kind="stable")] if len(arose) else arose
        least, most = self._batch_sizes
        self._size = min(max(made * 7 // 4, least), most)

    def _lower(self, sums: npt.NDArray[np.int64] | None) -> None:
        """Choose the count down to which pairs are listed next; `sums` are all partitions' cells, if they were asked.

        It is raised where more cells than `most_hot` reach it. Cells overstate pairs: a threshold that they raised and no
        pair reached is not raised again.
        """
        if self._counted_at < 0:
            if self._threshold < 0:
                self._threshold = int(min(self._weight / (64 * max(self._wanted, 1)), 1 << 62))
            lowest = highest = max(self._threshold, self._floor)
        else:
            lowest = max(self._floor, self._threshold // 4)
            fruitful = len(self.merges) > self._counted_at
            highest = max(self._floor, self._threshold - 1) if fruitful else lowest
        self._threshold = lowest
        if sums is not None:
            if np.count_nonzero(sums >= lowest) > self._most_hot and lowest < highest:
                kth = int(np.partition(sums, -self._most_hot)[-self._most_hot])
                self._threshold = min(max(lowest, kth + 1), highest)
            self._threshold = max(self._floor, min(self._threshold, int(sums.max())))

    def _survey(self, asked: Survey, replies: Sequence[Cells]) -> None:
        """Add up what the partitions tell of their cells; after the last ones, choose those whose pairs are counted."""
        sums = self._sums[asked.start : asked.stop, 0]
        for reply in replies:
            sums += np.minimum(reply.sums, _MOST - sums)
        self._surveyed = asked.stop
        if asked.stop == asked.cells:
            self._lower(self._sums[:, 0])
            self._hot_cells = (self._sums[:, 0] >= self._threshold).astype(np.uint8)
            self._sums, self._surveyed = self._sums[:0].copy(), 0

    def _count(self, replies: Sequence[PairCounts]) -> None:
        """Rank the pairs that the partitions have counted, as far as they reach the threshold."""
        pairs, counts = self._within(replies)
        self._threshold = self._ranking.begin(pairs, counts, self._threshold)
        self._counted_at, self._hot_cells, self._listing = len(self.merges), None, True

    def _within(
        self, replies: Sequence[PairCounts]
    ) -> tuple[list[npt.NDArray[np.int32]], list[npt.NDArray[np.int64]]]:
        """The pairs that are counted, as pairs of ids, and their counts: those that may be merged."""
        pairs = [self._heads[reply.pairs] for reply in replies]
        counts = [reply.counts for reply in replies]
        for k, named in enumerate(pairs):
            short = self._sizes[named].sum(axis=1, dtype=np.int64) < self._longest
            short |= (named < self._first).all(axis=1)
            beyond = np.empty(len(named), np.bool_)
            mark_rejected(self._rule, named, beyond)
            pairs[k], counts[k] = named[short & ~beyond], counts[k][short & ~beyond]
        return pairs, counts
