"""What follows from the lengths of a row's segments: boundaries, positions, masks and labels.

Packed rows store how long each segment is and nothing that can be derived from it. All functions take the column
`segment_lengths` of a batch of `b` rows of `seq_len` positions; padding stands at the end of a row. The column may be a
list column of Arrow's, or a sequence with what numpy can read for each row: a list, an array, a tensor in the
processor's memory. No function looks at a token to find a boundary.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.pack.kernels.derive import copy_targets, number_positions, number_segments

__all__ = [
    "IGNORED",
    "cu_seqlens",
    "document_mask",
    "labels",
    "max_seqlen",
    "per_token",
    "position_ids",
    "segment_ids",
]

IGNORED = -100  # the label that PyTorch's cross entropy and Hugging Face's models leave out


def segment_ids(lengths: Any, seq_len: int) -> npt.NDArray[np.int32]:
    """Which segment of its row each position belongs to: int32[b, seq_len], from 0; -1 on padding.

    >>> segment_ids([[2, 1]], 4).tolist()
    [[0, 0, 1, -1]]
    """
    values, rows = _flat(lengths)
    _used(values, rows, seq_len)
    out = np.full((len(rows) - 1, seq_len), -1, np.int32)
    number_segments(values, rows, out)
    return out


def position_ids(lengths: Any, seq_len: int) -> npt.NDArray[np.int32]:
    """Each position within its segment: int32[b, seq_len], from 0 at every segment's start; 0 on padding.

    >>> position_ids([[2, 1]], 4).tolist()
    [[0, 1, 0, 0]]
    """
    values, rows = _flat(lengths)
    _used(values, rows, seq_len)
    out = np.zeros((len(rows) - 1, seq_len), np.int32)
    number_positions(values, rows, out)
    return out


def cu_seqlens(lengths: Any, seq_len: int) -> npt.NDArray[np.int32]:
    """The boundaries of all segments of a batch whose rows are laid end to end: int32, from 0 to `b * seq_len`.

    Padding is a segment of its own, so that every position lies in exactly one and none is empty: what `flash_attn`'s
    variable-length functions take. Raises ValueError for a batch that is too large for int32.

    >>> cu_seqlens([[2, 1], [4]], 4).tolist()
    [0, 2, 3, 4, 8]
    """
    values, rows = _flat(lengths)
    used = _used(values, rows, seq_len)
    if (len(rows) - 1) * seq_len >= 1 << 31:
        raise ValueError(
            f"{len(rows) - 1} rows of {seq_len} tokens end at no int32: take fewer rows in a batch"
        )
    ends = np.cumsum(values) + np.repeat(np.cumsum(seq_len - used) - (seq_len - used), np.diff(rows))
    edges = np.concatenate([[0], ends, np.arange(1, len(rows)) * seq_len])
    return np.unique(edges).astype(np.int32)


def max_seqlen(lengths: Any, seq_len: int) -> int:
    """The longest stretch between two boundaries of `cu_seqlens`, padding included; 0 for no rows.

    >>> max_seqlen([[2, 1], [1]], 4)
    3
    """
    return int(np.diff(cu_seqlens(lengths, seq_len)).max(initial=0))


def document_mask(lengths: Any, seq_len: int) -> npt.NDArray[np.bool_]:
    """Which position may look at which: bool[b, seq_len, seq_len], causal and within one segment; nothing on padding.

    Dense, so for small models and for tests; long rows want `cu_seqlens`.
    """
    ids = segment_ids(lengths, seq_len)
    same = (ids[:, :, None] == ids[:, None, :]) & (ids >= 0)[:, :, None]
    return same & np.tril(np.ones((seq_len, seq_len), np.bool_))


def per_token(values: npt.NDArray[Any], lengths: Any, seq_len: int, pad: float) -> npt.NDArray[Any]:
    """A value of each segment at each of its positions: [b, seq_len] of the dtype of `values`, `pad` on padding.

    `values` are those of all segments, row after row. Raises ValueError when there are more or fewer than segments.

    >>> per_token(np.array([7, 9]), [[2, 1]], 4, -1).tolist()
    [[7, 7, 9, -1]]
    """
    sizes, rows = _flat(lengths)
    used = _used(sizes, rows, seq_len)
    if len(values) != len(sizes):
        raise ValueError(f"there are {len(values)} values for {len(sizes)} segments")
    out = np.full((len(rows) - 1, seq_len), pad, values.dtype)
    out[np.arange(seq_len) < used[:, None]] = np.repeat(values, sizes)
    return out


def labels(
    input_ids: Any, lengths: Any, *, shifted: bool, across_documents: bool = False
) -> npt.NDArray[np.int64]:
    """What each position has to predict: int64[b, seq_len], IGNORED where there is nothing to predict.

    `shifted`: position `i` holds the token at `i + 1`, as trainers want it that compare logits and labels one to one.
    Not shifted: position `i` holds its own token, as Hugging Face's models want it, which shift by themselves. A label
    on the other side of a segment's boundary is ignored, unless `across_documents`; padding always is. `input_ids` are
    integers[b, seq_len] that numpy can read. Raises ValueError when their rows are not those of `lengths`.

    >>> labels(np.array([[7, 8, 9, 0]]), [[2, 1]], shifted=True).tolist()
    [[8, -100, -100, -100]]
    >>> labels(np.array([[7, 8, 9, 0]]), [[2, 1]], shifted=False).tolist()
    [[-100, 8, -100, -100]]
    """
    tokens = np.require(input_ids, np.int64, ["C", "W"])
    values, rows = _flat(lengths)
    if tokens.ndim != 2 or len(tokens) != len(rows) - 1:
        raise ValueError(f"input_ids of shape {tokens.shape} are not those of {len(rows) - 1} rows")
    _used(values, rows, tokens.shape[1])
    out = np.full(tokens.shape, IGNORED, np.int64)
    copy_targets(tokens, values, rows, int(shifted), int(across_documents), out)
    return out


def _flat(lengths: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All lengths one after another, and where each row's begin; raises ValueError for an empty segment."""
    if isinstance(lengths, pa.ChunkedArray):
        lengths = pa.concat_arrays(lengths.chunks) if lengths.num_chunks else pa.array([], lengths.type)
    if isinstance(lengths, pa.Array):
        rows = lengths.offsets.to_numpy().astype(np.int64)
        values = lengths.flatten().to_numpy().astype(np.int64)
        rows = rows - rows[0]
    else:
        parts = [np.asarray(row, np.int64) for row in lengths]
        rows = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        values = np.concatenate([np.empty(0, np.int64), *parts])
    if len(values) and values.min() < 1:
        raise ValueError(f"a segment has {values.min()} tokens; segments have at least 1")
    return values, rows


def _used(values: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], seq_len: int) -> npt.NDArray[np.int64]:
    """Positions of each row that are no padding."""
    total = np.concatenate([[0], np.cumsum(values)])
    used: npt.NDArray[np.int64] = total[rows[1:]] - total[rows[:-1]]
    if len(used) and used.max() > seq_len:
        raise ValueError(f"the segments of a row have {used.max()} tokens, more than seq_len {seq_len}")
    return used
