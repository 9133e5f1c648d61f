"""Learning BPE over characters, as Llama 2, Mistral and Gemma have it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Rounds, Shape, Target
from pairloom.operators.text.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CharacterBPELearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterBPELearner(Learner):
    """Merges of characters with U+2581 for spaces, as SentencePiece's BPE has them.

    With `byte_fallback`, what has no token is spelled by tokens of bytes, else it is `<unk>`; with `prefix`, a space is put before
    each text.
    """

    name = "character_bpe"
    by_groups = True
    by_rounds = True
    cuts = True
    work = 4.0  # measured: 12 MB of sources, 32,000 tokens, one task
    shapes = frozenset(one.name for one in fields(Shape))

    byte_fallback: bool = True
    prefix: bool = True

    def check(self, target: Target) -> None:
        """Raise ValueError where the bytes and a character do not fit."""
        first = len({*target.special_tokens, "<unk>"}) + (256 if self.byte_fallback else 0)
        if target.size <= first:
            raise ValueError(f"size must be more than {first}: special tokens, <unk>, bytes, and characters")

    def cutter(self, target: Target) -> Pretokenizer:
        """Words begin with a space, if with any, and no token joins words."""
        return Pretokenizer(scheme="whitespace")

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

    def learn_groups(
        self,
        groups: "Mapping[str | None, WordCounts]",
        target: Target,
        *,
        progress: Progress | None = None,
    ) -> "Vocabulary":
        """See `learn_character_groups`."""
        from pairloom.operators.models.bpe.character_families import learn_character_groups
        from pairloom.operators.models.character_bpe.learning import CharacterBPEFamily

        family = CharacterBPEFamily(target=target, byte_fallback=self.byte_fallback, prefix=self.prefix)
        return learn_character_groups(family, groups, progress=progress)

    def rounds(self, target: Target) -> Rounds:
        """See `operators/models/bpe/character_rounds.py`."""
        from pairloom.operators.models.bpe.character_rounds import CharacterRounds
        from pairloom.operators.models.character_bpe.learning import CharacterBPEFamily

        return CharacterRounds(
            CharacterBPEFamily(target=target, byte_fallback=self.byte_fallback, prefix=self.prefix)
        )
