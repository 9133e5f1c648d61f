"""Documents of one group, joined into one document: planned as one, and told apart by a flag beside each segment.

documents, in order     a   a   b            of groups a and b
joined                  a , a .  b .         `,` between documents, `.` behind each joined one
segments of a row       a   ,   a   .        each a segment of its own, of the document that it is of or that it follows
joined                  0   3   1   3        1: goes on from the segment before it; 2: joining has added it
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.pack.plan import PackPlan
from pairloom.operators.schema import INPUT_IDS, JOINED, SEGMENT_LENGTHS, Column
from pairloom.operators.tokens import Ragged, TokenBatch

__all__ = ["ADDED", "GOES_ON", "Joining", "Stitched", "joined_lengths"]

GOES_ON = 1
"""In `joined`: this segment and the one before it in its row are one document."""
ADDED = 2
"""In `joined`: joining has added these tokens."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How documents of a group are joined: ids between them and behind the last, and the most tokens that this may make.

    `beside` says what columns of tokens have for what is added; None is the ids themselves, and what is not named is padding.
    """

    separator: tuple[int, ...]
    append: tuple[int, ...]
    most: int
    beside: tuple[tuple[str, float | None], ...] = ()

    def value(self, column: Column, ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What a column of tokens has for ids that are added."""
        if column.name == INPUT_IDS:
            return ids.astype(column.dtype)
        found = dict(self.beside).get(column.name, column.pad)
        return ids.astype(column.dtype) if found is None else np.full(len(ids), found, column.dtype)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stitched:
    """Documents, and what joining adds as documents of their own behind them; and where each stands.

    `order` are all of them as they follow each other, `begin` where each begins there, `edges` where joined documents begin
    and the last one ends. `first` is from which token of its document on each is: where it ends, for what is added.
    """

    documents: TokenBatch
    own: int  # how many of them were given
    order: Numbers
    begin: Numbers
    edges: Numbers
    first: Numbers

    @staticmethod
    def of(
        documents: TokenBatch, groups: npt.NDArray[np.uint64], columns: Sequence[Column], how: Joining
    ) -> "Stitched":
        """Consecutive documents of one group joined, as many as `how` has room for.

        >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 8], np.uint16), np.array([9], np.uint16)]})
        >>> ids = Column(name="input_ids", dtype=np.dtype(np.uint16))
        >>> made = Stitched.of(batch, np.zeros(2, np.uint64), [ids], Joining(separator=(1,), append=(2,), most=9))
        >>> made.documents.take(made.order).gathered("input_ids").to_pylist(), made.totals.tolist()
        ([[7, 8], [1], [9], [2]], [5])
        """
        begins = _begins(documents.length, groups, how)
        follows = _followers(documents.length, begins, how)
        added = np.flatnonzero(follows)
        count, last = len(documents), follows[added] == 2
        length = np.where(last, len(how.append), len(how.separator)).astype(np.int64)
        shift: Numbers = np.cumsum(follows > 0) - (follows > 0)
        order = np.empty(count + len(added), np.int64)
        order[np.arange(count) + shift] = np.arange(count)
        order[added + shift[added] + 1] = count + np.arange(len(added))
        whole = _with_added(documents, added, length, last, columns, how)
        ends = np.cumsum(whole.length[order])
        begin = np.empty(len(order), np.int64)
        begin[order] = ends - whole.length[order]
        starts = begin[np.flatnonzero(begins)] if count else np.zeros(0, np.int64)
        return Stitched(
            documents=whole,
            own=count,
            order=order,
            begin=begin,
            edges=np.append(starts, ends[-1] if len(ends) else 0),
            first=np.concatenate([np.zeros(count, np.int64), documents.length[added]]),
        )

    @property
    def totals(self) -> Numbers:
        """The tokens of each joined document."""
        return np.diff(self.edges)

    @property
    def added(self) -> int:
        """The tokens that joining has added."""
        return int(self.documents.length[self.own :].sum())

    def plans(self, planned: Callable[[Numbers], tuple[PackPlan, ...]]) -> tuple[PackPlan, ...]:
        """The rows that are `planned` for joined documents of some lengths, as rows of documents and of what is added."""
        return tuple(self.apart(plan) for plan in planned(self.totals))

    def apart(self, plan: PackPlan) -> PackPlan:
        """A plan of joined documents as one of the documents and of what is added."""
        low = self.edges[plan.document] + plan.offset
        high = low + plan.length
        begin = self.begin[self.order]
        end = begin + self.documents.length[self.order]
        one = np.searchsorted(end, low, side="right")
        sizes = np.searchsorted(end, high, side="left") + 1 - one
        which = np.repeat(np.arange(len(sizes)), sizes)
        place = one[which] + np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        start, stop = np.maximum(begin[place], low[which]), np.minimum(end[place], high[which])
        there = stop > start
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])[plan.rows]
        return replace(
            plan,
            rows=np.concatenate([np.zeros(1, np.int64), np.cumsum(there)])[ends],
            document=self.order[place][there],
            offset=(start - begin[place])[there],
            length=(stop - start)[there].astype(np.int32),
        )

    def flags(self, plan: PackPlan) -> npt.NDArray[np.uint8]:
        """The column `joined` for the segments of a plan that is taken apart."""
        at = self.begin[plan.document] + plan.offset
        on = np.zeros(len(at), np.bool_)
        on[1:] = at[1:] == at[:-1] + plan.length[:-1]
        on &= ~np.isin(at, self.edges)  # what begins a joined document goes on from nothing
        on[plan.rows[:-1][plan.rows[:-1] < len(on)]] = False
        return (GOES_ON * on + ADDED * (plan.document >= self.own)).astype(np.uint8)


