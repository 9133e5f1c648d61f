"""The bytes of lists of ids."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import kernel

__all__ = ["copy_tokens", "find_ends", "measure_lists"]


@kernel
def measure_lists(values: Any, offsets: Any, starts: Any, sizes: Any) -> Any:
    """Write where the bytes of each list end (`sizes`, int64, one more than lists, 0 at first); how many there are in all.

    List `i` is `values[offsets[i]:offsets[i + 1]]`, and token `t` begins at `starts[t]` of the tokens' bytes.
    """
    total = np.int64(0)
    for document in range(offsets.size - 1):
        for i in range(offsets[document], offsets[document + 1]):
            token = np.int64(values[i])
            total += starts[token + 1] - starts[token]
        sizes[document + 1] = total
    return total


@kernel
def copy_tokens(values: Any, data: Any, starts: Any, out: Any) -> None:
    """Write the bytes of all ids; `data` are the tokens' bytes."""
    place = np.int64(0)
    for i in range(values.size):
        token = np.int64(values[i])
        for j in range(starts[token], starts[token + 1]):
            out[place] = data[j]
            place += 1


@kernel
def find_ends(values: Any, offsets: Any, starts: Any, prepended: int, appended: int, ends: Any) -> None:
    """Write where each token ends in its list's bytes; the first and the last ones were put around it and have none."""
    for document in range(offsets.size - 1):
        place = np.int64(0)
        low, high = offsets[document], offsets[document + 1]
        for i in range(low, high):
            if i >= low + prepended and i < high - appended:
                token = np.int64(values[i])
                place += starts[token + 1] - starts[token]
            ends[i] = place
