"""Tokens in another order, by coordinates that stand beside them, or at random: grids, scales, cells.

    y x of each token     by: [y, x]       by: [y, x], cell: 2
    0 0   0 1   0 2 …     rows of a grid   blocks of 2 by 2, each row by row (Next-X: Ren et al., 2025, arXiv:2502.20388)

Uni-3DAR (Lu et al., 2025, arXiv:2503.16278) has the levels of an octree: `by: [level, z, y, x]`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams, draws
from pairloom.operators.transforms._spans import spans_of

__all__ = ["PLACE", "Reorder"]

PLACE = Column(
    name="place",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="where a token stood in its document before it was reordered",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(TokenStep):
    """Sorts the tokens of each document by the columns `by` beside them, the first of these first.

    With `cell`, the last two columns are coordinates in a grid of cells of so many steps a side: cell by cell, in each as
    ever. Equal ones stay in their order, or with `shuffle` come in one that is drawn by document and copy, so that `shuffle`
    without `by` is any order. The special tokens that a document begins and ends with stay where they are.

    Adds `place`, where each token was: sorting by it is the old order.
    """

    name: ClassVar[str] = "reorder"
    source: ClassVar[str] = "Uni-3DAR, arXiv:2503.16278; Next-X, arXiv:2502.20388"
    columns: ClassVar[tuple[Column, ...]] = (PLACE,)

    by: tuple[str, ...] = ()
    cell: int | None = None
    shuffle: bool = False

    def __post_init__(self) -> None:
        if not self.by and not self.shuffle:
            raise ValueError("by must name columns beside tokens, unless shuffle is true")
        if self.cell is not None and (self.cell < 1 or len(self.by) < 2):
            raise ValueError(
                f"cell must be at least 1, of two columns in by, not {self.cell} of {len(self.by)}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that it sorts by."""
        return self.by

    def prepare(self, tokenizer: Any) -> npt.NDArray[np.bool_]:
        """Which ids are special."""
        special = np.zeros(len(tokenizer), np.bool_)
        special[list(tokenizer.reserved_ids)] = True
        return special

    def need(self, tokens: int, width: int) -> int:
        """The documents, their keys and an order."""
        return tokens * (2 * width + 40 + 16 * (len(self.by) + 2))

    def __call__(self, batch: TokenBatch, seed: int, tables: npt.NDArray[np.bool_]) -> TokenBatch:
        """The documents in their new order; raises ValueError where they have no such column."""
        if missing := [name for name in self.by if name not in batch.columns]:
            raise ValueError(
                f"by must name columns beside tokens, and there are {', '.join(batch.columns)}, not {missing[0]!r}"
            )
        spans = spans_of(batch, tables)
        place = np.arange(batch.tokens) - np.repeat(np.cumsum(batch.length) - batch.length, batch.length)
        keys = [self._drawn(batch, seed, place) if self.shuffle else place]
        axes = [batch.flat(name) for name in self.by]
        if self.cell is not None:
            axes = [*axes[:-2], axes[-2] // self.cell, axes[-1] // self.cell, *axes[-2:]]
        # Of what is in no span, each is a span of its own; numbers of spans ascend with the places.
        edge = np.ones(batch.tokens, np.bool_)
        edge[1:] = ~(spans.inside[1:] & spans.inside[:-1] & (spans.document[1:] == spans.document[:-1]))
        order = np.lexsort((*keys, *reversed(axes), np.cumsum(edge)))
        columns = {name: batch.flat(name)[order] for name in batch.columns}
        return batch.with_tokens(batch.length, columns | {PLACE.name: place[order].astype(PLACE.dtype)})

    def _drawn(self, batch: TokenBatch, seed: int, place: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        return draws(np.repeat(document_streams(seed, batch), batch.length), place)
