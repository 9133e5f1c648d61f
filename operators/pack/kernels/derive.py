"""Segments and positions of every place in a row, and the tokens to predict there."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["copy_targets", "number_positions", "number_segments"]


@kernel
def number_segments(
    values: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], out: npt.NDArray[np.int32]
) -> None:
    """Write which segment of its row each position belongs to, into `out` (int32[b, seq_len]), which is -1.

    `values` are the lengths of all segments, and `rows` (int64[b + 1]) where those of each row begin.
    """
    for row in range(len(out)):
        at = 0
        for segment in range(rows[row], rows[row + 1]):
            out[row, at : at + values[segment]] = segment - rows[row]
            at += values[segment]


@kernel
def number_positions(
    values: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], out: npt.NDArray[np.int32]
) -> None:
    """Write each position within its segment into `out` (int32[b, seq_len]), which is 0; `values`, `rows` as above."""
    for row in range(len(out)):
        at = 0
        for segment in range(rows[row], rows[row + 1]):
            for i in range(values[segment]):
                out[row, at + i] = i
            at += values[segment]


@kernel
def copy_targets(
    tokens: npt.NDArray[np.int64],
    values: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    shifted: int,
    across: int,
    out: npt.NDArray[np.int64],
) -> None:
    """Write the token that each position has to predict into `out` (int64[b, seq_len]), which is IGNORED elsewhere.

    `shifted` is 1 where position `i` holds the token at `i + 1`, `across` where a boundary of segments hides no token.
    """
    for row in range(len(out)):
        at = 0
        for segment in range(rows[row], rows[row + 1]):
            # The first token of a segment is a target of the one before it, if there is one and boundaries are crossed.
            first = at if across and segment > rows[row] else at + 1
            at += values[segment]
            for i in range(first, at):
                out[row, i - shifted] = tokens[row, i]
