"""Who decides in the rounds and who holds words: the same where one process is both, and where there are many that hold words.

    characters ──▶ which are required ──▶ ends of words, bucket by bucket ──▶ seeds ──▶ expected, expected, best, prune ──▶ …

The decider's log is what it was answered: whoever is given the log goes on from there, without asking again.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts, merge_counts
from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.models.unigram.learning.asking import Answer, Question, answered
from pairloom.operators.models.unigram.learning.pieces import COVERAGE, LONGEST, Learned, PieceRounds
from pairloom.operators.models.unigram.learning.seeds import (
    MOST_SEEDS,
    Places,
    Seeds,
    buckets_of,
    characters_of,
    kinds_of,
    merge_seeds,
    required_points,
    seeds_of,
)
from pairloom.operators.models.unigram.learning.shaping import NO_SHAPE, PieceShape
from pairloom.operators.text.arrays import text_of
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Options", "UnigramDecider", "UnigramMember", "learn_pieces"]

_SEEDS_READ = 0.15  # about which share of the log the seeds are


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is learned: `size` pieces, or the characters that are required where these are more.

    `coverage` of all characters are pieces at least; a piece has up to `longest` characters, a substring is one to begin with if
    it occurs `least` times, and the `seeds` best of them are. None is one of `blocked`, or what `shape` leaves out.
    """

    size: int
    coverage: Fraction = COVERAGE
    longest: int = LONGEST
    least: int = 2
    seeds: int = MOST_SEEDS
    blocked: tuple[bytes, ...] = ()
    shape: PieceShape = NO_SHAPE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Characters:
    """Asks how often each character is in the words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """Code points and how often each is in the words, and the bytes of all distinct words."""

    points: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    symbols: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """Asks for the ends of words of one bucket."""

    required: npt.NDArray[np.int64]
    longest: int
    bucket: int
    buckets: int
    single_digits: bool = False


class UnigramMember:
    """Holds words, which it goes through for each question."""

    def __init__(self, words: Iterable[WordCounts]) -> None:
        self._words = words
        self._places: Places | None = None

    def answer(self, message: Any) -> Any:
        """The answer to a question of the decider's."""
        if isinstance(message, Question):
            self._places = None
            return answered(message, self._words)
        if isinstance(message, _Ends):
            if self._places is None:
                given = {"longest": message.longest, "buckets": message.buckets}
                kinds = kinds_of(message.required, single_digits=message.single_digits)
                self._places = Places(self._words, kinds, **given)
            return self._places.ends(self._words, message.bucket)
        symbols, most = 0, 0.0
        for counts in self._words:
            text = text_of(counts.words)
            symbols += text.bytes
            most += float(np.dot(counts.counts.astype(np.float64), np.diff(text.offsets)))
        if most >= 2.0**60:
            raise CapacityError("the words have more than 2^60 bytes, more than a Unigram is learned from")
        sums = characters_of(self._words)
        points = np.flatnonzero(sums)
        return _Counted(points=points, counts=sums[points], symbols=symbols)


