"""Learning merges of characters in rounds: members count their characters first, and are told which of them take part.

The log of what is learned begins with the alphabet, so that whoever goes on from it, or makes the vocabulary, asks nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import CapacityError
from pairloom.operators.learners import Allocate, Decider, Member, Rounds
from pairloom.operators.models.bpe.character_families import CharacterFamily, longest_merge, merge_limits
from pairloom.operators.models.bpe.characters import Alphabet, Letters
from pairloom.operators.models.bpe.sharded import Coordinator, Partition, SymbolWords, partition_memory
from pairloom.operators.models.bpe.word import MOST_IDS
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CharacterRounds"]


@dataclass(frozen=True, slots=True)
class _Weigh:
    """Asks how often each character occurs."""


@dataclass(frozen=True, slots=True)
class _Begin:
    """Says which characters take part."""

    alphabet: Alphabet


@dataclass(frozen=True, slots=True)
class CharacterRounds(Rounds):
    """Merges of characters, learned in rounds: those of `learn_characters`."""

    family: CharacterFamily

    def decider(self, given: npt.NDArray[np.int32]) -> Decider:
        """What decides about the alphabet, then about merges."""
        return _Decider(self.family, given)

    def member(self, words: Iterable[WordCounts], empty: Allocate) -> Member:
        """One that holds its words as characters, then as symbols."""
        return _Member(self.family, words, empty)

    def finish(self, merges: npt.NDArray[np.int32], words: Iterable[WordCounts]) -> Vocabulary:
        """The vocabulary of the alphabet and the merges."""
        alphabet = Alphabet.of_rows(merges)
        assert alphabet is not None, "the alphabet is learned first"
        pairs = [(left, right) for left, right in merges[len(alphabet.rows) :].tolist()]
        return self.family.finished(alphabet, pairs)

    def member_memory(self, words: int, symbols: int) -> int:
        """A partition; the words as characters, and as objects while a file of them is read."""
        return partition_memory(words, symbols) + 24 * words + 4 * symbols


class _Decider:
    """A coordinator whose members are asked for their characters first."""

    def __init__(self, family: CharacterFamily, given: npt.NDArray[np.int32]) -> None:
        if family.target.size >= MOST_IDS:
            raise CapacityError(
                f"a vocabulary of {family.target.size} tokens is too large to be learned in rounds: ids stay below {MOST_IDS}"
            )
        self._family, self.rounds = family, 0
        self._asked: Any = None
        self._rows, self._wanted = np.zeros((0, 2), np.int32), family.target.size
        self._alphabet = Alphabet.of_rows(given)
        self._coordinator: Coordinator | None = None
        self._told = False
        if self._alphabet is not None:
            self._begin(self._alphabet, given[len(self._alphabet.rows) :])

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """The alphabet and the merges so far."""
        if self._coordinator is None:
            return self._rows
        return np.concatenate([self._rows, self._coordinator.merges])

    @property
    def wanted(self) -> int:
        """How long that may become."""
        return self._wanted

    def next(self) -> Any:
        """The characters are counted, then told, then merged."""
        if self._alphabet is None:
            self._asked = _Weigh()
        elif not self._told:
            self._asked = _Begin(self._alphabet)
        else:
            assert self._coordinator is not None
            self._asked = self._coordinator.next()
        return self._asked

    def take(self, replies: Sequence[Any]) -> None:
        """Choose the alphabet, or hand the answers on."""
        if isinstance(self._asked, _Weigh):
            self._alphabet = self._family.alphabet(Letters.together(replies))
            self._begin(self._alphabet, np.zeros((0, 2), np.int32))
        elif isinstance(self._asked, _Begin):
            self._told = True
        else:
            assert self._coordinator is not None
            self._coordinator.take(replies)
            self.rounds = self._coordinator.rounds

    def anew(self) -> Sequence[Any]:
        """One that has just begun is told the alphabet, then what others were told."""
        if self._coordinator is None or not self._told:
            return (self._asked,)
        assert self._alphabet is not None
        return (_Begin(self._alphabet), *self._coordinator.anew())

    def _begin(self, alphabet: Alphabet, given: npt.NDArray[np.int32]) -> None:
        family = self._family
        room, first = family.room(alphabet), len(family.first(alphabet))
        spelled = {*"".join(family.spelled(alphabet)[len(family.specials) :])}
        self._rows = alphabet.rows
        self._wanted = len(self._rows) + room
        self._coordinator = Coordinator(
            first=first,
            merges=room,
            min_count=family.target.min_count,
            max_token_length=longest_merge(family.target),
            # None of them can be made again without it, as it is in one task.
            limits=merge_limits(family, alphabet, [one for one in family.reserved if spelled >= {*one}]),
            given=given,
            few=False,
        )


class _Member:
    """A partition that waits to be told which characters take part."""

    def __init__(self, family: CharacterFamily, words: Iterable[WordCounts], empty: Allocate) -> None:
        self._family, self._empty = family, empty
        self._counts: Iterable[WordCounts] = words
        self._words: list[Any] | None = None
        self._partition: Partition | None = None

    def answer(self, message: Any) -> Any:
        """Count the characters, take the alphabet, or do what partitions do."""
        if isinstance(message, _Weigh | _Begin) and self._words is None:
            self._words = [self._family.words(counts, self._empty) for counts in self._counts]
        if isinstance(message, _Weigh):
            assert self._words is not None
            return Letters.together(words.letters() for words in self._words)
        if isinstance(message, _Begin):
            assert self._words is not None
            ids = message.alphabet.symbols(len(self._family.specials))
            parts = [words.symbols(ids) for words in self._words]
            self._words = None
            first = len(self._family.first(message.alphabet))
            self._partition = Partition(SymbolWords(parts, first), empty=self._empty)
            return None
        assert self._partition is not None
        return self._partition.answer(message)
