"""Which of the merges on trial were the greedy ones: the walk down from the best pair.

A trial that is not kept is expanded, in thought: the pair (U, X) of the partitions counts for (last part of U, X). That is
exact, because the order in which pairs are kept is the order in which they were merged wherever that makes a difference
(`conflicts`); pairs without a common symbol can be merged in any order.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, kernel, load_u32, load_u64, signed, store_u32, store_u64
from pairloom.operators.models.bpe.heap import push, sift_down
from pairloom.operators.models.bpe.limits import adopt, rejected
from pairloom.operators.models.bpe.sharded.counting import find_count

__all__ = [
    "ABSENT",
    "CONFLICT",
    "DIFFERS",
    "NO_PAIR",
    "RETIRED_ALL",
    "check_batch",
    "heapify",
    "pop_best",
    "push_back",
    "retire",
]

# How `retire` ends: enough merges; no pair in the heap; the best pair is not on trial; it was tried too late; a count is
# not what it must be.
RETIRED_ALL, NO_PAIR, ABSENT, CONFLICT, DIFFERS = 0, 1, 2, 3, 4
# What `state` holds: merges made, entries of the heap, pairs in the table, pairs to list.
MADE, HEAPED, PAIRED, LISTED = 0, 1, 2, 3

_ZERO = np.uint64(0)


@kernel
def heapify(heap: npt.NDArray[np.uint64], size: int) -> None:
    """Make a heap of `size` entries (count, key)."""
    base = address(heap)
    for at in range((size - 2) >> 2, -1, -1):
        sift_down(base, size, at, load_u64(base + 16 * at), load_u64(base + 16 * at + 8))


@kernel
def _refresh(top: int, heaped: int, slots: int, mask: int, threshold: int) -> int:
    """Bring the best pair to the top, dropping what fell below the threshold; returns the heap's size. Takes addresses."""
    while heaped:
        key = load_u64(top + 8)
        slot = find_count(slots, mask, key)
        true = signed(load_u64(slot + 8)) if load_u64(slot) == key else 0
        if true == signed(load_u64(top)):
            break
        if true >= threshold:
            sift_down(top, heaped, 0, np.uint64(true), key)
        else:
            heaped -= 1
            sift_down(top, heaped, 0, load_u64(top + 16 * heaped), load_u64(top + 16 * heaped + 8))
    return heaped


@kernel
def pop_best(
    best: npt.NDArray[np.uint64],
    threshold: int,
    table: npt.NDArray[np.uint64],
    heap: npt.NDArray[np.uint64],
    state: npt.NDArray[np.int64],
) -> int:
    """Take the best pairs out of the heap, best first: (count, key) into `best` (uint64[k, 2]); returns how many."""
    top, slots, mask = address(heap), address(table), len(table) // 2 - 1
    n = 0
    while n < len(best):
        heaped = _refresh(top, state[HEAPED], slots, mask, threshold)
        state[HEAPED] = heaped
        if heaped == 0:
            break
        best[n, 0], best[n, 1] = load_u64(top), load_u64(top + 8)
        n += 1
        state[HEAPED] = heaped - 1
        sift_down(
            top, heaped - 1, 0, load_u64(top + 16 * (heaped - 1)), load_u64(top + 16 * (heaped - 1) + 8)
        )
    return n


@kernel
def push_back(
    best: npt.NDArray[np.uint64], heap: npt.NDArray[np.uint64], state: npt.NDArray[np.int64]
) -> None:
    """Put entries (uint64[k, 2]) into the heap, which has room for them."""
    top = address(heap)
    for i in range(len(best)):
        push(top, state[HEAPED], best[i, 0], best[i, 1])
        state[HEAPED] += 1


