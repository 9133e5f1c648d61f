"""What comes after tokens: of each token, or each few, the tokens that follow most often.

With a context of one token and the eight most frequent, this is the table that Token Recycling drafts from (Luo et al., 2024,
arXiv:2408.08696), filled by what a corpus says instead of zeros; with two tokens, a table of trigrams for drafts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import KeyCounter
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.statistics import Partitions, Statistic
from pairloom.operators.statistics._keys import BLOCK, add_keys, following, ids_of
from pairloom.operators.tokens import TokenBatch

__all__ = ["Successors"]

ROWS = 1 << 16
LONGEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Successors(Statistic):
    """The tokens that follow each `context` tokens within documents, the `top` most frequent of them, and how often.

    The table has `context` (list of uint32), `successors` (list of uint32), `counts` (list of int64), by falling count and
    then by id, and `total` (int64), how often anything follows: what the counts lack of it was left out. Pairs that occur less
    than `min_count` times are left out, and contexts without a successor. Rows are by context.

    Raises ValueError for a context outside 1 to 4, and a `top` or `min_count` below 1.
    """

    name: ClassVar[str] = "successors"

    context: int = 1
    top: int = 8
    min_count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.context <= LONGEST:
            raise ValueError(f"context must be from 1 to {LONGEST} tokens, not {self.context}")
        for name in ("top", "min_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        ids, counts = pa.list_(pa.field("item", pa.uint32())), pa.list_(pa.field("item", pa.int64()))
        return pa.schema(
            [
                pa.field("context", ids, nullable=False),
                pa.field("successors", ids, nullable=False),
                pa.field("counts", counts, nullable=False),
                pa.field("total", pa.int64(), nullable=False),
            ]
        )

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count every context with what follows it."""
        values, n = batch.flat(INPUT_IDS), self.context + 1
        places = np.flatnonzero(following(batch.length) >= n)
        for start in range(0, len(places), BLOCK):
            add_keys(counter, n, values[places[start : start + BLOCK, None] + np.arange(n)])

    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once. What is held is the best of each context, and its total."""
        best = _Pairs(ids=np.zeros((0, self.context + 1), np.uint32), times=np.zeros(0, np.int64))
        contexts, totals = best.ids[:, :-1], best.times
        for counts in partitions():
            pairs = _Pairs(*ids_of(counts, self.context + 1, self.context + 1))
            contexts, totals = _added(contexts, totals, pairs)
            kept = pairs.times >= self.min_count
            ids = np.concatenate([best.ids, pairs.ids[kept]])
            best = _best(_Pairs(ids=ids, times=np.concatenate([best.times, pairs.times[kept]])), self.top)
        first = np.append(np.flatnonzero(_new(best.ids[:, :-1])), len(best.ids))
        total = totals[_places(contexts, best.ids[first[:-1], :-1])]
        for start in range(0, len(first) - 1, ROWS):
            yield self._batch(best, first[start : start + ROWS + 1], total[start : start + ROWS])

    def _batch(
        self, best: "_Pairs", edges: npt.NDArray[np.int64], total: npt.NDArray[np.int64]
    ) -> pa.RecordBatch:
        rows, flat = len(edges) - 1, slice(int(edges[0]), int(edges[-1]))
        within = pa.array((edges - edges[0]).astype(np.int32))
        whole = pa.array(np.arange(rows + 1, dtype=np.int32) * self.context)
        columns = [
            pa.ListArray.from_arrays(whole, pa.array(best.ids[edges[:-1], :-1].reshape(-1))),
            pa.ListArray.from_arrays(within, pa.array(best.ids[flat, -1].copy())),
            pa.ListArray.from_arrays(within, pa.array(best.times[flat].copy())),
            pa.array(total),
        ]
        fields = zip(columns, self.schema, strict=True)
        return pa.RecordBatch.from_arrays(
            [column.cast(field.type) for column, field in fields], schema=self.schema
        )


class _Pairs(NamedTuple):
    """Contexts with a successor each, uint32[m, context + 1], and their counts."""

    ids: npt.NDArray[np.uint32]
    times: npt.NDArray[np.int64]


def _best(pairs: _Pairs, top: int) -> _Pairs:
    """The `top` most frequent successors of each context: by context, then falling count, then id."""
    order = np.lexsort((pairs.ids[:, -1], -pairs.times, *reversed(pairs.ids[:, :-1].T)))
    ids, count = pairs.ids[order], pairs.times[order]
    begins = np.flatnonzero(_new(ids[:, :-1]))
    rank = np.arange(len(ids)) - np.repeat(begins, np.diff(np.append(begins, len(ids))))
    return _Pairs(ids=ids[rank < top], times=count[rank < top])


def _new(contexts: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Where another context begins, among sorted ones."""
    out = np.ones(len(contexts), np.bool_)
    out[1:] = (contexts[1:] != contexts[:-1]).any(1)
    return out


def _added(
    contexts: npt.NDArray[np.uint32], totals: npt.NDArray[np.int64], pairs: _Pairs
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Contexts, ascending, and how often anything follows each, with those of more pairs."""
    both, counts = np.concatenate([contexts, pairs.ids[:, :-1]]), np.concatenate([totals, pairs.times])
    order = np.lexsort([*reversed(both.T)])
    both, counts = both[order], counts[order]
    begins = np.flatnonzero(_new(both))
    return both[begins], np.add.reduceat(counts, begins) if len(begins) else counts


def _places(contexts: npt.NDArray[np.uint32], wanted: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Where contexts are among ascending ones, which they all are."""
    rows = np.dtype((np.void, 4 * contexts.shape[1]))
    there, asked = (np.ascontiguousarray(one, ">u4").view(rows).reshape(-1) for one in (contexts, wanted))
    return np.searchsorted(there, asked)
