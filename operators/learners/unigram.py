"""Learning a Unigram: in one task, and in rounds."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pairloom.operators.learners import Allocate, Decider, Learner, Member, Progress, Rounds, Shape, Target
from pairloom.operators.speeds import Encoding
from pairloom.operators.steps import step_identity
from pairloom.operators.text.pretokenize.marker import BeforeSpaces

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.counts import WordCounts
    from pairloom.operators.models.unigram.learning.deciding import Options
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["UnigramLearner"]

# Bytes of memory besides the words: a million pieces with their trie, and what is sorted at a time.
_TABLES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UnigramLearner(Learner):
    """Pieces and their scores by expectation and maximization, as SentencePiece learns them; words begin with their spaces.

    The characters that are pieces in any case are those that make up `coverage` of the text; a piece has up to `max_length` of
    them, of one script. With `split_digits`, digits stand alone. `seeds` substrings are pieces to begin with. With
    `byte_fallback`, other characters are spelled by tokens of bytes, else they are `<unk>`; with `prefix`, a space is put before
    each text.
    """

    name = "unigram"
    encoding = Encoding(first=62, later=152, bytes_per_token=3.5)
    kernels = (
        "encode.kernels:places",
        "encode.kernels:runs",
        "models.unigram.kernels",
        "models.unigram.learning.kernels",
        "text.front.kernels",
    )
    makes = "answers"
    by_rounds = True
    by_library = True
    cuts = True
    work = 28.0  # measured: 12 MB of sources, 32,000 tokens, one task
    shapes = frozenset(one.name for one in fields(Shape))

    coverage: float = 0.9995
    max_length: int = 16
    seeds: int = 1_000_000
    byte_fallback: bool = True
    prefix: bool = True
    split_digits: bool = False

    @property
    def identity(self) -> Any:
        """The keys; what came later only where it says something."""
        found = step_identity(self)
        if not self.split_digits:
            found["keys"].pop("split_digits")
        return found

    def __post_init__(self) -> None:
        if not 0 < self.coverage <= 1:
            raise ValueError(
                f"coverage is a share of all characters, above 0 and up to 1, not {self.coverage}"
            )
        if not 1 <= self.max_length <= 63:
            raise ValueError(f"max_length is 1 to 63 characters, not {self.max_length}")
        if not 1 <= self.seeds <= 1 << 21:
            raise ValueError(f"seeds are 1 to {1 << 21:,} substrings, not {self.seeds}")

    def check(self, target: Target) -> None:
        """Raise ValueError where the special tokens and bytes leave no room."""
        bytes_there = 256 if self.byte_fallback else 0
        least = len({*target.special_tokens, "<unk>"}) + bytes_there + 1
        if target.size < least:
            raise ValueError(
                f"size must be at least {least}: "
                f"{len(target.special_tokens)} special tokens, <unk>, {bytes_there} bytes and a space"
            )

    def cutter(self, target: Target) -> BeforeSpaces:
        """Words begin with their spaces."""
        return BeforeSpaces(prefix=self.prefix)

    def need(self, words: int) -> int:
        """The words as they are read and merged, what begins at each of their bytes, and tables."""
        return _TABLES + 8 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """Learn as the only member."""
        import numpy as np

        rounds = _Expecting(self, target)
        decider, member = rounds.decider(np.zeros((0, 2), np.int32)), rounds.member([counts], np.empty)
        while (question := decider.next()) is not None:
            decider.take([member.answer(question)])
            if progress is not None:
                progress(len(decider.merges), decider.wanted)
        return rounds.finish(decider.merges, [counts])

    def rounds(self, target: Target) -> Rounds:
        """Members that hold words, who are asked how often pieces are in them."""
        return _Expecting(self, target)

    def options(self, target: Target) -> "Options":
        """What is learned besides the first tokens."""
        from pairloom.operators.models.unigram.learning.deciding import Options
        from pairloom.operators.models.unigram.learning.shaping import PieceShape
        from pairloom.operators.models.unigram.learning.writing import blocked_by, first_tokens

        first = len(first_tokens(target.special_tokens, self.byte_fallback))
        longest = target.shape.max_token_length
        reserved = blocked_by(target.special_tokens)
        shape = PieceShape.of(
            target.shape, size=target.size, first=first, single_digits=self.split_digits, reserved=reserved
        )
        return Options(
            size=target.size - first,
            coverage=Fraction(str(self.coverage)),
            longest=self.max_length if longest is None else min(longest, self.max_length),
            least=max(2, target.min_count),
            seeds=self.seeds,
            blocked=(*reserved, *target.shape.blocked_tokens),
            shape=shape,
        )


@dataclass(frozen=True, slots=True)
class _Expecting(Rounds):
    """Pieces, learned in rounds."""

    learner: UnigramLearner
    target: Target

    def decider(self, given: "npt.NDArray[np.int32]") -> Decider:
        """What decides which pieces stay; its log is what members have answered."""
        from pairloom.operators.models.unigram.learning.deciding import UnigramDecider

        return UnigramDecider(self.learner.options(self.target), given)

    def member(self, words: Iterable["WordCounts"], empty: Allocate) -> Member:
        """One that reads its words for each question."""
        from pairloom.operators.models.unigram.learning.deciding import UnigramMember

        return UnigramMember(words)

    def finish(self, merges: "npt.NDArray[np.int32]", words: Iterable["WordCounts"]) -> "Vocabulary":
        """The vocabulary of the pieces that the log ends with."""
        from pairloom.operators.models.unigram.learning.deciding import UnigramDecider
        from pairloom.operators.models.unigram.learning.writing import unigram_vocabulary

        learner, target = self.learner, self.target
        return unigram_vocabulary(
            UnigramDecider(learner.options(target), merges).learned(),
            target.special_tokens,
            byte_fallback=learner.byte_fallback,
            prefix=learner.prefix,
            normalizer=target.normalizer,
        )

    def member_memory(self, words: int, symbols: int) -> int:
        """Tables, and what begins at each byte; words are read anew for each question, a file at a time."""
        return _TABLES + 3 * symbols
