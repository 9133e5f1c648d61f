"""Byte2Word (Lee, Guo and Qiu, 2022, arXiv:2211.12677): words go in as bytes, and what comes out of each is its first token.

input_ids     un   happi  ly   .         tokens of a row
words          1     2     2   1         where words begin, and go on
word_bytes    [u n h a p p i l y - -]    word_tokens   [un happi ly -100]
              [. - - - - - - - - - -]                  [ .  -100 -100 -100]

A model takes for each word a vector that attends to its bytes instead of an embedding of its tokens.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import given_rows, ids_of, matrix_of, with_columns
from pairloom.operators.layouts._vocabulary import token_bits
from pairloom.operators.layouts.kernels.byte2word import cut_words, spell_words
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.dupmae import BEGINS, mark_words
from pairloom.operators.schema import Column

__all__ = ["Byte2Word", "Tables"]

WORDS = Column(
    name="words",
    dtype=np.dtype(np.uint8),
    doc="1 where a word begins, 2 where it goes on, 0 in padding",
)
PAD = -1


class Tables(NamedTuple):
    """What is known of the vocabulary: bits of each token, the bytes of each, and how long the longest is."""

    bits: npt.NDArray[np.uint8]
    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Byte2Word(RowStep):
    """The bytes of each word for a model to read, and its tokens to predict, the first of them first.

    Words are those of the vocabulary: a token begins one unless it goes on with the letters or digits before it, or, with
    WordPiece, is spelled with two hashes. Special tokens are words of their own, spelled by their text. A word of more than
    `max_bytes` bytes or `max_tokens` tokens is cut between tokens, so that nothing is lost.

    Adds `words`. Made late, for all words of a batch, one after another: `word_bytes`, int16 [words, max_bytes], -1 behind the
    bytes; `word_tokens`, int32 [words, max_tokens], -100 behind the tokens, of which the first is what is to be predicted from
    the word before, and the others complete it; `word_rows`, int32, the row of each.
    """

    name: ClassVar[str] = "byte2word"
    source: ClassVar[str] = "Lee, Guo and Qiu, 2022, arXiv:2211.12677"
    columns: ClassVar[tuple[Column, ...]] = (WORDS,)
    late: ClassVar[tuple[str, ...]] = ("word_bytes", "word_tokens", "word_rows")

    max_bytes: int = 32
    max_tokens: int = 8

    def __post_init__(self) -> None:
        for key in ("max_bytes", "max_tokens"):
            if not 1 <= getattr(self, key) < 1 << 16:
                raise ValueError(f"{key} must be from 1 to 65535, not {getattr(self, key)}")

    def prepare(self, tokenizer: Any) -> Tables:
        """Where words begin, and what each token is spelled with."""
        tokens = list(tokenizer.tokens)
        longest = max(range(len(tokens)), key=lambda i: len(tokens[i]))
        if len(tokens[longest]) > self.max_bytes:
            raise ValueError(
                f"max_bytes must be at least {len(tokens[longest])}, the length of token {longest} ({tokens[longest]!r}), "
                f"not {self.max_bytes}"
            )
        offsets = np.cumsum([0, *map(len, tokens)], dtype=np.int64)
        return Tables(token_bits(tokenizer), np.frombuffer(b"".join(tokens), np.uint8), offsets)

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows, with where their words begin."""
        given = given_rows(rows, seed, epoch, first_row)
        words = np.zeros(given.ids.shape, np.uint8)
        mark_words(given, tables.bits, words)
        cut_words(given, np.diff(tables.offsets), self.max_bytes, self.max_tokens, words)
        return with_columns(rows, self.columns, (words,))

    def built(self, name: str, rows: pa.RecordBatch, tables: Tables) -> npt.NDArray[Any]:
        """`word_bytes`, `word_tokens` or `word_rows` of all words of the rows."""
        ids, words = ids_of(rows), matrix_of(rows, WORDS.name)
        there = words > 0
        token, word = ids[there].astype(np.int64), np.cumsum(words[there] == BEGINS) - 1
        many = int(word[-1]) + 1 if len(word) else 0
        if name == "word_rows":
            row = np.repeat(np.arange(len(ids), dtype=np.int32), there.sum(axis=1))
            return row[words[there] == BEGINS]
        if name == "word_tokens":
            tokens = np.full((many, self.max_tokens), IGNORED, np.int32)
            tokens[word, _within(word)] = token
            return tokens
        out = np.full((many, self.max_bytes), PAD, np.int16)
        spell_words(token, word, tables.offsets, tables.data, out)
        return out


def _within(owner: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The place of each among those that have the same owner, who follow one another.

    >>> _within(np.array([0, 0, 1, 3, 3, 3])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    place = np.arange(len(owner))
    first = np.diff(owner, prepend=-1) != 0
    return place - np.maximum.accumulate(np.where(first, place, 0)) if len(owner) else place
