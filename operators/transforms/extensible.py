"""Extensible tokenization (Shao et al., 2024, arXiv:2401.07793): a long context by few embeddings, what is near as it is.

    a b c d e f g h | i j k      context 8, scale 4, window 3
    1 1 1 1 2 2 2 2   3 4 5      slots: the context is two embeddings, the window three

An embedding model reads the context; of what it gives for a chunk, every k-th output stands for the tokens up to it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pairloom.operators.schema import Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams, draws
from pairloom.operators.transforms.kernels.inserted import number_slots

__all__ = ["SCALE", "SLOT", "Extensible"]

SLOT = Column(
    name="slot",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="the place in its document's extensible tokens of what stands for a token, from 0 on; -1 in padding",
)
SCALE = Column(
    name="scale",
    dtype=np.dtype(np.uint16),
    doc="by how many tokens an embedding is shared: 1 in the window; 0 in padding",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensible(TokenStep):
    """Which embedding stands for each token when all but the last tokens are scaled down (Shao et al., 2024).

    The last `window` tokens of a document stay as they are. Those before are cut into chunks of `context` tokens, and each
    chunk draws a factor k of `scales`: one slot for every k tokens, so that a chunk of n takes ceil(n / k).

    Adds `slot`, int32, the place of a token's slot in the shortened document (its position id there), and `scale`, uint16,
    the factor of its chunk, 1 in the window. The embedding of a slot is that of its last token: where `slot` of the next
    token is another. `input_ids` stay.
    """

    name: ClassVar[str] = "extensible"
    source: ClassVar[str] = "Shao et al., 2024, arXiv:2401.07793"
    columns: ClassVar[tuple[Column, ...]] = (SLOT, SCALE)
    keeps_places: ClassVar[bool] = True

    context: int = 4096
    window: int = 512
    scales: tuple[int, ...] = (2, 4, 8, 16, 32)

    def __post_init__(self) -> None:
        if not 1 <= self.context < 1 << 31:
            raise ValueError(f"context must be from 1 to 2^31 - 1 tokens, not {self.context}")
        if not 0 <= self.window < 1 << 31:
            raise ValueError(f"window must be from 0 to 2^31 - 1 tokens, not {self.window}")
        if not self.scales or not all(1 <= scale < 1 << 16 for scale in self.scales):
            raise ValueError(f"scales must be one or more numbers from 1 to 65535, not {list(self.scales)}")

    def need(self, tokens: int, width: int) -> int:
        """The documents, and their columns."""
        return tokens * (2 * width + 12)

    def __call__(self, batch: TokenBatch, seed: int, tables: None) -> TokenBatch:
        """The documents, with the slot of each token and the factor of its chunk."""
        before = np.maximum(0, batch.length - self.window)
        chunks = -(-before // self.context)
        # One row a chunk, and one a window behind those of its document.
        of = np.repeat(np.arange(len(batch)), chunks + 1)
        number = np.arange(len(of)) - np.repeat(np.cumsum(chunks + 1) - chunks - 1, chunks + 1)
        windows = number == chunks[of]
        drawn = draws(document_streams(seed, batch)[of], number) >> np.uint64(32)
        choice = (drawn * np.uint64(len(self.scales)) >> np.uint64(32)).astype(np.int64)
        scale = np.where(windows, 1, np.array(self.scales, np.int64)[choice])
        begins = np.where(windows, before[of], number * self.context)
        length = np.where(windows, batch.length[of], np.minimum(before[of], begins + self.context)) - begins
        slots = -(-length // scale)
        first = np.cumsum(slots) - slots
        first -= np.repeat(first[np.cumsum(chunks + 1) - chunks - 1], chunks + 1)
        slot, shared = np.empty(batch.tokens, np.int32), np.empty(batch.tokens, np.uint16)
        number_slots(length, scale, first, slot, shared)
        return batch.with_columns({SLOT.name: slot, SCALE.name: shared})

    def undo(self, batch: TokenBatch, seed: int, tables: None) -> TokenBatch:
        """The documents: their tokens are as they were."""
        return batch
