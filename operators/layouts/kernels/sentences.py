"""Where sentences begin, for kernels that put them together in other ways."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner

__all__ = ["begins_sentence", "find_sentences"]


@inner
def begins_sentence(ids: npt.NDArray[np.uint32], at: int, ends: npt.NDArray[np.bool_]) -> bool:
    """Whether a sentence begins behind another: where what ends one stands before what does not."""
    return ends[ids[at - 1]] and not ends[ids[at]]


@inner
def find_sentences(
    ids: npt.NDArray[np.uint32],
    first: int,
    stop: int,
    special: npt.NDArray[np.bool_],
    ends: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
) -> int:
    """How many sentences a segment has, without the special tokens that it begins and ends with.

    `starts` becomes the place of the first token of each, and behind them that after the last.
    """
    begin, end = first, stop
    while begin < end and special[ids[begin]]:
        begin += 1
    while end > begin and special[ids[end - 1]]:
        end -= 1
    count = 0
    for i in range(begin, end):
        if i == begin or begins_sentence(ids, i, ends):
            starts[count] = i
            count += 1
    starts[count] = end
    return count
