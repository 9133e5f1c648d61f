"""What the coordinator and the partitions of a sharded learner say to each other.

    coordinator                                       every partition
        Begin(merges so far)             ─────────▶   encode the words with them
                                         ◀─────────   Begun: how much there is
        Survey(kept), where pairs run out ────────▶   take back what was not kept, add all pairs up in cells by a hash
                                         ◀─────────   Cells, some at a time
        Collect(hot cells)               ─────────▶   count the pairs of these cells
                                         ◀─────────   PairCounts
        Round(kept, listed, batch)       ─────────▶   take back what was not kept, list what arose, merge the batch
                                         ◀─────────   Neighbours: what stands next to the new symbols

Symbols have two numbers. An id is what the vocabulary calls a token, and decides ties. A symbol that is on trial has no id
yet, so partitions number symbols as they are proposed: bytes as their ids, then each pair of each batch, kept or not. No
partition ever learns which id a kept symbol got.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "Begin",
    "Begun",
    "Cells",
    "Collect",
    "Message",
    "Neighbours",
    "PairCounts",
    "Reply",
    "Round",
    "Survey",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Begin:
    """Begin anew from `merges` (int32[m, 2], ids); merge k made the symbol `symbols[k]` (int32[m])."""

    merges: npt.NDArray[np.int32]
    symbols: npt.NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return self.merges.nbytes + self.symbols.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """Settle the batch before (`kept`, bool, one a pair of it), then add all pairs up in `cells` (a power of two) cells.

    The answer holds those from `start` to `stop`; others are asked for next, in order, with nothing to settle.
    """

    kept: npt.NDArray[np.bool_]
    cells: int
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return self.kept.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Collect:
    """Count every pair whose cell is `hot` (uint8[cells], 0 or 1). Nothing is on trial meanwhile."""

    hot: npt.NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return self.hot.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """Settle the batch before, then merge the next one.

    `kept` (bool, one a pair of the batch before) says which of its symbols stay. `listed` (int32[n, 2], by the later
    symbol of each pair) are the pairs that arose with these and may be merged soon; `hot`, if given, all such pairs there
    are. `batch` (int32[k, 2]) is merged in its order, pair i making the symbol `base + i`. All pairs are of symbols.
    """

    kept: npt.NDArray[np.bool_]
    listed: npt.NDArray[np.int32]
    hot: npt.NDArray[np.int32] | None
    batch: npt.NDArray[np.int32]
    base: int

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        hot = 0 if self.hot is None else self.hot.nbytes
        return self.kept.nbytes + self.listed.nbytes + hot + self.batch.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Begun:
    """How much a partition holds: slots of its words' symbols, bytes with repetitions, about, and tokens that merges have saved."""

    slots: int
    weight: float
    saved: int

    @property
    def nbytes(self) -> int:
        """The bytes of its numbers."""
        return 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """The counts of all pairs by cell (int64), of the cells that were asked for; 2^63 - 1 where they pass that."""

    sums: npt.NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """The bytes of its array."""
        return self.sums.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairCounts:
    """Pairs of symbols (int32[n, 2], ascending) that occur in a partition, and their counts (int64[n])."""

    pairs: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return self.pairs.nbytes + self.counts.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """What stands next to each new symbol of a batch in a partition, after the whole batch.

    For each pair its left neighbours (`symbols`, uint32) and their weights (`counts`, int64), then its right ones; `ends`
    (int64[2k + 1]) bounds these 2k runs. A symbol next to itself is a left neighbour only. `totals` (int64[k]): how often
    each new symbol occurs.
    """

    symbols: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return self.symbols.nbytes + self.counts.nbytes + self.ends.nbytes + self.totals.nbytes


Message = Begin | Survey | Collect | Round
Reply = Begun | Cells | PairCounts | Neighbours
