"""Lexicons that are learned by reading: chunks of text in the order of their use (Less-is-Better)."""

from pairloom.operators.lexicons.less_is_better import Lexicon

__all__ = ["Lexicon"]
