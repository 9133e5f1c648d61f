r"""Sentences for models that think in them (LCM team, 2024, "Large Concept Models", arXiv:2412.08821): which tokens are one.

text       It   rained .   Why ?   \n\n  Nobody  knew .
sentence    0      0   0    1  1    1       2      2  2
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep
from pairloom.operators.transforms._text import Spelling, spelling_of
from pairloom.operators.transforms.kernels.sentences import mark_sentences

__all__ = ["SENTENCE", "SEPARATORS", "Sentences"]

SENTENCE = Column(
    name="sentence",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="the number, in its document, of the sentence that a token is a part of; -1 in padding",
)
SEPARATORS = (b"...", b"\n", b"!", b"?", b";", b":", b".", b",", b"\t", b" ")
"""Where a sentence that is too long is cut: behind the first of these that it has, and what is still too long behind the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences(TokenStep):
    """Numbers the sentences of documents, for models that predict one after another (Large Concept Models).

    A sentence ends with a line, with a full stop, a question or exclamation mark or an ellipsis that white space follows, and
    with those of Chinese, Japanese and Hindi whatever follows; quotes and brackets that close belong to it, and so does white
    space behind it. One of more than `max_characters` characters is cut behind `...`, a newline, `!`, `?`, `;`, `:`, `.`, `,`, a
    tab and a space in turn, until no piece is longer; pieces of one or two characters that follow one another are put together,
    up to 15. A token belongs to the sentence of its first byte; special tokens are sentences of their own.

    Adds `sentence`, int32, from 0 on in each document; `pooling_offsets` of `identifiers` makes offsets of it. The step `length`
    leaves out documents that are too short.
    """

    name: ClassVar[str] = "sentences"
    source: ClassVar[str] = "LCM team, 2024, arXiv:2412.08821"
    columns: ClassVar[tuple[Column, ...]] = (SENTENCE,)
    keeps_places: ClassVar[bool] = True

    max_characters: int = 256

    def __post_init__(self) -> None:
        if not 1 <= self.max_characters < 1 << 31:
            raise ValueError(f"max_characters must be from 1 to 2^31 - 1, not {self.max_characters}")

    def prepare(self, tokenizer: Any) -> Spelling:
        """What the tokens are spelled with."""
        return spelling_of(tokenizer)

    def need(self, tokens: int, width: int) -> int:
        """The documents, their text, and numbers."""
        return tokens * (width + 80)

    def __call__(self, batch: TokenBatch, seed: int, tables: Spelling) -> TokenBatch:
        """The documents, with the sentence of each token."""
        text, units, first = tables.text(batch.flat(INPUT_IDS), batch.length)
        separators = np.zeros((len(SEPARATORS), 4), np.uint8)
        for line, separator in zip(separators, SEPARATORS, strict=True):
            line[: len(separator) + 1] = [len(separator), *separator]
        found = np.zeros(len(text), SENTENCE.dtype)
        mark_sentences(text, units, self.max_characters, separators, np.zeros(len(text), np.uint8), found)
        # A token without bytes is in the sentence of what follows it in its document, or comes before.
        last, there = np.repeat(np.cumsum(units) - 1, batch.length), np.repeat(units > 0, batch.length)
        values = np.zeros(batch.tokens, SENTENCE.dtype)
        values[there] = found[np.minimum(first, last)[there]]
        return batch.with_columns({SENTENCE.name: values})

    def undo(self, batch: TokenBatch, seed: int, tables: Spelling) -> TokenBatch:
        """The documents: their tokens are as they were."""
        return batch
