"""Learning a lexicon by reading: Less-is-Better."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["LessIsBetterLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LessIsBetterLearner(Learner):
    """Chunks that make texts short to read, found by reading as people do: they may be parts of words, words, or several.

    Sentences are what the pretokenizer gives (`{scheme: none, lines: true}` gives lines), each drawn as often as it occurs: so
    many `passes` over so many `sentences` each, for chunks of at most `longest` characters. `propose` is the share of neighbours
    that are proposed to become a chunk, `step` by which share of its rank a chunk moves, `forget` the share of the lexicon at its
    end that is forgotten after `life` passes without use, and one chunk at least. Encoding takes the longest chunk at each place;
    the 256 bytes are tokens too.
    """

    name = "less_is_better"
    kernels = ("counts.kernels:drawn", "lexicons.kernels", "models.lzw.kernels")
    encoding = Encoding(first=315, later=540, bytes_per_token=1.5)
    counts_least = False

    passes: int = 500
    sentences: int = 200
    longest: int = 12
    propose: float = 0.25
    step: float = 0.2
    forget: float = 1e-4
    life: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("passes", "sentences", "life"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key} must be at least 1, not {getattr(self, key)}")
        if not 2 <= self.longest <= 256:
            raise ValueError(f"longest must be from 2 to 256 characters, not {self.longest}")
        for key in ("propose", "step", "forget"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"{key} must be a share, from 0 to 1, not {getattr(self, key)}")

    def need(self, words: int) -> int:
        """The texts as characters, and a draw for each."""
        return 300_000_000 + 30 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """The bytes, the best chunks, then the special tokens."""
        from pairloom.operators.lexicons.less_is_better import Lexicon, drawn_passes
        from pairloom.operators.models.lzw.learning import dictionary_vocabulary

        lexicon = Lexicon([word.decode("utf-8", "replace") for word in counts.words.to_pylist()], self)
        lexicon.learn(drawn_passes(counts, self, progress))
        chunks = [chunk.encode() for chunk in lexicon.chunks]
        return dictionary_vocabulary([chunk for chunk in chunks if len(chunk) > 1], target)
