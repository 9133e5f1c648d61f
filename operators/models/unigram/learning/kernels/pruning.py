"""What the corpus would lose if a piece were taken away."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import kernel
from pairloom.operators.models.bpe.kernels.trie import ROOT
from pairloom.operators.models.unigram.learning.kernels.arithmetic import logarithm
from pairloom.operators.models.unigram.learning.kernels.expecting import width

__all__ = ["DROP", "KEEP", "losses"]

DROP, KEEP = 0, 1
"""What becomes of a piece without more ado: it is dropped, or kept. Where it is neither, its loss decides."""


@kernel
def losses(
    data: Any, offsets: Any, slots: Any, scores: Any, used: Any, state: Any, lost: Any, totals: Any, last: Any
) -> None:
    """Write what becomes of each piece (`state` int8), or -1 and by how much the log-likelihood falls without it (`lost` float64).

    `used` (int64) is how often each is in the best spellings. Without a piece, its text is spelled by the best of the others; one
    whose text is spelled better by others anyway, or that is not used, is dropped, one that no others spell kept.
    `totals` is float64[n + 1] and `last` int64[2, n + 1] for pieces of up to n bytes.
    """
    whole = np.int64(0)
    for piece in range(len(scores)):
        whole += used[piece]
    log_whole = logarithm(np.float64(max(whole, 1)))
    for piece in range(len(scores)):
        lost[piece] = 0.0
        if used[piece] == 0:
            state[piece] = DROP
            continue
        begin, stop = offsets[piece], offsets[piece + 1]
        length = stop - begin
        for i in range(length + 1):
            last[0, i] = -1
        totals[0], last[0, 0] = 0.0, 0
        at = begin
        while at < stop:
            if last[0, at - begin] >= 0:
                here = totals[at - begin]
                base = np.int64(ROOT)
                i = at
                while i < stop:
                    byte = np.int64(data[i])
                    slot = slots[base ^ byte]
                    if np.int64(slot & np.uint64(511)) != byte + 1:
                        break
                    i += 1
                    other = np.int64(slot >> np.uint64(33)) - 1
                    end = i - begin
                    if (
                        other >= 0
                        and other != piece
                        and (last[0, end] < 0 or here + scores[other] > totals[end])
                    ):
                        totals[end], last[0, end], last[1, end] = here + scores[other], at - begin, other
                    base = np.int64(slot >> np.uint64(9)) & 0xFFFFFF
                    if base == 0:
                        break
            at += min(width(data[at]), stop - at)
        if last[0, length] < 0:
            state[piece] = KEEP
            continue
        if totals[length] > scores[piece]:
            state[piece] = DROP
            continue
        parts = 0
        end = length
        while end > 0:
            parts += 1
            end = last[0, end]
        freed = np.float64(used[piece])
        log_after = logarithm(np.float64(whole) + freed * (parts - 1))
        after = 0.0
        end = length
        while end > 0:
            after += logarithm(np.float64(used[last[1, end]]) + freed) - log_after
            end = last[0, end]
        state[piece] = -1
        lost[piece] = freed * (logarithm(freed) - log_whole - after)
