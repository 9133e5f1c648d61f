"""Pieces of documents: where a row leaves off, pieces of powers of two, pieces by row."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["cut_in_buckets", "find_rooms", "sort_by_row"]


@kernel
def find_rooms(
    lengths: npt.NDArray[np.int64], seq_len: int, overlap: int, first: npt.NDArray[np.int64]
) -> None:
    """The room that is left for each document in the row where it begins."""
    used = 0
    for i in range(len(lengths)):
        first[i] = seq_len - used
        if lengths[i] > first[i]:
            used = overlap + (lengths[i] - first[i] - 1) % (seq_len - overlap) + 1
        else:
            used += lengths[i]
        used %= seq_len


@kernel
def cut_in_buckets(
    lengths: npt.NDArray[np.int64],
    seq_len: int,
    least: int,
    overlap: int,
    bucket: npt.NDArray[np.int64],
    document: npt.NDArray[np.int64],
    offset: npt.NDArray[np.int64],
    length: npt.NDArray[np.int32],
    only_count: bool,
) -> int:
    """Cut documents into pieces of powers of two from `least` to `seq_len`, the longest first; how many there are.

    Nothing is written if `only_count`; else of each piece the length of its row, its document, its offset, its length.
    """
    pieces = 0
    for i in range(len(lengths)):
        at = 0
        while at < lengths[i]:
            rest = lengths[i] - at
            size = seq_len
            while size > rest and size > least:
                size >>= 1
            taken = min(size, rest)
            if not only_count:
                bucket[pieces] = size
                document[pieces] = i
                offset[pieces] = at
                length[pieces] = taken
            pieces += 1
            if taken == rest:
                break
            at += taken - overlap
    return pieces


@kernel
def sort_by_row(
    row: npt.NDArray[np.int64],
    renamed: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
) -> None:
    """Sort pieces by row, stably, with the rows renamed in the order of their first piece.

    `row` is the row of each piece, `renamed` int64[rows], -1; `begins` (int64[rows + 1], zero) becomes where each row begins
    in `order`.
    """
    rows = 0
    for i in range(len(row)):
        if renamed[row[i]] < 0:
            renamed[row[i]] = rows
            rows += 1
        begins[renamed[row[i]] + 1] += 1
    for r in range(rows):
        begins[r + 1] += begins[r]
    place = begins[:-1].copy()
    for i in range(len(row)):
        r = renamed[row[i]]
        order[place[r]] = i
        place[r] += 1
