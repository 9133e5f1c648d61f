"""Learning WordPiece, as BERT has it."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pairloom.operators.learners import Progress, Shape, Target
from pairloom.operators.learners._characters import CharacterLearner
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.models.wordpiece.learning import WordPieceFamily
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["WordPieceLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPieceLearner(CharacterLearner):
    """The pieces of words that `tokenizers`' WordPieceTrainer makes, for BERT.

    Text is cleaned, put in lower case without accents (unless `lowercase` is false), and cut at punctuation, when it is learned
    from and when it is encoded. A word of more than `longest_word` characters is unknown.
    """

    name = "wordpiece"
    encoding = Encoding(first=132, later=157, bytes_per_token=3.7)
    kernels = (
        "encode.kernels:places",
        "encode.kernels:runs",
        "models.bpe.kernels:characters",
        "models.wordpiece.kernels",
        "text.front.kernels",
    )
    by_groups = True
    work = 9.0  # measured: 12 MB of sources, 32,000 tokens, one task
    shapes = frozenset(one.name for one in fields(Shape))

    lowercase: bool = True
    longest_word: int = 100

    def __post_init__(self) -> None:
        if self.longest_word < 1:
            raise ValueError(f"longest_word must be at least 1, not {self.longest_word}")

    def check(self, target: Target) -> None:
        """Raise ValueError where no character fits, or text is normalized otherwise."""
        if target.normalizer != "none":
            raise ValueError(f"normalizer must be none, not {target.normalizer}: wordpiece has BERT's")
        if target.size <= (first := len({*target.special_tokens, "[UNK]"})):
            raise ValueError(f"size must be more than {first}: special tokens, [UNK], and characters")

    def need(self, words: int) -> int:
        """The words, as texts, and their symbols."""
        return 600_000_000 + 40 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_wordpiece`."""
        from pairloom.operators.models.wordpiece.learning import learn_wordpiece

        return learn_wordpiece(
            counts, target, lowercase=self.lowercase, longest_word=self.longest_word, progress=progress
        )

    def family(self, target: Target) -> "WordPieceFamily":
        """As `WordPieceFamily` has it."""
        from pairloom.operators.models.wordpiece.learning import WordPieceFamily

        return WordPieceFamily(target=target, lowercase=self.lowercase, longest_word=self.longest_word)
