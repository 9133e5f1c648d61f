"""Learning for groups in rounds: a member holds a share of every group's words, each group's in a partition of its own.

    groups are weighed ──▶ alphabet, what each says and takes ──▶ rounds (`sharded/groups`)

A row of the log of merges holds the place of the group that chose the merge too, above the bits of ids.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.counts.groups import prefix_of
from pairloom.operators.errors import CapacityError
from pairloom.operators.learners import Allocate, Decider, Member, Parity, Rounds, Target
from pairloom.operators.models.bpe.assembling import byte_ids, byte_weights, chosen, first_tokens
from pairloom.operators.models.bpe.character_families import CharacterFamily, longest_merge, merge_limits
from pairloom.operators.models.bpe.characters import Alphabet, Letters
from pairloom.operators.models.bpe.parity import group_amounts, text_size
from pairloom.operators.models.bpe.shaping import initial_bytes, merge_options
from pairloom.operators.models.bpe.sharded import ByteWords, Partition, SymbolWords, partition_memory
from pairloom.operators.models.bpe.sharded.encoded import Words
from pairloom.operators.models.bpe.sharded.groups import GroupCoordinator
from pairloom.operators.models.bpe.sharded.messages import Begin
from pairloom.operators.models.bpe.sharded.partition import Symbols
from pairloom.operators.models.bpe.word import MOST_IDS
from pairloom.operators.text.arrays import text_of
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["ByteGroups", "CharacterGroups", "ParityRounds"]

# A row of the log: ids, and above them the low and the high bits of the group's place.
_ID_BITS, _GROUP_BITS = 21, 10
# Bytes of what words of several groups are held in together.
_SLAB = 1 << 26


class Kind(ABC):
    """What words are made of: how a family's words, first tokens and vocabulary are made."""

    target: Target

    @abstractmethod
    def held(self, counts: WordCounts, empty: Allocate) -> Any:
        """Words as they are held until they are laid out; `empty` makes what grows with them."""

    @abstractmethod
    def weighed(self, parts: Sequence[Any]) -> tuple[int, Any]:
        """The tokens of words before the first merge, and what is to be known of their letters."""

    @abstractmethod
    def alphabet(self, letters: Sequence[Any]) -> Any:
        """What takes part, of the letters of all groups."""

    @abstractmethod
    def words(self, parts: list[Any], alphabet: Any) -> Words:
        """The words of a partition."""

    @abstractmethod
    def options(self, alphabet: Any) -> dict[str, Any]:
        """Those of the coordinator."""

    def rows(self, alphabet: Any) -> npt.NDArray[np.int32]:
        """What stands before the merges in their log."""
        return np.zeros((0, 2), np.int32)

    def after(self, log: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The merges of a log."""
        return log

    @abstractmethod
    def finished(self, log: npt.NDArray[np.int32], merges: npt.NDArray[np.int32]) -> Vocabulary:
        """The vocabulary."""


@dataclass(frozen=True, slots=True)
class ByteGroups(Kind):
    """Words of bytes."""

    target: Target

    def held(self, counts: WordCounts, empty: Allocate) -> WordCounts:
        """See `Kind`."""
        text = text_of(counts.words)
        begin, end = int(text.offsets[0]), int(text.offsets[-1])
        data, offsets = empty(end - begin + 1, np.uint8), empty(len(counts) + 1, np.int64)
        numbers = empty(len(counts) + 1, np.int64)
        data[: end - begin], offsets[:], numbers[:-1] = (
            text.data[begin:end],
            text.offsets - begin,
            counts.counts,
        )
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        words = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(counts), buffers)
        return WordCounts(words=words, counts=numbers[:-1])

    def weighed(self, parts: Sequence[WordCounts]) -> tuple[int, list[int]]:
        """See `Kind`."""
        letters = [] if self.target.shape.limit_alphabet is None else byte_weights(parts)
        return sum(map(text_size, parts)), letters

    def alphabet(self, letters: Sequence[list[int]]) -> npt.NDArray[np.int32]:
        """See `Kind`."""
        shape, specials = self.target.shape, len(self.target.special_tokens)
        if shape.limit_alphabet is None:
            return byte_ids(specials)
        weights = [sum(of_byte) for of_byte in zip(*letters, strict=True)] or [0] * 256
        return chosen(weights, specials, shape.limit_alphabet, initial_bytes(shape))

    def words(self, parts: list[WordCounts], alphabet: npt.NDArray[np.int32]) -> Words:
        """See `Kind`."""
        return ByteWords(parts, alphabet, len(self.target.special_tokens) + 256)

    def options(self, alphabet: npt.NDArray[np.int32]) -> dict[str, Any]:
        """See `Kind`."""
        target, tokens = self.target, first_tokens(self.target.special_tokens)
        options = merge_options(target.shape, tokens, target.size, target.pretokenizer)
        return {"merges": target.size - len(tokens), **options}

    def finished(self, log: npt.NDArray[np.int32], merges: npt.NDArray[np.int32]) -> Vocabulary:
        """See `Kind`."""
        from pairloom.operators.learners.bpe import MergeRounds

        return MergeRounds(self.target).finish(merges, ())


@dataclass(frozen=True, slots=True)
class CharacterGroups(Kind):
    """Words of characters, as a family has them."""

    family: CharacterFamily

    @property
    def target(self) -> Target:  # type: ignore[override]
        """That of the family."""
        return self.family.target

    def held(self, counts: WordCounts, empty: Allocate) -> Any:
        """See `Kind`."""
        return self.family.words(counts, empty)

    def weighed(self, parts: Sequence[Any]) -> tuple[int, Letters]:
        """See `Kind`."""
        return sum(one.weight for one in parts), Letters.together(one.letters() for one in parts)

    def alphabet(self, letters: Sequence[Letters]) -> Alphabet:
        """See `Kind`."""
        return self.family.alphabet(Letters.together(letters))

    def words(self, parts: list[Any], alphabet: Alphabet) -> Words:
        """See `Kind`."""
        ids = alphabet.symbols(len(self.family.specials))
        parts[:] = [one.symbols(ids) for one in parts]
        return SymbolWords(parts, len(self.family.first(alphabet)))

    def options(self, alphabet: Alphabet) -> dict[str, Any]:
        """See `Kind`."""
        family = self.family
        spelled = {*"".join(family.spelled(alphabet)[len(family.specials) :])}
        # None of them can be made again without it, as it is in one task.
        reserved = [one for one in family.reserved if spelled >= {*one}]
        return {
            "first": len(family.first(alphabet)),
            "merges": family.room(alphabet),
            "max_token_length": longest_merge(family.target),
            "limits": merge_limits(family, alphabet, reserved),
            "few": False,
        }

    def rows(self, alphabet: Alphabet) -> npt.NDArray[np.int32]:
        """See `Kind`."""
        return alphabet.rows

    def after(self, log: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """See `Kind`."""
        alphabet = Alphabet.of_rows(log)
        return log[:0] if alphabet is None else log[len(alphabet.rows) :]

    def finished(self, log: npt.NDArray[np.int32], merges: npt.NDArray[np.int32]) -> Vocabulary:
        """See `Kind`."""
        alphabet = Alphabet.of_rows(log)
        assert alphabet is not None, "the alphabet is learned first"
        return self.family.finished(alphabet, [(left, right) for left, right in merges.tolist()])


@dataclass(frozen=True, slots=True)
class ParityRounds(Rounds):
    """Merges for groups, learned in rounds: those of one task. Members are given pairs of a group's name and its words."""

    kind: Kind

    def decider(self, given: npt.NDArray[np.int32]) -> Decider:
        """What has the groups weighed, then decides about merges."""
        return _Decider(self.kind, given)

    def member(self, words: Iterable[Any], empty: Allocate) -> Member:
        """One that has a partition for each group."""
        return _Member(self.kind, words, empty)

    def finish(self, merges: npt.NDArray[np.int32], words: Iterable[WordCounts]) -> Vocabulary:
        """The vocabulary of the merges."""
        return self.kind.finished(merges, _unpacked(self.kind.after(merges))[0])

    def member_memory(self, words: int, symbols: int) -> int:
        """Its partitions, and the words while they are laid out."""
        return partition_memory(words, symbols) + 24 * words + 4 * symbols


def _packed(merges: npt.NDArray[np.int32], who: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    places = np.stack([who & ((1 << _GROUP_BITS) - 1), who >> _GROUP_BITS], axis=1)
    return (merges | places << _ID_BITS).astype(np.int32)


def _unpacked(rows: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    places = rows >> _ID_BITS
    return rows & ((1 << _ID_BITS) - 1), places[:, 0] | places[:, 1] << _GROUP_BITS


@dataclass(frozen=True, slots=True)
class _Weigh:
    """Asks how much of each group there is."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What a group says, in the unit of the parity, what it takes before the first merge, and its letters."""

    size: int
    tokens: int
    letters: Any


@dataclass(frozen=True, slots=True)
class _Told:
    """Says what takes part."""

    alphabet: Any


class _Decider:
    """A coordinator whose members are asked for their groups first."""

    def __init__(self, kind: Kind, given: npt.NDArray[np.int32]) -> None:
        if kind.target.size >= MOST_IDS:
            raise CapacityError(
                f"a vocabulary of {kind.target.size} tokens is too large to be learned in rounds: ids stay below {MOST_IDS}"
            )
        self._kind, self._given, self.rounds = kind, given, 0
        self._alphabet: Any = None
        self._asked: Any = None
        self._told = self._some = (
            False  # whether members know what takes part, and whether there is any group
        )
        self._coordinator: GroupCoordinator | None = None

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """What is learned so far, with who chose it."""
        if self._coordinator is None:
            return self._given
        own = _packed(self._coordinator.merges, self._coordinator.who)
        return np.concatenate([self._kind.rows(self._alphabet), own])

    @property
    def wanted(self) -> int:
        """How long that may become."""
        if self._coordinator is None:
            return self._kind.target.size
        return len(self._kind.rows(self._alphabet)) + self._coordinator.wanted

    def next(self) -> Any:
        """Groups are weighed, then told what takes part, then merged."""
        if self._coordinator is None:
            self._asked = _Weigh()
        elif not self._told:
            self._asked = _Told(self._alphabet)
        else:
            self._asked = self._coordinator.next() if self._some else None
        return self._asked

    def take(self, replies: Sequence[Any]) -> None:
        """Begin with the groups, or hand the answers on."""
        if isinstance(self._asked, _Weigh):
            self._begin(replies)
        elif isinstance(self._asked, _Told):
            self._told = True
        else:
            assert self._coordinator is not None
            self._coordinator.take(replies)
            self.rounds = self._coordinator.rounds

    def anew(self) -> Sequence[Any]:
        """One that has just begun is told what takes part, then what others were told."""
        if self._coordinator is None or not self._told:
            return (self._asked,)
        return (_Told(self._alphabet), *self._coordinator.anew())

    def _begin(self, replies: Sequence[dict[str | None, _Weighed]]) -> None:
        parity = self._kind.target.parity or Parity()
        names = sorted({name for reply in replies for name in reply}, key=prefix_of)
        if len(names) >= 1 << 2 * _GROUP_BITS:
            raise CapacityError(f"{len(names)} groups are too many to be learned for in rounds")
        found = {name: [reply[name] for reply in replies if name in reply] for name in names}
        self._some = bool(names)
        units = group_amounts({name: sum(one.size for one in found[name]) for name in names}, parity)
        self._alphabet = self._kind.alphabet([one.letters for some in found.values() for one in some])
        merges, who = _unpacked(self._kind.after(self._given))
        self._coordinator = GroupCoordinator(
            tokens={name: sum(one.tokens for one in found[name]) for name in names},
            units=units,
            together=parity.first,
            window=parity.window,
            min_count=self._kind.target.min_count,
            given=merges,
            who=who,
            **self._kind.options(self._alphabet),
        )


class _Member:
    """Partitions, one a group, that wait to be told what takes part."""

    def __init__(self, kind: Kind, words: Iterable[tuple[str | None, WordCounts]], empty: Allocate) -> None:
        self._kind, self._words, self._empty = kind, words, empty
        self._held: dict[str | None, list[Any]] = {}
        self._sizes: dict[str | None, int] = {}
        self._partitions: dict[str | None, Partition] = {}

    def answer(self, message: Any) -> Any:
        """Weigh the groups, take the alphabet, or do in each partition what partitions do."""
        if isinstance(message, _Weigh):
            self._read()
            weighed = {name: self._kind.weighed(parts) for name, parts in self._held.items()}
            return {
                name: _Weighed(self._sizes[name], tokens, letters)
                for name, (tokens, letters) in weighed.items()
            }
        if isinstance(message, _Told):
            if not self._held:
                self._read()
            symbols = Symbols()
            self._partitions = {
                name: Partition(self._kind.words(parts, message.alphabet), empty=self._empty, symbols=symbols)
                for name, parts in self._held.items()
            }
            return None
        answers = {}
        for name, partition in self._partitions.items():
            answers[name] = partition.answer(message)
            if isinstance(message, Begin):
                self._held.pop(name).clear()  # laid out: the words themselves are needed no more
        return answers

    def _read(self) -> None:
        characters = (self._kind.target.parity or Parity()).unit == "characters"
        self._held, self._sizes = {}, {}
        empty = _cut_from(self._empty)
        for name, counts in self._words:
            self._held.setdefault(name, []).append(self._kind.held(counts, empty))
            self._sizes[name] = self._sizes.get(name, 0) + text_size(counts, characters=characters)


def _cut_from(empty: Allocate) -> Allocate:
    """Makes arrays that are parts of larger ones: those may be files, of which there are to be fewer than parts of groups."""
    slab, used = np.empty(0, np.uint8), 0

    def cut(size: int, dtype: Any) -> npt.NDArray[Any]:
        nonlocal slab, used
        needed = size * np.dtype(dtype).itemsize
        if used + needed > len(slab):
            slab, used = empty(max(needed, min(2 * len(slab), _SLAB), 1 << 16), np.uint8), 0
        start, used = used, -(-(used + needed) // 16) * 16
        return slab[start : start + needed].view(dtype)

    return cut
