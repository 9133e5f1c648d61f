"""The identifiers and numbers of code as one: which tokens are parts of one lexeme, for models that pool their embeddings.

tokens   def  parse  _  args  (  self  ,  x  1
lexeme     0      1  1     1  2     3  4  5  5
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep

__all__ = ["LEXEME", "Identifiers", "Tables", "pooling_offsets"]

LEXEME = Column(
    name="lexeme",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="the number, in its document, of the lexeme that a token is a part of; -1 in padding",
)


class Tables(NamedTuple):
    """Of each token, whether it begins and whether it ends with a byte that identifiers and numbers are made of: bool."""

    begins: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiers(TokenStep):
    """Numbers the lexemes of code, so that the tokens of an identifier or number can be pooled into one embedding.

    A token goes on with the lexeme of the one before where that ends, and it begins, with a letter, a digit, an underscore
    or a byte of a character outside of ASCII; every other token begins a lexeme of its own, special tokens always. A token
    that holds more than one lexeme is not cut: it counts as the first where it begins and as the last where it ends.

    Adds `lexeme`, int32, from 0 on in each document and never descending; `pooling_offsets` makes of it the offsets that
    segment means are taken by.
    """

    name: ClassVar[str] = "identifiers"
    columns: ClassVar[tuple[Column, ...]] = (LEXEME,)
    keeps_places: ClassVar[bool] = True

    def prepare(self, tokenizer: Any) -> Tables:
        """What each token begins and ends with."""
        special = set(tokenizer.reserved_ids)
        texts = [b"" if i in special else token for i, token in enumerate(tokenizer.tokens)]
        return Tables(
            begins=np.array([bool(text) and _in_name(text[0]) for text in texts], np.bool_),
            ends=np.array([bool(text) and _in_name(text[-1]) for text in texts], np.bool_),
        )

    def need(self, tokens: int, width: int) -> int:
        """The documents, what their tokens begin and end with, and running sums."""
        return tokens * (2 * width + 24)

    def __call__(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents, with the lexeme of each token."""
        ids = batch.flat(INPUT_IDS)
        new = np.ones(len(ids), np.bool_)
        new[1:] = ~(tables.ends[ids[:-1]] & tables.begins[ids[1:]])
        first = np.cumsum(batch.length) - batch.length
        there = batch.length > 0
        new[first[there]] = True
        number = np.cumsum(new)
        lexeme = number - np.repeat(number[first[there]], batch.length[there])
        return batch.with_columns({LEXEME.name: lexeme.astype(LEXEME.dtype)})

    def undo(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents: their tokens are as they were."""
        return batch


def pooling_offsets(lexeme: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Where each lexeme of a row or document begins, and the end: int64, one more than there are lexemes.

    Padding, which has -1, is left out. Means of what tokens have are sums between these (`np.add.reduceat`) over counts.

    >>> pooling_offsets(np.array([0, 1, 1, 2, -1], np.int32)).tolist()
    [0, 1, 3, 4]
    """
    lexeme = lexeme[lexeme >= 0]
    begins = np.flatnonzero(np.diff(lexeme, prepend=np.int32(-1)))
    return np.append(begins, len(lexeme)).astype(np.int64)


def _in_name(byte: int) -> bool:
    return byte >= 0x80 or byte == 0x5F or bytes([byte]).isalnum()
