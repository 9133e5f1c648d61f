"""Learning the strings of equal-information windows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["EqualInfoLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualInfoLearner(Learner):
    """Strings that are about as likely as each other, by how often a byte follows the `order` before it (EqualInfoAC).

    A token is what a window of a fixed number of bits can hold, after compression by a model of counts. Text is encoded by the
    longest token at each place; `{pretokenizer: none}` lets windows go on over words. 65,536 tokens are windows of 16 bits.
    """

    name = "equal_info"
    kernels = ("models.lzw.kernels",)
    encoding = Encoding(first=150, later=180, bytes_per_token=3.1)
    counts_least = False

    order: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.order <= 6:
            raise ValueError(f"order must be from 0 to 6 bytes, not {self.order}")

    def need(self, words: int) -> int:
        """The words' bytes as keys, sorted."""
        return 300_000_000 + 60 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """The bytes, the other strings, then the special tokens."""
        from pairloom.operators.lexicons.equal_info import ByteModel, equal_windows
        from pairloom.operators.models.lzw.learning import dictionary_vocabulary

        codes = target.size - len(target.special_tokens)
        windows = equal_windows(ByteModel(counts, self.order), codes)
        return dictionary_vocabulary([text for text in windows if len(text) > 1], target)