class UnigramDecider:
    """Asks members, who hold all words together, and takes their answers; `given` is the log of one before (int32[m, 2])."""

    def __init__(self, options: Options, given: npt.NDArray[np.int32] | None = None) -> None:
        self.rounds = 0
        self._options = options
        self._log: list[npt.NDArray[np.int64]] = []
        self._counted: _Counted | None = None
        self._found: Seeds | None = None  # the best of the buckets so far
        self._buckets_done = 0
        self._pieces: PieceRounds | None = None
        self._asked: Any = None
        for entry in [] if given is None else _entries(given):
            self._replay(entry)

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """The log, int32[m, 2]: numbers of 64 bits, each entry after how many it has."""
        whole = [part for entry in self._log for part in (np.array([len(entry)], np.int64), entry)]
        found = np.concatenate(whole) if whole else np.zeros(0, np.int64)
        return found.astype("<i8").view(np.int32).reshape(-1, 2)

    @property
    def wanted(self) -> int:
        """About how long the log becomes."""
        made = sum(len(entry) + 1 for entry in self._log)
        if self._pieces is None:
            return int(made / _SEEDS_READ) + 1
        left, wanted = len(self._pieces.tokens), self._pieces.wanted
        while left > wanted:
            made += 3 * left
            left = left * 3 // 4
        return made + 1

    def next(self) -> Any:
        """What all members are asked now; None where everything is learned."""
        options = self._options
        if self._counted is None:
            self._asked = _Characters()
        elif self._pieces is None:
            buckets = buckets_of(self._counted.symbols)
            self._asked = _Ends(
                required=self._required,
                longest=options.longest,
                bucket=self._buckets_done,
                buckets=buckets,
                single_digits=options.shape.single_digits,
            )
        else:
            self._asked = self._pieces.next()
        return self._asked

    def anew(self) -> Sequence[Any]:
        """The last question: members remember nothing."""
        return (self._asked,)

    def take(self, replies: Sequence[Any]) -> None:
        """The answers of all members."""
        options = self._options
        if self._counted is None:
            sums = np.zeros(0x110000, np.int64)
            for reply in replies:
                sums[reply.points] += reply.counts
            points = np.flatnonzero(sums)
            symbols = sum(reply.symbols for reply in replies)
            self._count(_Counted(points=points, counts=sums[points], symbols=symbols))
        elif self._pieces is None:
            ends = merge_counts(replies)
            found = seeds_of(ends, longest=options.longest, least=options.least, most=options.seeds)
            self._found = found if self._found is None else merge_seeds([self._found, found], options.seeds)
            self._buckets_done += 1
            if self._buckets_done == self._asked.buckets:
                self._seed(self._found.without(options.blocked, options.shape.strings))
        else:
            total: Answer = replies[0]
            for reply in replies[1:]:
                total += reply
            self._log.append(np.append(total.sums, total.total))
            self._pieces.take(total)
        self.rounds += 1

    def learned(self) -> Learned:
        """The pieces, when all is learned."""
        assert self._pieces is not None
        return self._pieces.learned(self._options.shape)

    @property
    def _characters(self) -> npt.NDArray[np.int64]:
        assert self._counted is not None
        sums = np.zeros(0x110000, np.int64)
        sums[self._counted.points] = self._counted.counts
        return sums

    @property
    def _required(self) -> npt.NDArray[np.int64]:
        characters = self._characters
        return self._options.shape.points(required_points(characters, self._options.coverage), characters)

    def _count(self, counted: _Counted) -> None:
        self._counted = counted
        self._log.append(np.concatenate([[counted.symbols], counted.points, counted.counts]))

    def _seed(self, seeds: Seeds) -> None:
        tokens = seeds.tokens
        data = np.zeros(-(-len(tokens.data) // 8) * 8, np.uint8)
        data[: len(tokens.data)] = tokens.data
        self._log.append(np.concatenate([tokens.lengths, seeds.scores, data.view("<i8")]))
        self._log[-1] = np.append(len(tokens), self._log[-1])
        self._pieces = PieceRounds(
            seeds, self._characters, self._required, self._options.size, self._options.shape.caps
        )
        self._found = None

    def _replay(self, entry: npt.NDArray[np.int64]) -> None:
        if self._counted is None:
            half = len(entry) // 2
            self._count(_Counted(points=entry[1 : half + 1], counts=entry[half + 1 :], symbols=int(entry[0])))
        elif self._pieces is None:
            count = int(entry[0])
            offsets = np.zeros(count + 1, np.int64)
            np.cumsum(entry[1 : count + 1], out=offsets[1:])
            data = np.ascontiguousarray(entry[2 * count + 1 :]).astype("<i8").view(np.uint8)[: offsets[-1]]
            self._seed(Seeds(tokens=TokenTable(data, offsets), scores=entry[count + 1 : 2 * count + 1]))
        else:
            if len(entry) != len(self._pieces.tokens) + 1:
                raise CorruptionError(
                    f"the log of learning holds an answer for {len(entry) - 1} pieces, and there are {len(self._pieces.tokens)}"
                )
            self._log.append(entry)
            self._pieces.take(Answer(sums=entry[:-1], total=int(entry[-1])))
        self.rounds += 1


def _entries(given: npt.NDArray[np.int32]) -> Iterable[npt.NDArray[np.int64]]:
    numbers = np.ascontiguousarray(given, "<i4").view("<i8").ravel()
    at = 0
    while at < len(numbers):
        size = int(numbers[at])
        if not 0 <= size <= len(numbers) - at - 1:
            raise CorruptionError(f"the log of learning ends within an entry of {size} numbers")
        yield numbers[at + 1 : at + 1 + size].astype(np.int64)
        at += 1 + size


def learn_pieces(
    parts: Sequence[WordCounts],
    size: int,
    *,
    progress: Callable[[int, int], None] | None = None,
    blocked: Collection[bytes] = (),
    **options: Any,
) -> Learned:
    """The pieces of a Unigram, learned from words that begin with their spaces; the same whatever the parts.

    See `Options` for the others; `progress` is told how much of the log there is, and about how much there will be.
    """
    decider = UnigramDecider(Options(size=size, blocked=tuple(sorted(blocked)), **options))
    member = UnigramMember(parts)
    while (question := decider.next()) is not None:
        decider.take([member.answer(question)])
        if progress is not None:
            progress(len(decider.merges), decider.wanted)
    return decider.learned()
