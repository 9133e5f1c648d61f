"""Models of SentencePiece, read from `.model` files: BPE and Unigram behind its own normalizer, with its own ids."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.sentencepiece.model import SentencePiece

__all__ = ["SentencePiece"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__, {"pairloom.operators.models.sentencepiece.model": ("SentencePiece",)}
    )
