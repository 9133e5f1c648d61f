"""From a plan of integers to rows of tokens."""

import numpy as np
import pyarrow as pa

from pairloom.operators.pack.kernels.gather import gather_rows
from pairloom.operators.pack.plan import PackPlan
from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.tokens import TokenBatch

__all__ = ["gather", "gather_column"]


def gather(plan: PackPlan, tokens: pa.LargeListArray | pa.ChunkedArray | TokenBatch, pad: int) -> pa.Array:
    """The tokens of a plan's rows: FixedSizeList<uint16 | uint32>[seq_len], `pad` where a row holds no token.

    `tokens` are the documents that the plan was made for. Raises ValueError for a plan that does not fit them.
    """
    batch = tokens if isinstance(tokens, TokenBatch) else TokenBatch.of({INPUT_IDS: tokens})
    return gather_column(plan, batch, Column(name=INPUT_IDS, dtype=batch.dtype, pad=pad))


def gather_column(plan: PackPlan, batch: TokenBatch, column: Column) -> pa.Array:
    """One column of a plan's rows, whatever it has values for.

    Of tokens: FixedSizeList[seq_len], with the column's `pad` where a row holds no token. Of documents: a list with a value
    for each segment. Raises ValueError for a plan that does not fit the documents.
    """
    _check(plan, batch)
    if column.of == "document":
        values = batch.documents[column.name][plan.document].astype(column.dtype, copy=False)
        return pa.ListArray.from_arrays(pa.array(plan.rows.astype(np.int32)), pa.array(values))
    tokens = batch.columns[column.name]
    if tokens.dtype != column.dtype:
        raise ValueError(f"column {column.name} has values of {tokens.dtype}, not of {column.dtype}")
    out = np.empty((len(plan), plan.seq_len), tokens.dtype)
    # What is copied and what pads are bits, so that floats need no kernels of their own.
    bits = np.dtype(f"u{tokens.dtype.itemsize}")
    pad = np.array([column.pad], tokens.dtype).view(bits)[0]
    gather_rows(tokens.start, plan.rows, plan.document, plan.offset, plan.length, pad, out.view(bits))
    return pa.FixedSizeListArray.from_arrays(pa.array(out.reshape(-1)), plan.seq_len)


def _check(plan: PackPlan, batch: TokenBatch) -> None:
    """The kernel takes addresses on trust: everything that a plan leads to must be there."""
    if not len(plan.document):
        return
    if plan.document.min() < 0 or plan.document.max() >= len(batch):
        raise ValueError(
            f"the plan is of documents {plan.document.min()} to {plan.document.max()}, of {len(batch)}"
        )
    ends = plan.offset + plan.length
    if plan.length.min() < 0 or plan.offset.min() < 0 or (ends > batch.length[plan.document]).any():
        raise ValueError("the plan has a segment that lies outside of its document")
    filled = np.concatenate([np.zeros(1, np.int64), np.cumsum(plan.length, dtype=np.int64)])[plan.rows]
    if (np.diff(plan.rows) < 0).any() or np.diff(filled).max(initial=0) > plan.seq_len:
        raise ValueError(f"the plan has a row of more than {plan.seq_len} tokens")
