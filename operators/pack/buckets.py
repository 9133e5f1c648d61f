"""Decomposition into buckets: every document cut into pieces whose lengths are powers of two, one piece a row.

For training with rows of several lengths; see Pouransari et al., "Dataset decomposition: faster LLM training with variable
sequence length curriculum" (2024). What is left below the smallest bucket is padded into it instead of being dropped.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.bucket_sizes import widths
from pairloom.operators.pack.kernels.pieces import cut_in_buckets
from pairloom.operators.pack.overflow import OVERFLOWS, kept_lengths
from pairloom.operators.pack.plan import PackPlan

__all__ = ["decompose"]


def decompose(
    lengths: npt.NDArray[np.int64],
    seq_len: int,
    least: int,
    *,
    overflow: str = "split",
    predict_every_token: bool = False,
) -> tuple[PackPlan, ...]:
    """One plan for each of `widths(seq_len, least)`, for documents of the given lengths (int64, zero is allowed).

    The longest piece that fits comes first, so that the pieces of a document get shorter. With `predict_every_token` a
    piece that goes on with a document begins with the last token of the one before. What is truncated or dropped, being
    longer than `seq_len`, is counted by the plan of the longest rows. Raises ValueError as `widths` does.
    """
    sizes = widths(seq_len, least)
    overlap = int(predict_every_token)
    if seq_len < 1 + overlap:
        raise ValueError(f"seq_len must be at least {1 + overlap}, not {seq_len}")
    if overflow not in OVERFLOWS:
        raise ValueError(f"cannot decompose with overflow {overflow!r}")
    lengths = np.ascontiguousarray(lengths, np.int64)
    kept = np.ascontiguousarray(kept_lengths(lengths, seq_len, overflow))
    bucket = np.empty(0, np.int64)
    columns = (bucket, bucket.copy(), bucket.copy(), np.empty(0, np.int32))
    pieces = cut_in_buckets(kept, seq_len, least, overlap, *columns, True)
    columns = tuple(np.empty(pieces, array.dtype) for array in columns)  # type: ignore[assignment]
    cut_in_buckets(kept, seq_len, least, overlap, *columns, False)
    bucket, document, offset, length = columns
    plans = []
    for size in sizes:
        here = np.flatnonzero(bucket == size)
        plans.append(
            PackPlan(
                seq_len=size,
                rows=np.arange(len(here) + 1),
                document=document[here],
                offset=offset[here],
                length=length[here],
                repeated_tokens=overlap * int(np.count_nonzero(offset[here])),
            )
        )
    lost = int((lengths - kept).sum())
    if overflow == "truncate":
        plans[-1] = replace(plans[-1], truncated_tokens=lost)
    elif overflow == "drop":
        dropped = int(np.count_nonzero(lengths > seq_len))
        plans[-1] = replace(plans[-1], dropped_tokens=lost, dropped_documents=dropped)
    return tuple(plans)
