"""Pretokenizers: where a text may be cut before merges are learned or applied."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.text.pretokenize.classes import UNICODE_VERSION
    from pairloom.operators.text.pretokenize.pretokenizer import BLOCK_BYTES, Pretokenizer

__all__ = ["BLOCK_BYTES", "UNICODE_VERSION", "Pretokenizer"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.text.pretokenize.classes": ("UNICODE_VERSION",),
            "pairloom.operators.text.pretokenize.pretokenizer": ("BLOCK_BYTES", "Pretokenizer"),
        },
    )
