"""First fit: pieces into the first of the last rows that has room."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["assign_first"]


@kernel
def assign_first(
    length: npt.NDArray[np.int32],
    seq_len: int,
    slots: int,
    tree: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
) -> None:
    """Row `r` is in slot `r % slots`, and leaf `slots + slot` holds its room. A new row takes the oldest one's slot."""
    rows = 0
    for index in range(len(length)):
        need = np.int64(length[index])
        # The oldest open row has slot `rows % slots`: look there and to its right, and then from the left.
        slot = _first(tree, slots, rows % slots, need) if rows > slots else -1
        if slot < 0:
            slot = _first(tree, slots, 0, need)
        if slot < 0:
            slot = rows % slots
            row[index] = rows
            rows += 1
            room = np.int64(seq_len)
        else:
            # The newest row in this slot.
            row[index] = rows - 1 - (rows - 1 - slot) % slots
            room = tree[slots + slot]
        node = slots + slot
        tree[node] = room - need
        node >>= 1
        while node >= 1:
            tree[node] = max(tree[2 * node], tree[2 * node + 1])
            node >>= 1


@inner
def _first(tree: npt.NDArray[np.int64], slots: int, start: int, need: int) -> int:
    """The first slot at or after `start` with room for `need`, or -1."""
    node = slots + start
    while tree[node] < need:
        # From a right child, whatever comes next lies beyond its parent.
        while node & 1:
            node >>= 1
        if node == 0:
            return -1
        node += 1
    while node < slots:
        node *= 2
        if tree[node] < need:
            node += 1
    return node - slots
