"""Learning byte-level BPE: in one task, and in rounds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pairloom.operators.learners import (
    Allocate,
    Decider,
    Learner,
    Member,
    Progress,
    Rounds,
    Shape,
    Target,
)
from pairloom.operators.speeds import BYTE_LEVEL

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["BPELearner", "MergeRounds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BPELearner(Learner):
    """Byte-pair merges: the most frequent pair of tokens becomes a token, again and again."""

    name = "bpe"
    encoding = BYTE_LEVEL
    by_groups = True
    by_rounds = True
    merges_bytes = True
    shapes = frozenset(one.name for one in fields(Shape))

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_bpe`."""
        from pairloom.operators.models.bpe.learning import learn_bpe

        return learn_bpe(
            counts,
            target.size,
            special_tokens=target.special_tokens,
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
            min_count=target.min_count,
            progress=progress,
            shape=target.shape,
        )

    def learn_groups(
        self,
        groups: "Mapping[str | None, WordCounts]",
        target: Target,
        *,
        progress: Progress | None = None,
    ) -> "Vocabulary":
        """See `learn_bpe_groups`."""
        from pairloom.operators.models.bpe.learning import learn_bpe_groups

        return learn_bpe_groups(groups, target, progress=progress)

    def rounds(self, target: Target) -> Rounds:
        """See `operators/models/bpe/sharded/`."""
        if target.parity is None:
            return MergeRounds(target)
        from pairloom.operators.models.bpe.parity_rounds import ByteGroups, ParityRounds

        return ParityRounds(ByteGroups(target))


@dataclass(frozen=True, slots=True)
class MergeRounds(Rounds):
    """Merges of bytes, learned in rounds."""

    target: Target

    @property
    def first(self) -> int:
        """The id of the first merge."""
        return len(self.target.special_tokens) + 256

    def decider(self, given: "npt.NDArray[np.int32]") -> Decider:
        """The coordinator of the merges; with `limit_alphabet`, one that has the bytes counted first."""
        from pairloom.operators.models.bpe.assembling import first_tokens
        from pairloom.operators.models.bpe.shaping import merge_options
        from pairloom.operators.models.bpe.sharded import Coordinator

        target = self.target
        tokens = first_tokens(target.special_tokens)
        coordinator = Coordinator(
            merges=target.size - len(tokens),
            min_count=target.min_count,
            given=given,
            **merge_options(target.shape, tokens, target.size, target.pretokenizer),
        )
        return coordinator if target.shape.limit_alphabet is None else _AlphabetFirst(coordinator, target)

    def member(self, words: Iterable["WordCounts"], empty: Allocate) -> Member:
        """A partition of the words as bytes."""
        from pairloom.operators.models.bpe.assembling import byte_ids
        from pairloom.operators.models.bpe.sharded import ByteWords, Partition

        if self.target.shape.limit_alphabet is not None:
            return _OfAlphabet(words, self.first, empty)
        return Partition(ByteWords(words, byte_ids(self.first - 256), self.first), empty=empty)

    def finish(self, merges: "npt.NDArray[np.int32]", words: Iterable["WordCounts"]) -> "Vocabulary":
        """The vocabulary of the merges, and of those that make what is required."""
        from pairloom.operators.models.bpe.assembling import assemble, first_tokens
        from pairloom.operators.models.bpe.shaping import with_required

        target = self.target
        if target.shape.required or target.shape.fillers:
            merges = with_required(merges, first_tokens(target.special_tokens), target.size, target.shape)
        return assemble(
            merges,
            target.special_tokens,
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
        )


@dataclass(frozen=True, slots=True)
class _Weigh:
    """Asks how often each byte occurs."""


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """The id of each byte, negative for those that take no part."""

    ids: "npt.NDArray[np.int32]"


class _AlphabetFirst:
    """A coordinator whose members are asked for their bytes first, and told which of them take part."""

    def __init__(self, coordinator: Any, target: Target) -> None:
        self._inner, self._target = coordinator, target
        self._told: _Alphabet | None = None
        self._asked: Any = None
        self.rounds = 0

    @property
    def merges(self) -> "npt.NDArray[np.int32]":
        """The merges so far."""
        merges: npt.NDArray[np.int32] = self._inner.merges
        return merges

    @property
    def wanted(self) -> int:
        """How many merges there may be."""
        return int(self._inner.wanted)

    def next(self) -> Any:
        """The bytes are counted, then told, then merged."""
        if self._told is None:
            self._asked = _Weigh()
        elif isinstance(self._asked, _Weigh):
            self._asked = self._told
        else:
            self._asked = self._inner.next()
        return self._asked

    def take(self, replies: Sequence[Any]) -> None:
        """Add the bytes up, or hand the answers on."""
        if isinstance(self._asked, _Weigh):
            from pairloom.operators.models.bpe.assembling import chosen
            from pairloom.operators.models.bpe.shaping import initial_bytes

            shape = self._target.shape
            weights = [sum(of_byte) for of_byte in zip(*replies, strict=True)]
            limit = shape.limit_alphabet or 0
            kept = initial_bytes(shape)
            self._told = _Alphabet(chosen(weights, len(self._target.special_tokens), limit, kept))
        elif not isinstance(self._asked, _Alphabet):
            self._inner.take(replies)
            self.rounds = self._inner.rounds

    def anew(self) -> Sequence[Any]:
        """One that has just begun is told the alphabet, then what others were told."""
        if self._told is None or isinstance(self._asked, _Weigh | _Alphabet):
            return (self._asked,)
        return (self._told, *self._inner.anew())


class _OfAlphabet:
    """A partition that waits to be told which bytes take part."""

    def __init__(self, words: Iterable["WordCounts"], first: int, empty: Allocate) -> None:
        self._words, self._first, self._empty = words, first, empty
        self._inner: Any = None

    def answer(self, message: Any) -> Any:
        """Weigh the bytes, take the alphabet, or do what partitions do."""
        from pairloom.operators.models.bpe.assembling import byte_weights
        from pairloom.operators.models.bpe.sharded import ByteWords, Partition

        if isinstance(message, _Weigh):
            return byte_weights(self._words)
        if isinstance(message, _Alphabet):
            self._inner = Partition(ByteWords(self._words, message.ids, self._first), empty=self._empty)
            return None
        return self._inner.answer(message)
