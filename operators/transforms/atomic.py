"""Spans that no row cuts: an image or a sound that would go on in another row begins there instead.

rows of six tokens     a b c <i> 1 2 │ </i> d      ─▶      a b c · · · │ <i> 1 2 </i> d
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep

__all__ = ["Atomic", "Tables", "gaps_of"]


class Tables(NamedTuple):
    """The ids of what begins and ends a span, and of what fills a row up."""

    begin: int
    end: int
    fill: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Atomic(TokenStep):
    """Fills a row up with the token `fill` where a span from the token `begin` to the token `end` would be cut by its end.

    It takes rows that cut documents at multiples of their length (strategies best_fit, first_fit and padded, without
    predict_every_token), and to be the last step; `seq_len` is taken from them. A span longer than a row is cut. Columns beside
    tokens are 0 at the fill, so that a mask does not train it.
    """

    name: ClassVar[str] = "atomic"

    begin: str
    end: str
    fill: str
    seq_len: int = 0

    def __post_init__(self) -> None:
        if len({self.begin, self.end, self.fill}) < 3:
            raise ValueError("begin, end and fill must be three tokens")
        if self.seq_len < 0:
            raise ValueError(f"seq_len must not be negative, not {self.seq_len}")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """All three."""
        return (self.begin, self.end, self.fill)

    def in_rows(self, seq_len: int, *, aligned: bool) -> "Atomic":
        """With the length of rows; raises ValueError where documents are not cut there."""
        if not aligned:
            raise ValueError(
                "seq_len must be where rows cut documents: not with strategies concat and buckets, with predict_every_token, "
                "with overflow turn, or before another step"
            )
        return replace(self, seq_len=seq_len)

    def prepare(self, tokenizer: Any) -> Tables:
        """The ids."""
        return Tables(*(tokenizer.special_id(token) for token in self.special_tokens))

    def need(self, tokens: int, width: int) -> int:
        """The documents, and at worst as many tokens more."""
        return tokens * (4 * width + 16)

    def __call__(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents, rows in them filled up."""
        ids = batch.flat(INPUT_IDS)
        first = np.cumsum(batch.length) - batch.length
        places, sizes, of = [], [], []
        for document in np.flatnonzero(batch.length > self.seq_len).tolist() if self.seq_len else []:
            own = ids[first[document] : first[document] + batch.length[document]]
            for place, size in gaps_of(own, tables, self.seq_len):
                places.append(int(first[document]) + place)
                sizes.append(size)
                of.append(document)
        if not places:
            return batch
        where, owner = np.repeat(places, sizes), np.repeat(of, sizes)
        columns = {name: np.insert(batch.flat(name), where, 0) for name in batch.columns if name != INPUT_IDS}
        columns[INPUT_IDS] = np.insert(ids, where, tables.fill)
        more = np.bincount(owner, minlength=len(batch)).astype(np.int64)
        return batch.with_tokens(batch.length + more, columns)

    def undo(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents without the fill."""
        ids = batch.flat(INPUT_IDS)
        keep = ids != tables.fill
        document = np.repeat(np.arange(len(batch)), batch.length)[keep]
        length = np.bincount(document, minlength=len(batch)).astype(np.int64)
        return batch.with_tokens(length, {name: batch.flat(name)[keep] for name in batch.columns})


def gaps_of(ids: npt.NDArray[Any], tables: Tables, seq_len: int) -> list[tuple[int, int]]:
    """Before which tokens of a document something is to be filled in, and how much.

    >>> gaps_of(np.array([5, 5, 1, 6, 2, 5]), Tables(1, 2, 3), 4)
    [(2, 2)]
    """
    begins = np.flatnonzero(ids == tables.begin)
    ends = np.flatnonzero(ids == tables.end)
    found, moved = [], 0
    after = np.searchsorted(ends, begins)
    for begin, at in zip(begins.tolist(), after.tolist(), strict=True):
        if at == len(ends):
            break
        start, stop = begin + moved, int(ends[at]) + 1 + moved
        if stop - start <= seq_len and start // seq_len != (stop - 1) // seq_len:
            gap = -start % seq_len
            found.append((begin, gap))
            moved += gap
    return found
