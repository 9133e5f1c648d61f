"""Unigram: of all ways to spell a word by pieces, the one whose scores have the greatest sum."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.unigram.model import Unigram

__all__ = ["Unigram"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(__name__, {"pairloom.operators.models.unigram.model": ("Unigram",)})
