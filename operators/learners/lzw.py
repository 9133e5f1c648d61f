"""Growing LZW's dictionary."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["LZWLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LZWLearner(Learner):
    """The dictionary that LZW grows in one pass over the words."""

    name = "lzw"
    kernels = ("counts.kernels:drawn", "models.lzw.kernels")
    encoding = Encoding(first=220, later=555, bytes_per_token=3.3)
    counts_least = False

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_lzw`."""
        from pairloom.operators.models.lzw.learning import learn_lzw

        return learn_lzw(
            counts,
            target.size,
            special_tokens=target.special_tokens,
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
        )
