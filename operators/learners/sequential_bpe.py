"""Learning byte-level BPE from words each of which decides one merge."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["SequentialBPELearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialBPELearner(Learner):
    """Byte-pair merges, each of which is found in words that no other has seen."""

    name = "sequential_bpe"
    kernels = ("counts.kernels:drawn", "models.bpe.kernels:sequential")
    encoding = Encoding(first=260, later=560, bytes_per_token=2.8)

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_sequential`."""
        from pairloom.operators.models.bpe.sequential import learn_sequential

        return learn_sequential(
            counts,
            target.size,
            special_tokens=target.special_tokens,
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
            min_count=target.min_count,
        )
