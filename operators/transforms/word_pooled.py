"""Words on canvases of one size (Thawani et al., 2023, "Learn Your Tokens", arXiv:2310.11628).

text    the            learning         s
ids     W W t h e _ _  W W l e a r n    W W i n g _ _  W W s _ _ _ _     canvas: 7, prefix: 2

A model pools each word into its prefix, predicts from word to word, and writes all units of the next word at once.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep
from pairloom.operators.transforms._inserted import without
from pairloom.operators.transforms._text import Spelling, spelling_of
from pairloom.operators.transforms._word_breaks import word_breaks
from pairloom.operators.transforms.kernels.hat import mark_words

__all__ = ["UNIT", "Tables", "WordPooled"]

UNIT = Column(
    name="unit",
    dtype=np.dtype(np.uint16),
    doc="which unit of its canvas a token is, from 1 on; 0 for what stands before words, fills canvases, or pads rows",
)
ROOM = 1 << 30


class Tables(NamedTuple):
    """What the tokens are spelled with, and the ids of what stands before words and of what fills canvases."""

    spelling: Spelling
    prefix: int
    filler: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPooled(TokenStep):
    """Puts each word on a canvas of `canvas` tokens: `prefix` times `prefix_token`, its units, and `pad_token` to the end.

    Units are the tokens of the vocabulary, bytes or pieces of words. Words are those of the step `hat`; where a token holds the
    end of one and the beginning of the next, it belongs to the first. Special tokens are words of their own. A word of more units
    than a canvas holds goes on on the next one, so that nothing is lost; the paper's code replaces such words.

    Rows are whole canvases: `pack.seq_len` is a multiple of `canvas`. What a unit is to predict stands `canvas` tokens further
    on, in the next word; `pack.join`, `predict_every_token` and steps that move tokens afterwards are refused. Adds `unit`,
    uint16, of which a mask for losses is `unit > 0`.
    """

    name: ClassVar[str] = "word_pooled"
    source: ClassVar[str] = "Thawani et al., 2023, arXiv:2310.11628"
    columns: ClassVar[tuple[Column, ...]] = (UNIT,)
    in_parts: ClassVar[bool] = True

    canvas: int = 16
    prefix: int = 4
    prefix_token: str = "<|word|>"  # noqa: S105  (a token of text)
    pad_token: str = "<|fill|>"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        if not 2 <= self.canvas < 1 << 16:
            raise ValueError(f"canvas must be from 2 to 65535 tokens, not {self.canvas}")
        if not 0 <= self.prefix < self.canvas:
            raise ValueError(
                f"prefix must leave room for units on a canvas of {self.canvas} tokens: from 0 to {self.canvas - 1}, "
                f"not {self.prefix}"
            )
        if not self.prefix_token or not self.pad_token or self.prefix_token == self.pad_token:
            raise ValueError(
                "pad_token must be another special token than prefix_token, and both must have text"
            )

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """What stands before words, and what fills canvases."""
        return (self.prefix_token, self.pad_token)

    def in_rows(self, seq_len: int, *, aligned: bool) -> TokenStep:
        """The step, for rows of whole canvases."""
        if seq_len % self.canvas:
            raise ValueError(f"canvas must divide pack.seq_len, which is {seq_len}, not be {self.canvas}")
        return self

    def prepare(self, tokenizer: Any) -> Tables:
        """How tokens are spelled, and the two special tokens."""
        prefix, filler = map(tokenizer.special_id, self.special_tokens)
        return Tables(spelling=spelling_of(tokenizer), prefix=prefix, filler=filler)

    def need(self, tokens: int, width: int) -> int:
        """The documents, their text and words, and canvases, of which each word may have one for itself."""
        return tokens * (width + 96 + self.canvas * (width + 2) // 2)

    def __call__(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents on canvases."""
        ids = batch.flat(INPUT_IDS)
        document = np.repeat(np.arange(len(batch)), batch.length)
        begins = _words(ids, batch.length, tables.spelling)
        begins |= np.diff(document, prepend=-1) != 0
        # The place of each token in its word, and of its canvas among all.
        place = np.arange(len(ids))
        within = place - np.maximum.accumulate(np.where(begins, place, 0)) if len(ids) else place
        room = self.canvas - self.prefix
        opens = within % room == 0
        canvas = np.cumsum(opens) - 1
        target = canvas * self.canvas + self.prefix + within % room
        length = np.bincount(document[opens], minlength=len(batch)).astype(np.int64) * self.canvas
        made: dict[str, npt.NDArray[Any]] = {}
        for name, column in batch.columns.items():
            values = np.zeros(int(length.sum()), column.dtype)
            if name == INPUT_IDS:
                values[:] = tables.filler
                values.reshape(-1, self.canvas)[:, : self.prefix] = tables.prefix
            values[target] = batch.flat(name)
            made[name] = values
        unit = np.zeros(int(length.sum()), UNIT.dtype)
        unit[target] = within % room + 1
        return batch.with_tokens(length, made).with_columns({UNIT.name: unit})

    def undo(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents without canvases."""
        return without(batch, np.array([tables.prefix, tables.filler]))


def _words(ids: npt.NDArray[Any], length: npt.NDArray[np.int64], spelling: Spelling) -> npt.NDArray[np.bool_]:
    """Of each token, whether a word begins with it."""
    text, units, first = spelling.text(ids, length)
    word, begins = np.empty(len(text), np.int32), np.zeros(len(text), np.uint8)
    mark_words(text, units, word_breaks(), ROOM, begins, word)
    size = np.diff(np.append(first, len(text)))
    found: npt.NDArray[np.bool_] = (np.append(begins, np.uint8(0))[first] == 1) & (size > 0)
    return found
