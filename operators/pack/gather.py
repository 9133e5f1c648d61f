"""From a plan of integers to rows of tokens."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.jit import kernel
from pairloom.operators.pack.plan import PackPlan

__all__ = ["gather"]


def gather(plan: PackPlan, tokens: pa.LargeListArray, pad: int) -> pa.Array:
    """The tokens of a plan's rows: FixedSizeList<uint16 | uint32>[seq_len], `pad` where a row holds no token.

    `tokens` is the LargeList column of the documents that the plan was made for.
    """
    values = tokens.values.to_numpy(zero_copy_only=True)
    starts = tokens.offsets.to_numpy(zero_copy_only=True)
    out = np.empty((len(plan), plan.seq_len), values.dtype)
    _gather(values, starts, plan.rows, plan.document, plan.offset, plan.length, values.dtype.type(pad), out)
    return pa.FixedSizeListArray.from_arrays(pa.array(out.reshape(-1)), plan.seq_len)


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
