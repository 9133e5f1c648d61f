"""Landmark tokens (Mohtashami and Jaggi, 2023, arXiv:2305.16300): one behind every block of a document.

    a b c d e f g   ─ every 3 ─▶   a b c <landmark> d e f <landmark> g

A model attends to a landmark to decide whether it reads the block before it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep
from pairloom.operators.transforms._inserted import inserted, places, without

__all__ = ["BLOCK", "Landmark", "check_landmarks"]

BLOCK = Column(
    name="block",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="the block of its document that a token is in, from 0 on; -1 in padding",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark(TokenStep):
    """A landmark token behind every block of `every` tokens of a document (Mohtashami and Jaggi, 2023).

    Blocks begin anew with each document. Where a document's tokens fill its last block, a landmark ends it, so that there
    are floor(n / every) of them; with `last: false` none stands at a document's end, and there are ceil(n / every) - 1. The
    paper's training code counts as the latter in examples of 2,048 tokens, its preparation of data as the former.

    Adds `block`, int32: the number of the block of its document that a token is in; a landmark is in the block that it
    ends. Positions count landmarks. Where losses are to leave landmarks out, compare ids with the landmark's.
    """

    name: ClassVar[str] = "landmark"
    source: ClassVar[str] = "Mohtashami and Jaggi, 2023, arXiv:2305.16300"
    columns: ClassVar[tuple[Column, ...]] = (BLOCK,)

    every: int = 63
    token: str = "<landmark>"  # noqa: S105  (a token of text)
    last: bool = True

    def __post_init__(self) -> None:
        check_landmarks(self.every, self.token)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The landmark."""
        return (self.token,)

    def prepare(self, tokenizer: Any) -> npt.NDArray[np.int64]:
        """The landmark's id, alone in an array."""
        return np.array([tokenizer.special_id(self.token)], np.int64)

    def need(self, tokens: int, width: int) -> int:
        """The documents, with landmarks, and the blocks."""
        return (tokens + tokens // self.every) * (2 * width + 16)

    def __call__(self, batch: TokenBatch, seed: int, tables: npt.NDArray[np.int64]) -> TokenBatch:
        """The documents with landmarks."""
        n = batch.length
        count = n // self.every if self.last else np.maximum(0, -(-n // self.every) - 1)
        made = inserted(batch, self.every, count, tables)
        return made.with_columns({BLOCK.name: places(made, self.every + 1)[0]})

    def undo(self, batch: TokenBatch, seed: int, tables: npt.NDArray[np.int64]) -> TokenBatch:
        """The documents without landmarks."""
        return without(batch, tables)


def check_landmarks(every: int, token: str) -> None:
    """Raise ValueError, which begins with the key, for blocks of no length and for a landmark without a text.

    >>> check_landmarks(63, "<landmark>")
    """
    if not 1 <= every < 1 << 31:
        raise ValueError(f"every must be from 1 to 2^31 - 1 tokens, not {every}")
    if not token:
        raise ValueError("token must be the text of a special token")
