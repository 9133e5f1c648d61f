"""Merges found and made in sequences of ids, one merge after another; see `models/bpe/sequential.py`."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.kernels.slots import slot_of

__all__ = ["NO_PAIR", "add_merge", "find_next", "make_merges"]

NO_PAIR = np.int64(-1)


@inner
def _merge_all(
    sequence: npt.NDArray[np.int64],
    symbols: int,
    pairs: npt.NDArray[np.int64],
    merges: int,
    keys: npt.NDArray[np.int64],
    ranks: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> int:
    """Write a sequence with the first `merges` pairs merged, in their order; how many ids are left.

    `keys` and `ranks` are the table of the pairs (left << 32 | right). Places are listed by the merge that they wait for. A
    merge makes a new id, so the pairs that it makes are those of later merges, and each list is complete when its turn
    comes; what another merge has changed meanwhile is passed over.
    """
    size = len(sequence)
    for i in range(size):
        out[i] = sequence[i]
    after = np.arange(1, size + 1).astype(np.int32)
    before = np.arange(-1, size - 1).astype(np.int32)
    first = np.full(merges, -1, np.int32)
    # Every merge takes one id away, and makes two pairs at most.
    places = np.empty(3 * size, np.int32)
    following = np.empty(3 * size, np.int32)
    waiting = 0
    for i in range(size - 1, 0, -1):
        slot = slot_of(keys, (out[i - 1] << 32) | out[i])
        if keys[slot] >= 0:
            places[waiting] = i - 1
            following[waiting] = first[ranks[slot]]
            first[ranks[slot]] = waiting
            waiting += 1
    for rank in range(merges):
        left = pairs[rank, 0]
        right = pairs[rank, 1]
        product = symbols + rank
        count = 0
        at = first[rank]
        while at >= 0:
            count += 1
            at = following[at]
        turn = np.empty(count, np.int64)  # as wide as what `find_next` sorts: one sort is compiled
        at = first[rank]
        for i in range(count):
            turn[i] = places[at]
            at = following[at]
        if left == right:
            # Of a run of equals every second pair is merged, from the first.
            turn.sort()
        for i in range(count):
            place = turn[i]
            other = after[place]
            if out[place] != left or other >= size or out[other] != right:
                continue
            out[place] = product
            out[other] = -1
            behind = after[other]
            after[place] = behind
            if behind < size:
                before[behind] = place
                slot = slot_of(keys, (np.int64(product) << 32) | out[behind])
                if keys[slot] >= 0:
                    places[waiting] = place
                    following[waiting] = first[ranks[slot]]
                    first[ranks[slot]] = waiting
                    waiting += 1
            ahead = before[place]
            if ahead >= 0:
                slot = slot_of(keys, (out[ahead] << 32) | np.int64(product))
                if keys[slot] >= 0:
                    places[waiting] = ahead
                    following[waiting] = first[ranks[slot]]
                    first[ranks[slot]] = waiting
                    waiting += 1
    n = 0
    for i in range(size):
        if out[i] >= 0:
            out[n] = out[i]
            n += 1
    return n


@kernel
def find_next(
    sequence: npt.NDArray[np.int64],
    symbols: int,
    barrier: int,
    threshold: int,
    pairs: npt.NDArray[np.int64],
    merges: int,
    keys: npt.NDArray[np.int64],
    ranks: npt.NDArray[np.int64],
) -> int:
    """The most frequent pair (left << 32 | right) of a sequence after the first `merges` pairs are merged.

    Of equals that of the smaller ids, and of those with `barrier` none; NO_PAIR where none occurs `threshold` times.
    """
    own = np.empty(len(sequence), np.int64)
    size = _merge_all(sequence, symbols, pairs, merges, keys, ranks, own)
    met = np.empty(max(0, size - 1), np.int64)
    n = 0
    for i in range(size - 1):
        if own[i] != barrier and own[i + 1] != barrier:
            met[n] = (own[i] << 32) | own[i + 1]
            n += 1
    met[:n].sort()
    best = NO_PAIR
    most = max(1, threshold) - 1
    run = 0
    for i in range(n):
        run = run + 1 if i > 0 and met[i] == met[i - 1] else 1
        if run > most:
            most = run
            best = met[i]
    return best


@kernel
def add_merge(
    keys: npt.NDArray[np.int64], ranks: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64], rank: int
) -> None:
    """Put a pair into the table of pairs."""
    key = (pairs[rank, 0] << 32) | pairs[rank, 1]
    slot = slot_of(keys, key)
    keys[slot] = key
    ranks[slot] = rank


@kernel
def make_merges(
    sequence: npt.NDArray[np.int64],
    symbols: int,
    pairs: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    ranks: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> int:
    """Write a sequence with all pairs merged, in their order; how many ids are left. The table (of room for all) begins empty."""
    for rank in range(len(pairs)):
        add_merge(keys, ranks, pairs, rank)
    return _merge_all(sequence, symbols, pairs, len(pairs), keys, ranks, out)
