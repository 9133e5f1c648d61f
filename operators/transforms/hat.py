"""The words of hierarchical autoregressive transformers (Neitemeier et al., 2025, arXiv:2501.10322): which bytes are one.

bytes   H  e  l  l  o  ,     w  o  r  l  d  !
word    0  0  0  0  0  0  1  1  1  1  1  1  1

A model encodes the bytes of a word, predicts from word to word, and decodes each into bytes.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.steps import step_identity
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep
from pairloom.operators.transforms._text import spelling_of
from pairloom.operators.transforms._word_breaks import UNICODE_VERSION, word_breaks
from pairloom.operators.transforms.kernels.hat import SPECIAL, mark_words

__all__ = ["WORD", "Hat", "bytes_of", "word_matrix"]

WORD = Column(
    name="word",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="the number, in its document, of the word that a byte is a part of; -1 in padding",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hat(TokenStep):
    """Numbers the words of documents of bytes, for models that encode and decode a word at a time (HAT).

    Text is cut at the word boundaries of Unicode Standard Annex #29, behind each character of punctuation and between a small
    and a capital letter; a single space goes to the word or the punctuation behind it, and punctuation to what it follows. A
    word of more than `max_bytes` bytes is cut at the last character that ends within, or in a character that is longer. Where
    a prefix of a text ends at a word's end, its words are the first of the text's. Special tokens are words of their own.

    Needs a vocabulary whose ordinary tokens are single bytes: one that is learned with room for these and no more. Adds
    `word`, int32, from 0 on in each document; `pooling_offsets` of `identifiers` makes offsets of it, `word_matrix` a matrix.
    """

    name: ClassVar[str] = "hat"
    source: ClassVar[str] = "Neitemeier et al., 2025, arXiv:2501.10322; Unicode Standard Annex #29"
    keeps_places: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (WORD,)

    max_bytes: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.max_bytes < 1 << 31:
            raise ValueError(f"max_bytes must be from 1 to 2^31 - 1, not {self.max_bytes}")

    def identity(self) -> object:
        """Its keys, and the version of Unicode that it cuts by."""
        return {**step_identity(self), "unicode": UNICODE_VERSION}

    def prepare(self, tokenizer: Any) -> npt.NDArray[np.uint16]:
        """The byte of each token, or `SPECIAL`; raises ValueError for a vocabulary with longer tokens."""
        return bytes_of(tokenizer)

    def need(self, tokens: int, width: int) -> int:
        """The documents, their bytes, where words begin, and their numbers."""
        return tokens * (width + 8)

    def __call__(self, batch: TokenBatch, seed: int, tables: npt.NDArray[np.uint16]) -> TokenBatch:
        """The documents, with the word of each byte."""
        text = tables[batch.flat(INPUT_IDS)]
        word = np.empty(len(text), WORD.dtype)
        mark_words(text, batch.length, word_breaks(), self.max_bytes, np.zeros(len(text), np.uint8), word)
        return batch.with_columns({WORD.name: word})

    def undo(self, batch: TokenBatch, seed: int, tables: npt.NDArray[np.uint16]) -> TokenBatch:
        """The documents: their tokens are as they were."""
        return batch


def bytes_of(tokenizer: Any) -> npt.NDArray[np.uint16]:
    """The byte of each token of a vocabulary, or `SPECIAL`: uint16; raises ValueError for a token of several bytes."""
    spelling = spelling_of(tokenizer)
    size = np.diff(spelling.offsets)
    if (size > 1).any():
        long = int(np.flatnonzero(size > 1)[0])
        raise ValueError(
            f"vocabulary must be of single bytes, and token {long} is {tokenizer.tokens[long]!r}: learn one whose size is 256 and "
            "its special tokens"
        )
    found = np.full(len(size), SPECIAL, np.uint16)
    found[size == 1] = spelling.units
    return found


def word_matrix(
    ids: npt.NDArray[Any], word: npt.NDArray[np.int32], max_bytes: int, pad: int = 0
) -> npt.NDArray[Any]:
    """The bytes of the words of a row or document, a line for each: [words, max_bytes], `pad` behind.

    A word begins where its number is another than that of the byte before. Raises ValueError for a word that is longer.

    >>> word_matrix(np.array([72, 105, 33, 0]), np.array([0, 0, 1, -1], np.int32), 3).tolist()
    [[72, 105, 0], [33, 0, 0]]
    """
    there = word >= 0
    begins = there & (np.diff(word, prepend=np.int32(-2)) != 0)
    line = np.cumsum(begins)[there] - 1
    place = np.arange(len(word))[there]
    column = place - place[np.searchsorted(line, line)] if len(line) else place
    if len(column) and column.max() >= max_bytes:
        raise ValueError(
            f"a word has {int(column.max()) + 1} bytes, more than max_bytes, which is {max_bytes}"
        )
    out = np.full((int(begins.sum()), max_bytes), pad, ids.dtype)
    out[line, column] = ids[there]
    return out
