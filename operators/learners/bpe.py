"""Learning byte-level BPE: in one task, and in rounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.learners import Allocate, Decider, Learner, Member, Progress, Rounds, Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["BPELearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BPELearner(Learner):
    """Byte-pair merges: the most frequent pair of tokens becomes a token, again and again."""

    name = "bpe"
    by_rounds = True
    merges_bytes = True

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
        )

    def rounds(self, target: Target) -> Rounds:
        """See `operators/models/bpe/sharded/`."""
        return _Merges(target)


@dataclass(frozen=True, slots=True)
class _Merges(Rounds):
    """Merges of bytes, learned in rounds."""

    target: Target

    @property
    def first(self) -> int:
        """The id of the first merge."""
        return len(self.target.special_tokens) + 256

    def decider(self, given: "npt.NDArray[np.int32]") -> Decider:
        """The coordinator of the merges."""
        from pairloom.operators.models.bpe.sharded import Coordinator

        return Coordinator(
            first=self.first,
            merges=self.target.size - self.first,
            min_count=self.target.min_count,
            given=given,
        )

    def member(self, words: Iterable["WordCounts"], empty: Allocate) -> Member:
        """A partition of the words as bytes."""
        from pairloom.operators.models.bpe.sharded import ByteWords, Partition, byte_ids

        return Partition(ByteWords(words, byte_ids(self.first - 256), self.first), empty=empty)

    def finish(self, merges: "npt.NDArray[np.int32]", words: Iterable["WordCounts"]) -> "Vocabulary":
        """The vocabulary of the merges."""
        from pairloom.operators.models.bpe.assembling import assemble

        target = self.target
        return assemble(
            merges,
            target.special_tokens,
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
        )
