"""Encoding and decoding: a tokenizer is a vocabulary with its tables, its memo and its encoders at hand."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.encode.encoder import TABLE_BYTES, Encoder, WordKernel
    from pairloom.operators.encode.tokenizer import Encoded, Tokenizer, tokenizer_of
    from pairloom.operators.encode.words import WordTables

__all__ = ["TABLE_BYTES", "Encoded", "Encoder", "Tokenizer", "WordKernel", "WordTables", "tokenizer_of"]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "pairloom.operators.encode.encoder": ("TABLE_BYTES", "Encoder", "WordKernel"),
        "pairloom.operators.encode.tokenizer": ("Encoded", "Tokenizer", "tokenizer_of"),
        "pairloom.operators.encode.words": ("WordTables",),
    },
)
