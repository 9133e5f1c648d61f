"""Best-fit decreasing: the longest piece first, into the fullest row that takes it.

A tree over the room that is left in rows finds that row in O(log seq_len); see Johnson, "Near-optimal bin packing
algorithms" (1973), and Ding et al., "Fewer truncations improve language modeling" (2024), for its use on documents.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["best_fit"]


def best_fit(length: npt.NDArray[np.int32], seq_len: int) -> npt.NDArray[np.int64]:
    """The row of each piece, by best-fit decreasing."""
    order = np.empty(len(length), np.int64)
    _longest_first(length, np.zeros(seq_len + 2, np.int64), order)
    leaves = 1
    while leaves < seq_len + 1:
        leaves *= 2
    row = np.empty(len(length), np.int64)
    _assign(length, order, seq_len, leaves, np.zeros(2 * leaves, np.int64), row)
    return row


@kernel
def _longest_first(
    length: npt.NDArray[np.int32], begins: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> None:
    """A counting sort; among pieces of one length the earlier comes first."""
    last = (
        len(begins) - 2
    )  # of `begins`, which has a place for every length from `seq_len` down to 0, and one for the end
    for i in range(len(length)):
        begins[last - length[i] + 1] += 1
    for n in range(last + 1):
        begins[n + 1] += begins[n]
    for i in range(len(length)):
        place = last - length[i]
        order[begins[place]] = i
        begins[place] += 1


@kernel
def _assign(
    length: npt.NDArray[np.int32],
    order: npt.NDArray[np.int64],
    seq_len: int,
    leaves: int,
    tree: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
) -> None:
    """`tree` counts the open rows below each node; leaf `r` stands for rows with room for exactly `r` tokens."""
    head = np.full(
        seq_len + 1, -1, np.int64
    )  # the row that got this much room last, and below it the ones before
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


@kernel
def _add(tree: npt.NDArray[np.int64], node: int, change: int) -> None:
    while node >= 1:
        tree[node] += change
        node >>= 1


@kernel
def _smallest(tree: npt.NDArray[np.int64], leaves: int, least: int) -> int:
    """The smallest room of at least `least` that an open row has, or -1."""
    node = leaves + least
    while tree[node] == 0:
        while node & 1:  # a right child: whatever is larger lies beyond its parent
            node >>= 1
        if node == 0:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if tree[node] == 0:
            node += 1
    return node - leaves
