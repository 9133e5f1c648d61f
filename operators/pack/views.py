"""Packed rows seen in another way: without padding, cut behind the longest, or as ranks of context parallelism have them.

    rows           a a b .  |  c c c .                 b rows of seq_len positions
    padding free   a a b c c c                         `gather` picks them out of rows laid end to end
    4 blocks       rank 0 of 2: 1st, 4th   rank 1: 2nd, 3rd     "zigzag": under a causal mask each has as much to do

Nothing here is stored: all follows from the lengths of segments.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.derive import cu_seqlens, position_ids, segment_ids

__all__ = [
    "ORDERS",
    "ContextOrder",
    "ContextSlice",
    "PaddingFree",
    "context_slice",
    "padding_free",
    "trimmed",
]

ContextOrder = Literal["zigzag", "blocks"]
ORDERS: tuple[ContextOrder, ...] = ("zigzag", "blocks")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaddingFree:
    """The tokens of `rows` rows of `seq_len` positions, one after another without padding (ByteTransformer, 2022).

    `gather` (int64[t]) are the positions of the `t` tokens in rows that are laid end to end, ascending. `cu_seqlens`
    (int32[segments + 1]) are the boundaries of segments among the tokens, from 0 to `t`; `max_seqlen` is the longest.
    """

    rows: int
    seq_len: int
    gather: npt.NDArray[np.int64]
    cu_seqlens: npt.NDArray[np.int32]
    max_seqlen: int

    @property
    def waste(self) -> float:
        """Positions that are padding, for every token: 0 for rows that are full, nan where there is no token."""
        tokens = len(self.gather)
        return (self.rows * self.seq_len - tokens) / tokens if tokens else float("nan")

    def packed(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What tokens have, [t, ...], of what positions have, [rows, seq_len, ...]. Raises ValueError for other shapes."""
        if values.shape[:2] != (self.rows, self.seq_len):
            raise ValueError(
                f"values of shape {values.shape} are not those of {self.rows} rows of {self.seq_len}"
            )
        return values.reshape(-1, *values.shape[2:])[self.gather]

    def unpacked(self, values: npt.NDArray[Any], fill: float = 0) -> npt.NDArray[Any]:
        """What positions have, [rows, seq_len, ...], of what tokens have, [t, ...], and `fill` on padding.

        Raises ValueError for another number of tokens.
        """
        if len(values) != len(self.gather):
            raise ValueError(f"there are {len(values)} values for {len(self.gather)} tokens")
        out = np.full((self.rows * self.seq_len, *values.shape[1:]), fill, values.dtype)
        out[self.gather] = values
        return out.reshape(self.rows, self.seq_len, *values.shape[1:])


def padding_free(lengths: Any, seq_len: int) -> PaddingFree:
    """The view of rows without padding; `lengths` as the functions of `segments` take them.

    >>> view = padding_free([[2, 1], [3]], 4)
    >>> view.gather.tolist(), view.cu_seqlens.tolist(), view.max_seqlen
    ([0, 1, 2, 4, 5, 6], [0, 2, 3, 6], 3)
    >>> view.unpacked(view.packed(np.array([[7, 8, 9, 0], [1, 2, 3, 0]]))).tolist()
    [[7, 8, 9, 0], [1, 2, 3, 0]]
    """
    ids = segment_ids(lengths, seq_len)
    gather = np.flatnonzero(ids >= 0)
    begins = np.flatnonzero(position_ids(lengths, seq_len).reshape(-1)[gather] == 0)
    edges = np.append(begins, len(gather))
    if len(gather) >= 1 << 31:
        raise ValueError(f"{len(gather)} tokens end at no int32: take fewer rows in a batch")
    return PaddingFree(
        rows=len(ids),
        seq_len=seq_len,
        gather=gather.astype(np.int64),
        cu_seqlens=edges.astype(np.int32),
        max_seqlen=int(np.diff(edges).max(initial=0)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContextSlice:
    """What one rank of context parallelism, or a batch that is cut, has of each row: `places` (int64), positions of the row.

    `cu_seqlens` (int32) are the boundaries of runs in the rank's part of a batch, rows laid end to end: a run is what stands
    together in the row and is of one segment, or padding. `first` (int32, one a run) is the place in its segment that a run
    begins at: how many tokens of the segment other ranks, or runs before it, have; 0 for padding.
    """

    places: npt.NDArray[np.int64]
    cu_seqlens: npt.NDArray[np.int32]
    first: npt.NDArray[np.int32]

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The rank's part of what positions have: [b, seq_len / ranks, ...] of [b, seq_len, ...]."""
        return np.ascontiguousarray(values[:, self.places])


def trimmed(lengths: Any, seq_len: int, multiple: int = 1) -> ContextSlice:
    """The view of rows that are cut behind the last token of any, at a multiple of `multiple` or at their end.

    So a batch is padded to its longest row, as a collator would have it. Raises ValueError for a multiple below 1.

    >>> trimmed([[2, 1], [2]], 8, 2).places.tolist(), trimmed([[2, 1], [2]], 8, 2).cu_seqlens.tolist()
    ([0, 1, 2, 3], [0, 2, 3, 4, 6, 8])
    """
    if multiple < 1:
        raise ValueError(f"rows are cut at multiples of 1 or more, not of {multiple}")
    used = int((segment_ids(lengths, seq_len) >= 0).any(axis=0).sum())
    width = min(seq_len, max(1, -(-used // multiple)) * multiple)
    edges = cu_seqlens(lengths, width)
    return ContextSlice(places=np.arange(width), cu_seqlens=edges, first=np.zeros(len(edges) - 1, np.int32))


def context_slice(
    lengths: Any, seq_len: int, rank: int, ranks: int, order: ContextOrder = "zigzag"
) -> ContextSlice:
    """The slice of rank `rank` of `ranks`: of `2 * ranks` blocks the one from the front and the one from the back.

    With the order `blocks` rows are cut into `ranks` blocks, one each. Labels and positions are those of whole rows, so
    take them before they are cut. Raises ValueError for rows that cannot be cut so, and for a rank that there is not.

    >>> part = context_slice([[5, 2]], 8, rank=0, ranks=2)
    >>> part.places.tolist(), part.cu_seqlens.tolist(), part.first.tolist()
    ([0, 1, 6, 7], [0, 2, 3, 4], [0, 1, 0])
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, not {order!r}")
    if not 0 <= rank < ranks:
        raise ValueError(f"rank must be from 0 to {ranks - 1}, not {rank}")
    blocks = 2 * ranks if order == "zigzag" else ranks
    if seq_len % blocks:
        raise ValueError(
            f"rows of {seq_len} tokens cannot be cut into {blocks} blocks: choose a seq_len that {blocks} divides"
        )
    size = seq_len // blocks
    chosen = [rank, blocks - 1 - rank] if order == "zigzag" else [rank]
    places = np.concatenate([np.arange(block * size, (block + 1) * size) for block in chosen])
    ids, within = (
        found[:, places] for found in (segment_ids(lengths, seq_len), position_ids(lengths, seq_len))
    )
    begins = np.ones(ids.shape, np.bool_)
    begins[:, 1:] = (ids[:, 1:] != ids[:, :-1]) | (np.diff(places) != 1)
    edges = np.append(np.flatnonzero(begins), ids.size)
    if ids.size >= 1 << 31:
        raise ValueError(f"{ids.size} tokens end at no int32: take fewer rows in a batch")
    return ContextSlice(
        places=places,
        cu_seqlens=edges.astype(np.int32),
        first=within.reshape(-1)[edges[:-1]].astype(np.int32),
    )
