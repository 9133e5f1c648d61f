"""Learning BPE over characters, as Llama 2, Mistral and Gemma have it."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pairloom.operators.learners import Progress, Shape, Target
from pairloom.operators.learners._characters import CharacterLearner, check_room
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.models.character_bpe.learning import CharacterBPEFamily
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CharacterBPELearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterBPELearner(CharacterLearner):
    """Merges of characters with U+2581 for spaces, as SentencePiece's BPE has them.

    With `byte_fallback`, what has no token is spelled by tokens of bytes, else it is `<unk>`; with `prefix`, a space is put before
    each text.
    """

    name = "character_bpe"
    encoding = Encoding(first=29, later=160, bytes_per_token=3.8)
    kernels = (
        "encode.kernels:places",
        "encode.kernels:runs",
        "models.bpe.kernels:characters",
        "models.character_bpe.kernels",
        "text.front.kernels",
    )
    by_groups = True
    work = 4.0  # measured: 12 MB of sources, 32,000 tokens, one task
    shapes = frozenset(one.name for one in fields(Shape))

    byte_fallback: bool = True
    prefix: bool = True

    def check(self, target: Target) -> None:
        """Raise ValueError where the bytes and a character do not fit."""
        check_room(target, byte_fallback=self.byte_fallback)

    def need(self, words: int) -> int:
        """The words, as texts, and their symbols."""
        return 600_000_000 + 30 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_character_bpe`."""
        from pairloom.operators.models.character_bpe.learning import learn_character_bpe

        return learn_character_bpe(
            counts, target, byte_fallback=self.byte_fallback, prefix=self.prefix, progress=progress
        )

    def family(self, target: Target) -> "CharacterBPEFamily":
        """As `CharacterBPEFamily` has it."""
        from pairloom.operators.models.character_bpe.learning import CharacterBPEFamily

        return CharacterBPEFamily(target=target, byte_fallback=self.byte_fallback, prefix=self.prefix)
