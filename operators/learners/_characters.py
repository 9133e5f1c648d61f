"""What learners have in common whose tokens are of characters, not of bytes."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Rounds, Target
from pairloom.operators.text.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.models.bpe.character_families import CharacterFamily
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CharacterLearner", "check_room"]


class CharacterLearner(Learner):
    """A learner whose `family` says what its characters and tokens are; it learns in rounds, and of groups, as that says."""

    __slots__ = ()

    by_rounds = True
    by_library = True
    cuts = True

    @abstractmethod
    def family(self, target: Target) -> "CharacterFamily":
        """Its family, for a target."""

    def cutter(self, target: Target) -> Pretokenizer:
        """Words begin with a space, if with any, and no token joins words."""
        return Pretokenizer(scheme="whitespace")

    def learn_groups(
        self,
        groups: "Mapping[str | None, WordCounts]",
        target: Target,
        *,
        progress: Progress | None = None,
    ) -> "Vocabulary":
        """See `learn_character_groups`; of a family that is `by_groups`."""
        if not self.by_groups:
            return super().learn_groups(groups, target, progress=progress)
        from pairloom.operators.models.bpe.character_families import learn_character_groups

        return learn_character_groups(self.family(target), groups, progress=progress)

    def rounds(self, target: Target) -> Rounds:
        """See `operators/models/bpe/character_rounds.py`, of groups `parity_rounds.py`."""
        if target.parity is not None:
            from pairloom.operators.models.bpe.parity_rounds import CharacterGroups, ParityRounds

            return ParityRounds(CharacterGroups(self.family(target)))
        from pairloom.operators.models.bpe.character_rounds import CharacterRounds

        return CharacterRounds(self.family(target))


def check_room(target: Target, *, byte_fallback: bool) -> None:
    """Raise ValueError where special tokens, `<unk>`, the bytes if there are any, and a character do not fit."""
    first = len({*target.special_tokens, "<unk>"}) + (256 if byte_fallback else 0)
    if target.size <= first:
        raise ValueError(f"size must be more than {first}: special tokens, <unk>, bytes, and characters")