@kernel
def _place_of(keys: npt.NDArray[np.uint64], key: np.uint64) -> int:
    """Where `key` is in ascending `keys`; -1 where it is not."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < len(keys) and keys[low] == key else -1


@kernel
def check_batch(
    batch: npt.NDArray[np.int32],
    keys: npt.NDArray[np.uint64],
    order: npt.NDArray[np.int64],
    base: int,
    symbols: npt.NDArray[np.uint32],
    counts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    totals: npt.NDArray[np.int64],
    heads: npt.NDArray[np.int32],
    tails: npt.NDArray[np.int32],
    flags: npt.NDArray[np.uint8],
    sums: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint64],
) -> int:
    """Expand everything that is on trial: the counts of the batch's pairs must be what they were.

    See `retire` for the arguments; `flags` (uint8, one an id) is zero before and after, `sums` int64[k]. Returns -1, or
    the first pair of the batch whose count differs.
    """
    slots, mask = address(table), len(table) // 2 - 1
    k = len(batch)
    for i in range(k):
        flags[batch[i, 0]] |= np.uint8(1)
        flags[batch[i, 1]] |= np.uint8(2)
        sums[i] = 0
        for part in range(len(totals)):
            sums[i] += totals[part, i]
    for part in range(len(ends)):
        for i in range(k):
            a, b = signed(batch[i, 0]), signed(batch[i, 1])
            if flags[a] & np.uint8(2):
                for e in range(ends[part, 2 * i], ends[part, 2 * i + 1]):
                    u = signed(tails[symbols[e]])
                    if flags[u] & np.uint8(1):
                        at = _place_of(keys, np.uint64((u << 32 | a) + 1))
                        if at >= 0:
                            sums[order[at]] += counts[e]
            if flags[b] & np.uint8(1):
                for e in range(ends[part, 2 * i + 1], ends[part, 2 * i + 2]):
                    other = signed(symbols[e])
                    if other < base:  # where both are on trial, it was counted from the right one
                        v = signed(heads[other])
                        if flags[v] & np.uint8(2):
                            at = _place_of(keys, np.uint64((b << 32 | v) + 1))
                            if at >= 0:
                                sums[order[at]] += counts[e]
    wrong = -1
    for i in range(k - 1, -1, -1):
        flags[batch[i, 0]] = flags[batch[i, 1]] = np.uint8(0)
        key = np.uint64((signed(batch[i, 0]) << 32 | signed(batch[i, 1])) + 1)
        if signed(load_u64(find_count(slots, mask, key) + 8)) != sums[i]:
            wrong = i
    return wrong


@kernel
def _conflicts(batch: npt.NDArray[np.int32], kept: npt.NDArray[np.bool_], j: int) -> bool:
    """Whether a pair that was merged before pair j, and is not kept (yet), shares a symbol with it where they meet."""
    for i in range(j):
        if not kept[i] and (batch[i, 1] == batch[j, 0] or batch[i, 0] == batch[j, 1]):
            return True
    return False


@kernel
def retire(
    wanted: int,
    first: int,
    longest: int,
    threshold: int,
    batch: npt.NDArray[np.int32],
    keys: npt.NDArray[np.uint64],
    order: npt.NDArray[np.int64],
    base: int,
    symbols: npt.NDArray[np.uint32],
    counts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    heads: npt.NDArray[np.int32],
    tails: npt.NDArray[np.int32],
    names: npt.NDArray[np.int32],
    sizes: npt.NDArray[np.int32],
    table: npt.NDArray[np.uint64],
    heap: npt.NDArray[np.uint64],
    around: npt.NDArray[np.int64],
    touched: npt.NDArray[np.uint32],
    merges: npt.NDArray[np.int32],
    kept: npt.NDArray[np.bool_],
    listed: npt.NDArray[np.int32],
    rule: tuple[int, ...],
    state: npt.NDArray[np.int64],
) -> int:
    """Make merges for as long as the best pair is one on trial whose trial is exact.

    `batch` (int32[k, 2], ids) in the order of trial; `keys` (uint64[k]) the same as keys of the table, ascending, and
    `order` their places in the batch. The partitions' answers: `symbols`, `counts` and `ends` (int64[parts, 2k + 1]), as
    `Neighbours`, one after another. Of the partitions' symbols, `heads` and `tails` are the ids of the first and last part
    as far as merges are made. By id: `names`, the symbol; `sizes`, bytes (int32); `around` (int64, zero) and `touched`
    (uint32). Pairs that arise go to `table`, `heap` and `listed` (int32[n, 2], ids) where they reach `threshold`, their
    product has fewer than `longest` bytes and `rule` (`bpe/limits.py`) does not reject it. Table, heap and `listed` have
    room for one pair for each entry of `symbols`. `merges` and `kept` (bool[k]) are written.
    """
    slots, top, hist, found = address(table), address(heap), address(around), address(touched)
    mask = len(table) // 2 - 1
    parts = len(ends)
    while state[MADE] < wanted:
        heaped = _refresh(top, state[HEAPED], slots, mask, threshold)
        state[HEAPED] = heaped
        if heaped == 0:
            return NO_PAIR
        key = load_u64(top + 8)
        at = _place_of(keys, key)
        if at < 0:
            return ABSENT
        j = order[at]
        if _conflicts(batch, kept, j):
            return CONFLICT
        state[HEAPED] = heaped - 1
        sift_down(
            top, heaped - 1, 0, load_u64(top + 16 * (heaped - 1)), load_u64(top + 16 * (heaped - 1) + 8)
        )
        store_u64(find_count(slots, mask, key) + 8, _ZERO)
        a, b = signed(batch[j, 0]), signed(batch[j, 1])
        made = state[MADE]
        product = first + made
        merges[made, 0], merges[made, 1] = a, b
        size = signed(sizes[a]) + signed(sizes[b])
        sizes[product] = size
        adopt(rule, a, b, product)
        heads[base + j] = tails[base + j] = product
        names[product] = base + j
        kept[j] = True
        state[MADE] = made + 1
        for side in range(2):
            n = 0
            for part in range(parts):
                for e in range(ends[part, 2 * j + side], ends[part, 2 * j + side + 1]):
                    other = signed(tails[symbols[e]]) if side == 0 else signed(heads[symbols[e]])
                    entry = hist + 8 * other
                    held = load_u64(entry)
                    if held == _ZERO:
                        store_u32(found + 4 * n, np.uint32(other))
                        n += 1
                    store_u64(entry, held + np.uint64(counts[e]))
            for k in range(n):
                other = signed(load_u32(found + 4 * k))
                entry = hist + 8 * other
                weight = signed(load_u64(entry))
                store_u64(entry, _ZERO)
                before = b if other == product else other  # what stood there when it was two symbols
                losing = before << 32 | a if side == 0 else b << 32 | before
                loser = find_count(slots, mask, np.uint64(losing + 1))
                if np.uint64(losing + 1) != key and load_u64(loser) != _ZERO:
                    rest = signed(load_u64(loser + 8)) - weight
                    if rest < 0:
                        return DIFFERS
                    store_u64(loser + 8, np.uint64(rest))
                left, right = (other, product) if side == 0 else (product, other)
                if (
                    weight >= threshold
                    and size + signed(sizes[other]) < longest
                    and not rejected(rule, left, right)
                ):
                    pair = left << 32 | right
                    fresh = find_count(slots, mask, np.uint64(pair + 1))
                    store_u64(fresh, np.uint64(pair + 1))
                    store_u64(fresh + 8, np.uint64(weight))
                    state[PAIRED] += 1
                    push(top, state[HEAPED], np.uint64(weight), np.uint64(pair + 1))
                    state[HEAPED] += 1
                    listed[state[LISTED], 0] = pair >> 32
                    listed[state[LISTED], 1] = pair & 0xFFFFFFFF
                    state[LISTED] += 1
    return RETIRED_ALL
