"""First fit over a bounded number of open rows: pieces keep about the order they come in."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["OPEN_ROWS", "first_fit"]

OPEN_ROWS = 1024  # a power of two


def first_fit(
    length: npt.NDArray[np.int32], seq_len: int, open_rows: int = OPEN_ROWS
) -> npt.NDArray[np.int64]:
    """The row of each piece: the first of the last `open_rows` rows that has room, else a new one.

    A tree of the greatest room below each node finds that row in O(log open_rows). `open_rows` is a power of two.
    """
    row = np.empty(len(length), np.int64)
    _assign(length, seq_len, open_rows, np.zeros(2 * open_rows, np.int64), row)
    return row


@kernel
def _assign(
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


@kernel
def _first(tree: npt.NDArray[np.int64], slots: int, start: int, need: int) -> int:
    """The first slot at or after `start` with room for `need`, or -1."""
    node = slots + start
    while tree[node] < need:
        while node & 1:  # a right child: whatever comes next lies beyond its parent
            node >>= 1
        if node == 0:
            return -1
        node += 1
    while node < slots:
        node *= 2
        if tree[node] < need:
            node += 1
    return node - slots
