"""Kernels of any-subset orders: which tokens are given, in which order the others come, and who sees whom."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel, signed
from pairloom.operators.layouts.kernels.draws import Rows, below, draw, share

__all__ = ["Rates", "order_tokens", "see_earlier", "warm_up"]

RATE = np.uint64(0xB8E1AFED6A267E96)
PROMPT = np.uint64(0xBA7C9045F12C7F99)


class Rates(NamedTuple):
    """The shares to predict are from `low` to `high`, in `strata` equal parts that rows and their segments take in turns."""

    low: float
    high: float
    strata: int


@kernel
def order_tokens(
    rows: Rows,
    rates: Rates,
    first_row: int,
    prompt: npt.NDArray[np.uint8],
    rank: npt.NDArray[np.int32],
    labels: npt.NDArray[np.int32],
) -> None:
    """Choose what is given of each segment, and rank its tokens: those that are given first, both in their order."""
    for r in range(len(rows.ids)):
        stream = rows.streams[r]
        stop = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            length = stop - first
            stratum = (first_row + r + s - rows.edges[r]) % rates.strata
            part = np.float64(share(draw(stream, RATE, first))) / 9007199254740992.0
            rate = rates.low + (rates.high - rates.low) * (stratum + part) / rates.strata
            given = min(length, max(1, signed((1 - rate) * length) + 1))
            left, early, late = given, 0, given
            for i in range(first, stop):
                if below(draw(stream, PROMPT, i), stop - i) < left:
                    prompt[r, i], rank[r, i] = 1, early
                    left, early = left - 1, early + 1
                else:
                    rank[r, i], labels[r, i] = late, np.int32(rows.ids[r, i])
                    late += 1


@kernel
def see_earlier(
    prompt: npt.NDArray[np.uint8],
    rank: npt.NDArray[np.int32],
    segments: npt.NDArray[np.int32],
    out: npt.NDArray[np.bool_],
) -> None:
    """Which places [b, seq_len, seq_len] see which: what is given sees all that is, others what ranks before them.

    Padding, rank -1, sees itself, so that nothing sees nothing.
    """
    for r in range(len(rank)):
        for i in range(rank.shape[1]):
            for j in range(rank.shape[1]):
                both = prompt[r, i] != 0 and prompt[r, j] != 0
                seen = segments[r, i] == segments[r, j] and (both or rank[r, j] < rank[r, i])
                out[r, i, j] = seen or (i == j and rank[r, i] < 0)


def warm_up(rows: Any) -> None:
    """Order the tokens of rows, and say who sees whom."""
    from pairloom.operators.layouts.any_subset import AnySubset

    step = AnySubset()
    step.built("attention", step(rows, 0, 0, 0, None), None)
