"""Learning which characters are tokens."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pairloom.operators.learners import Progress, Target
from pairloom.operators.learners._characters import CharacterLearner, check_room
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.models.character_bpe.single import CharactersFamily
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CharactersLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CharactersLearner(CharacterLearner):
    """One token a character, of the most frequent ones that are `coverage` of the text together, as far as `size` goes.

    With `byte_fallback`, all others are spelled by tokens of bytes, so that every text comes back; else they are `<unk>`, one for
    several in a row.
    """

    name = "characters"
    encoding = Encoding(first=134, later=126, bytes_per_token=1)
    kernels = (
        "encode.kernels:places",
        "encode.kernels:runs",
        "models.bpe.kernels:characters",
        "models.character_bpe.kernels",
        "text.front.kernels",
    )
    makes = "characters"
    counts_least = False
    shapes = frozenset({"limit_alphabet", "initial_alphabet"})

    coverage: float = 1.0
    byte_fallback: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.coverage <= 1:
            raise ValueError(
                f"coverage is a share of all characters, above 0 and up to 1, not {self.coverage}"
            )

    def check(self, target: Target) -> None:
        """Raise ValueError where the bytes and a character do not fit."""
        check_room(target, byte_fallback=self.byte_fallback)

    def need(self, words: int) -> int:
        """The words, as texts, and their characters."""
        return 500_000_000 + 20 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_single_characters`."""
        from pairloom.operators.models.character_bpe.single import learn_single_characters

        return learn_single_characters(
            counts, target, coverage=self.coverage, byte_fallback=self.byte_fallback
        )

    def family(self, target: Target) -> "CharactersFamily":
        """Members count their characters, and have nothing to merge then."""
        from pairloom.operators.models.character_bpe.single import CharactersFamily

        coverage = Fraction(str(self.coverage))
        return CharactersFamily(target=target, byte_fallback=self.byte_fallback, coverage=coverage)
