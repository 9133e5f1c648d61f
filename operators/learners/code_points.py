"""Learning which pairs and triples of characters stand beside the code points."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CodePointsLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePointsLearner(Learner):
    """65,536 ids of which that of a character is its code point, in every vocabulary; the rest are frequent pairs and triples.

    The `each` most frequent of every script take the ids that no character has; characters beyond the Basic Multilingual Plane are
    spelled by bytes. Text is encoded by the longest token at each place.
    """

    name = "code_points"
    kernels = ("models.lzw.kernels",)
    encoding = Encoding(first=160, later=480, bytes_per_token=1.6)
    counts_least = False

    each: int = 338

    def __post_init__(self) -> None:
        if self.each < 0:
            raise ValueError(f"each must be at least 0, not {self.each}")

    def check(self, target: Target) -> None:
        """Raise ValueError for another size, and for special tokens that have no place."""
        if target.size != 1 << 16:
            raise ValueError(f"size must be 65536, as ids are code points, not {target.size}")
        if len(target.special_tokens) > 256:
            raise ValueError(f"special_tokens can be 256 at most, not {len(target.special_tokens)}")

    def need(self, words: int) -> int:
        """The words as texts, and what is counted of them."""
        return 500_000_000 + 60 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """The code points, the special tokens, the rest."""
        from pairloom.operators.errors import RecipeError
        from pairloom.operators.lexicons.code_points import SPECIAL, frequent_ngrams, tokens_of
        from pairloom.operators.models.lzw import LZW
        from pairloom.operators.vocabulary import Vocabulary

        self.check(target)
        ngrams = frequent_ngrams(counts, self.each)
        if short := [token for token in target.special_tokens if len(token) == 1 or token in ngrams]:
            raise RecipeError(
                f"special token {short[0]!r} is also a token of the text: both would have one id"
            )
        return Vocabulary(
            tokens=tokens_of(ngrams, target.special_tokens),
            model=LZW(),
            special_tokens=target.special_tokens,
            special_ids=tuple(SPECIAL[: len(target.special_tokens)]),
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
        )
