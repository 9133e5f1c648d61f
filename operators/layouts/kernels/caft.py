"""The kernel of targets further ahead."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel
from pairloom.operators.layouts.kernels.draws import Rows

__all__ = ["look_ahead", "warm_up"]


@kernel
def look_ahead(rows: Rows, within: npt.NDArray[np.int64], labels: npt.NDArray[np.int32]) -> None:
    """For head `h`, labels[h] [b, seq_len] becomes the token 1 + h places on, within the segment; it begins as -100.

    Where `within` [b, seq_len] has places, a head after the first predicts only what all lies in one run of a value that is
    not 0: the token, and those between.
    """
    for r in range(len(rows.ids)):
        stop = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            for i in range(first, stop):
                for h in range(min(len(labels), stop - i - 1)):
                    at = i + 1 + h
                    if (
                        h > 0
                        and within.shape[1] > 0
                        and (within[r, at] == 0 or within[r, at] != within[r, at - 1])
                    ):
                        break
                    labels[h, r, i] = np.int32(rows.ids[r, at])


def warm_up(rows: Any) -> None:
    """Look ahead in rows."""
    from pairloom.operators.layouts.caft import Caft

    Caft()(rows, 0, 0, 0, None)
