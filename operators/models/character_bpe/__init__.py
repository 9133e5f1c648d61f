"""BPE over characters, as SentencePiece has it: spaces are U+2581, and what has no token falls back to bytes or is unknown."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.character_bpe.model import CharacterBPE

__all__ = ["CharacterBPE"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__, {"pairloom.operators.models.character_bpe.model": ("CharacterBPE",)}
    )
