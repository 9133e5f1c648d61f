"""LZW: the dictionary that Welch's compression grows in one pass over the text, and the greedy parse by it."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.lzw.learning import learn_lzw
    from pairloom.operators.models.lzw.model import LZW

__all__ = ["LZW", "learn_lzw"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.models.lzw.learning": ("learn_lzw",),
            "pairloom.operators.models.lzw.model": ("LZW",),
        },
    )
