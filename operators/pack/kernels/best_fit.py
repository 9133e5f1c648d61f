"""Best-fit decreasing: the longest piece first, into the fullest row that takes it."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["assign_best", "longest_first"]


@kernel
def longest_first(
    length: npt.NDArray[np.int32], begins: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> None:
    """A counting sort; among pieces of one length the earlier comes first."""
    # `begins` has a place for every length from `seq_len` down to 0, and one for the end.
    last = len(begins) - 2
    for i in range(len(length)):
        begins[last - length[i] + 1] += 1
    for n in range(last + 1):
        begins[n + 1] += begins[n]
    for i in range(len(length)):
        place = last - length[i]
        order[begins[place]] = i
        begins[place] += 1


@kernel
def assign_best(
    length: npt.NDArray[np.int32],
    order: npt.NDArray[np.int64],
    seq_len: int,
    leaves: int,
    tree: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
) -> None:
    """`tree` counts the open rows below each node; leaf `r` stands for rows with room for exactly `r` tokens."""
    # The row that got this much room last, and below it the ones before.
    head = np.full(seq_len + 1, -1, np.int64)
    below = np.empty(len(order), np.int64)
    rows = 0
    for index in order:
        need = np.int64(length[index])
        room = _smallest(tree, leaves, need)
        if room < 0:
            target = rows
            rows += 1
            left = seq_len - need
        else:
            target = head[room]
            head[room] = below[target]
            _add(tree, leaves + room, -1)
            left = room - need
        row[index] = target
        if left > 0:
            below[target] = head[left]
            head[left] = target
            _add(tree, leaves + left, 1)


@inner
def _add(tree: npt.NDArray[np.int64], node: int, change: int) -> None:
    while node >= 1:
        tree[node] += change
        node >>= 1


@inner
def _smallest(tree: npt.NDArray[np.int64], leaves: int, least: int) -> int:
    """The smallest room of at least `least` that an open row has, or -1."""
    node = leaves + least
    while tree[node] == 0:
        # From a right child, whatever is larger lies beyond its parent.
        while node & 1:
            node >>= 1
        if node == 0:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if tree[node] == 0:
            node += 1
    return node - leaves
