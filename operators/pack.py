"""Packing: document lengths to rows (a plan of integers), then one gather of the tokens.

Every token of every document is in exactly one row, or is counted as truncated or dropped because the recipe asked for
that. Rows are padded at their end only. Nothing here looks at a token to find a boundary.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.jit import kernel

__all__ = ["OVERFLOWS", "STRATEGIES", "PackPlan", "gather", "pack"]

STRATEGIES = ("best_fit", "concat")
OVERFLOWS = ("split", "truncate", "drop")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackPlan:
    """Which tokens go where. Row `r` holds the segments `rows[r]:rows[r + 1]`, one after another.

    `document` and `offset` are int64, `length` is int32: segment `s` is `length[s]` tokens of the document
    `document[s]` from its token `offset[s]` on. No segment is empty.
    """

    seq_len: int
    rows: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int32]
    truncated_tokens: int
    dropped_tokens: int
    dropped_documents: int

    def __len__(self) -> int:
        return len(self.rows) - 1

    @property
    def tokens(self) -> int:
        """Tokens in rows, padding not counted."""
        return int(self.length.sum(dtype=np.int64))

    @property
    def padding(self) -> int:
        """Positions of rows that hold no token."""
        return len(self) * self.seq_len - self.tokens

    @property
    def splits(self) -> int:
        """Segments that go on with a document that an earlier segment began."""
        return int(np.count_nonzero(self.offset))

    def reordered(self, order: npt.NDArray[np.int64]) -> "PackPlan":
        """The same rows in another order: row `i` of the result is row `order[i]` of this plan."""
        sizes = np.diff(self.rows)[order]
        rows = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        segments = np.repeat(self.rows[:-1][order] - rows[:-1], sizes) + np.arange(rows[-1])
        return PackPlan(
            seq_len=self.seq_len,
            rows=rows,
            document=self.document[segments],
            offset=self.offset[segments],
            length=self.length[segments],
            truncated_tokens=self.truncated_tokens,
            dropped_tokens=self.dropped_tokens,
            dropped_documents=self.dropped_documents,
        )


def pack(
    lengths: npt.NDArray[np.int64], seq_len: int, *, strategy: str = "best_fit", overflow: str = "split"
) -> PackPlan:
    """Plan rows of `seq_len` tokens for documents of the given lengths (int64, in order; zero is allowed).

    `best_fit` is best-fit decreasing over pieces of at most `seq_len` tokens, O(n log seq_len) through a tree over the
    room that is left in rows; `concat` puts documents end to end. A document longer than a row is split, truncated or
    dropped as `overflow` says (`concat` only splits). Raises ValueError for any other word.
    """
    if seq_len < 1:
        raise ValueError(f"seq_len must be at least 1, not {seq_len}")
    if strategy not in STRATEGIES or overflow not in OVERFLOWS:
        raise ValueError(f"cannot pack by {strategy!r} with overflow {overflow!r}")
    lengths = np.ascontiguousarray(lengths, np.int64)
    if strategy == "concat":
        if overflow != "split":
            raise ValueError(
                "strategy concat splits every document that passes a row's end: overflow must be split"
            )
        return _concat(lengths, seq_len)
    kept = lengths
    if overflow == "truncate":
        kept = np.minimum(lengths, seq_len)
    elif overflow == "drop":
        kept = np.where(lengths > seq_len, 0, lengths)
    lost = int((lengths - kept).sum())
    document, offset, length = _cut(kept, np.full(len(kept), seq_len, np.int64), seq_len)
    row = _best_fit(length, seq_len)
    order = np.argsort(row, kind="stable")
    rows = (
        np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(row))])
        if len(row)
        else np.zeros(1, np.int64)
    )
    plan = PackPlan(
        seq_len=seq_len,
        rows=rows,
        document=document[order],
        offset=offset[order],
        length=length[order],
        truncated_tokens=lost if overflow == "truncate" else 0,
        dropped_tokens=lost if overflow == "drop" else 0,
        dropped_documents=int(np.count_nonzero(lengths > seq_len)) if overflow == "drop" else 0,
    )
    # Best fit emits rows by the length of their longest piece; the order of their first piece forgets that.
    return plan.reordered(np.argsort(order[rows[:-1]], kind="stable"))


def gather(plan: PackPlan, tokens: pa.LargeListArray, pad: int) -> pa.Array:
    """The tokens of a plan's rows: FixedSizeList<uint16 | uint32>[seq_len], `pad` where a row holds no token.

    `tokens` is the LargeList column of the documents that the plan was made for.
    """
    values = tokens.values.to_numpy(zero_copy_only=True)
    starts = tokens.offsets.to_numpy(zero_copy_only=True)
    out = np.empty((len(plan), plan.seq_len), values.dtype)
    _gather(values, starts, plan.rows, plan.document, plan.offset, plan.length, values.dtype.type(pad), out)
    return pa.FixedSizeListArray.from_arrays(pa.array(out.reshape(-1)), plan.seq_len)


def _concat(lengths: npt.NDArray[np.int64], seq_len: int) -> PackPlan:
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    # The first piece of a document ends where the row does that the document begins in.
    first = seq_len - (ends - lengths) % seq_len
    document, offset, length = _cut(lengths, first, seq_len)
    at = np.cumsum(length, dtype=np.int64) - length
    return PackPlan(
        seq_len=seq_len,
        rows=np.append(np.searchsorted(at, np.arange(0, total, seq_len)), len(length)).astype(np.int64),
        document=document,
        offset=offset,
        length=length,
        truncated_tokens=0,
        dropped_tokens=0,
        dropped_documents=0,
    )


def _cut(
    lengths: npt.NDArray[np.int64], first: npt.NDArray[np.int64], seq_len: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Cut documents after `first` tokens and then every `seq_len`: (document, offset, length) of the pieces."""
    pieces = np.where(lengths > 0, 1 + np.maximum(lengths - first + seq_len - 1, 0) // seq_len, 0)
    document = np.repeat(np.arange(len(lengths)), pieces)
    number = np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    offset = np.where(number > 0, first[document] + (number - 1) * seq_len, 0)
    room = np.where(number > 0, seq_len, first[document])
    return document, offset, np.minimum(room, lengths[document] - offset).astype(np.int32)


def _best_fit(length: npt.NDArray[np.int32], seq_len: int) -> npt.NDArray[np.int64]:
    """The row of each piece, by best-fit decreasing."""
    order = np.argsort(-length, kind="stable")
    leaves = 1
    while leaves < seq_len + 1:
        leaves *= 2
    row = np.empty(len(length), np.int64)
    _assign(length, order, seq_len, leaves, np.zeros(2 * leaves, np.int64), row)
    return row


@kernel
def _assign(
    length: npt.NDArray[np.int32],
    order: npt.NDArray[np.int64],
    seq_len: int,
    leaves: int,
    tree: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
) -> None:
    """`tree` counts the open rows below each node; leaf `r` stands for rows with room for exactly `r` tokens."""
    head = np.full(
        seq_len + 1, -1, np.int64
    )  # the row that got this much room last, and below it the ones before
    below = np.empty(len(order), np.int64)
    rows = 0
    for index in order:
        need = np.int64(length[index])
        room = _smallest(tree, leaves, need)
        if room < 0:
            target = rows
            rows += 1
            left = seq_len - need
        else:
            target = head[room]
            head[room] = below[target]
            _add(tree, leaves + room, -1)
            left = room - need
        row[index] = target
        if left > 0:
            below[target] = head[left]
            head[left] = target
            _add(tree, leaves + left, 1)


@kernel
def _add(tree: npt.NDArray[np.int64], node: int, change: int) -> None:
    while node >= 1:
        tree[node] += change
        node >>= 1


@kernel
def _smallest(tree: npt.NDArray[np.int64], leaves: int, least: int) -> int:
    """The smallest room of at least `least` that an open row has, or -1."""
    node = leaves + least
    while tree[node] == 0:
        while node & 1:  # a right child: whatever is larger lies beyond its parent
            node >>= 1
        if node == 0:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if tree[node] == 0:
            node += 1
    return node - leaves


@kernel
def _gather(
    values: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    document: npt.NDArray[np.int64],
    offset: npt.NDArray[np.int64],
    length: npt.NDArray[np.int32],
    pad: int,
    out: npt.NDArray[np.uint32],
) -> None:
    for r in range(len(rows) - 1):
        at = 0
        for s in range(rows[r], rows[r + 1]):
            start = starts[document[s]] + offset[s]
            for i in range(length[s]):
                out[r, at + i] = values[start + i]
            at += length[s]
        for i in range(at, out.shape[1]):
            out[r, i] = pad
