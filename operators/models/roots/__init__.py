"""Roots and affixes of a language as tokens, whatever their forms, with byte-level BPE for all other text."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.roots.learning import learn_roots
    from pairloom.operators.models.roots.lexicon import RootLexicon, read_lexicon
    from pairloom.operators.models.roots.model import Roots

__all__ = ["RootLexicon", "Roots", "learn_roots", "read_lexicon"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.models.roots.learning": ("learn_roots",),
            "pairloom.operators.models.roots.lexicon": ("RootLexicon", "read_lexicon"),
            "pairloom.operators.models.roots.model": ("Roots",),
        },
    )