def joined_lengths(rows: pa.RecordBatch | pa.Table) -> Any:
    """`segment_lengths` of packed rows, with segments that are one joined document added up: what may look at each other.

    As they are, where nothing is joined.

    >>> rows = pa.record_batch({"segment_lengths": [[2, 1, 3], [4]], "joined": pa.array([[0, 3, 0], [0]])})
    >>> joined_lengths(rows).to_pylist()
    [[3, 3], [4]]
    """
    lengths = rows.column(SEGMENT_LENGTHS)
    if JOINED not in rows.schema.names:
        return lengths
    flags = rows.column(JOINED)
    if isinstance(lengths, pa.ChunkedArray):
        lengths, flags = lengths.combine_chunks(), flags.combine_chunks()
    heads = flags.flatten().to_numpy() & GOES_ON == 0
    values = lengths.flatten().to_numpy()
    if not len(values):
        return lengths
    edges = lengths.offsets.to_numpy() - lengths.offsets[0].as_py()
    rows_of = np.concatenate([np.zeros(1, np.int64), np.cumsum(heads)])[edges]
    summed = np.add.reduceat(values, np.flatnonzero(heads)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(rows_of.astype(np.int32)), pa.array(summed))


def _begins(lengths: Numbers, groups: npt.NDArray[np.uint64], how: Joining) -> npt.NDArray[np.bool_]:
    """Which documents begin a joined one. One that has no tokens is nowhere, and takes no room."""
    out = np.zeros(len(lengths), np.bool_)
    filled, group, between, behind = 0, None, len(how.separator), len(how.append)
    for i, (length, one) in enumerate(zip(lengths.tolist(), groups.tolist(), strict=True)):
        fits = one == group and (not filled or not length or filled + between + length + behind <= how.most)
        out[i] = i == 0 or not fits
        filled = length if out[i] else filled + length + (between if filled and length else 0)
        group = one
    return out


def _followers(lengths: Numbers, begins: npt.NDArray[np.bool_], how: Joining) -> npt.NDArray[np.int8]:
    """What is added behind each document: 0 nothing, 1 what stands between, 2 what stands behind a joined document."""
    out = np.zeros(len(lengths), np.int8)
    there = np.flatnonzero(lengths > 0)
    bundle = np.cumsum(begins)[there]
    last = np.append(bundle[1:] != bundle[:-1], np.ones(min(1, len(bundle)), np.bool_))
    out[there] = np.where(last, 2 if how.append else 0, 1 if how.separator else 0)
    return out


def _with_added(
    documents: TokenBatch,
    added: Numbers,
    length: Numbers,
    last: npt.NDArray[np.bool_],
    columns: Sequence[Column],
    how: Joining,
) -> TokenBatch:
    """Documents, and behind them what is added, each with the number and the columns of the document that it follows."""
    said = {column.name: column for column in columns}
    ids = [np.array(some, np.int64) for some in (how.separator, how.append)]
    further: dict[str, Ragged] = {}
    for name, ragged in documents.columns.items():
        column = replace(said.get(name) or Column(name=name, dtype=ragged.dtype), dtype=ragged.dtype)
        values = [how.value(column, some) for some in ids]
        start = np.where(last, values[1].ctypes.data, values[0].ctypes.data).astype(np.int64)
        starts = np.concatenate([ragged.start, start])
        further[name] = Ragged(dtype=ragged.dtype, start=starts, keep=(ragged.keep, values))
    both = documents.take(np.concatenate([np.arange(len(documents)), added]))
    return replace(both, length=np.concatenate([documents.length, length]), columns=further)
