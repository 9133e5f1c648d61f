"""Places for thoughts between the tokens of a document (Quiet-STaR: Zelikman et al., 2024, arXiv:2403.09629).

a b c d e   ─ every 4, slots 3 ─▶   a b c d <|startthought|> <|startthought|> <|endthought|> e
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep
from pairloom.operators.transforms._inserted import inserted, places, without

__all__ = ["THOUGHT", "Thought"]

THOUGHT = Column(
    name="thought",
    dtype=np.dtype(np.uint16),
    doc="the place of a token in the thought that it is of, from 1 on; 0 in text",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought(TokenStep):
    """Room for a thought behind every `every` tokens of a document: `slots` special tokens (Zelikman et al., 2024).

    A thought is its `start`, what stands in for the tokens that the model is to think (`slot`, and `start` again where that
    is not given), and its `end`: `slots` in all, 12 as in the paper's code, at least 2. None stands at a document's end.
    Adds `thought`, uint16: 0 for text, and 1 to `slots` for the places of a thought. Tokens to be predicted some places
    ahead are the row step `caft`'s.
    """

    name: ClassVar[str] = "thought"
    source: ClassVar[str] = "Zelikman et al., 2024, arXiv:2403.09629"
    columns: ClassVar[tuple[Column, ...]] = (THOUGHT,)

    every: int = 64
    slots: int = 12
    start: str = "<|startthought|>"
    end: str = "<|endthought|>"
    slot: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.every < 1 << 31:
            raise ValueError(f"every must be from 1 to 2^31 - 1 tokens, not {self.every}")
        if not 2 <= self.slots < 1 << 16:
            raise ValueError(f"slots must be from 2, a start and an end, to 65535, not {self.slots}")
        if not all(self.special_tokens) or len(set(self.special_tokens)) != len(self.special_tokens):
            raise ValueError("start, end and slot must be different special tokens")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Start, end, and what stands between, if that is another."""
        return (self.start, self.end) if self.slot is None else (self.start, self.end, self.slot)

    def prepare(self, tokenizer: Any) -> npt.NDArray[np.int64]:
        """The ids of a thought."""
        start, end = (tokenizer.special_id(token) for token in (self.start, self.end))
        slot = start if self.slot is None else tokenizer.special_id(self.slot)
        return np.array([start, *[slot] * (self.slots - 2), end], np.int64)

    def need(self, tokens: int, width: int) -> int:
        """The documents, with thoughts, and which tokens are of one."""
        return (tokens + tokens // self.every * self.slots) * (2 * width + 16)

    def __call__(self, batch: TokenBatch, seed: int, tables: npt.NDArray[np.int64]) -> TokenBatch:
        """The documents with room for thoughts."""
        count = np.maximum(0, -(-batch.length // self.every) - 1)
        made = inserted(batch, self.every, count, tables)
        place = places(made, self.every + self.slots)[1] - np.int32(self.every - 1)
        return made.with_columns({THOUGHT.name: np.maximum(place, 0).astype(THOUGHT.dtype)})

    def undo(self, batch: TokenBatch, seed: int, tables: npt.NDArray[np.int64]) -> TokenBatch:
        """The documents without thoughts."""
        return without(batch, tables)
