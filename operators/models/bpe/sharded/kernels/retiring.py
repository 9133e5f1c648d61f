"""Which of the merges on trial were the greedy ones: the walk down from the best pair.

A trial that is not kept is expanded, in thought: the pair (U, X) of the partitions counts for (last part of U, X). That is
exact, because the order in which pairs are kept is the order in which they were merged wherever that makes a difference
(`conflicts`); pairs without a common symbol can be merged in any order.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, inner, kernel, load_u32, load_u64, signed, store_u64
from pairloom.operators.models.bpe.kernels.heap import (
    add_ranked,
    drop_top,
    push,
    refresh_top,
    sift_down,
    take_from,
)
from pairloom.operators.models.bpe.kernels.limits import Rule, adopt, rejected, used_up
from pairloom.operators.models.bpe.kernels.pairs import Bounds
from pairloom.operators.models.bpe.sharded.kernels.applying import Around, add_neighbour
from pairloom.operators.models.bpe.sharded.kernels.counting import COUNT, find_count

__all__ = [
    "ABSENT",
    "CONFLICT",
    "DIFFERS",
    "HEAPED",
    "LISTED",
    "MADE",
    "NO_PAIR",
    "PAIRED",
    "RETIRED_ALL",
    "Arising",
    "Learned",
    "Names",
    "Trial",
    "arise",
    "check_batch",
    "conflicts",
    "heapify",
    "place_of",
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


# What stands on one side of a symbol of the batch.
_LEFT, _RIGHT = np.uint8(1), np.uint8(2)
_NONE = np.uint8(0)


class Trial(NamedTuple):
    """The batch on trial: `pairs` (int32[k, 2], ids) in the order of trial, of which pair i makes the symbol `base + i`.

    `keys` (uint64[k]) are the same as keys of the table, ascending, and `order` (int64[k]) their places in the batch.
    """

    pairs: npt.NDArray[np.int32]
    keys: npt.NDArray[np.uint64]
    order: npt.NDArray[np.int64]
    base: int


class Names(NamedTuple):
    """Symbols of the partitions, and ids.

    By symbol: `heads` and `tails` (int32), the ids of its first and last part as far as merges are made. By id: `symbols`
    (int32), what the partitions call it, and `sizes` (int32), its bytes.
    """

    heads: npt.NDArray[np.int32]
    tails: npt.NDArray[np.int32]
    symbols: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int32]


class Arising(NamedTuple):
    """Where pairs that arise go: `table` (`counting.py`), `heap`, and `listed` (int32[n, 2], ids).

    Each has room for one pair for each entry of the partitions' answers. `around` (int64, zero) and `touched` (uint32) are
    room to add up in, by id.
    """

    table: npt.NDArray[np.uint64]
    heap: npt.NDArray[np.uint64]
    listed: npt.NDArray[np.int32]
    around: npt.NDArray[np.int64]
    touched: npt.NDArray[np.uint32]


class Learned(NamedTuple):
    """The merges, int32[wanted, 2], and which of the batch are among them, bool[k]."""

    merges: npt.NDArray[np.int32]
    kept: npt.NDArray[np.bool_]


@kernel
def heapify(heap: npt.NDArray[np.uint64], size: int) -> None:
    """Make a heap of `size` entries (count, key)."""
    base = address(heap)
    for at in range((size - 2) >> 2, -1, -1):
        sift_down(base, size, at, load_u64(base + 16 * at), load_u64(base + 16 * at + 8))


@kernel
def pop_best(
    best: npt.NDArray[np.uint64],
    threshold: int,
    table: npt.NDArray[np.uint64],
    heap: npt.NDArray[np.uint64],
    rule: Rule,
    state: npt.NDArray[np.int64],
) -> int:
    """Take the best pairs out of the heap, best first: (count, key) into `best` (uint64[k, 2]); returns how many.

    Those of a script that is used up are taken out for good.
    """
    top, slots, mask = address(heap), address(table), len(table) // 2 - 1
    n = 0
    while n < len(best):
        heaped = refresh_top(top, state[HEAPED], slots, mask, COUNT, threshold)
        state[HEAPED] = heaped
        if heaped == 0:
            break
        best[n, 0], best[n, 1] = load_u64(top), load_u64(top + 8)
        pair = signed(best[n, 1]) - 1
        n += 0 if used_up(rule, pair >> 32, pair & 0xFFFFFFFF) else 1
        state[HEAPED] = drop_top(top, heaped)
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


@inner
def place_of(keys: npt.NDArray[np.uint64], key: np.uint64) -> int:
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
    trial: Trial,
    answers: Around,
    names: Names,
    flags: npt.NDArray[np.uint8],
    sums: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint64],
) -> int:
    """Expand everything that is on trial: the counts of the batch's pairs must be what they were.

    See `retire` for the answers. `flags` (uint8, one an id) is zero before and after, `sums` int64[k]. Returns -1, or the
    first pair of the batch whose count differs from the one in the table, if it is there.
    """
    slots, mask = address(table), len(table) // 2 - 1
    batch, keys, order, base = trial.pairs, trial.keys, trial.order, trial.base
    symbols, counts, ends, totals = answers.symbols, answers.counts, answers.ends, answers.totals
    heads, tails = names.heads, names.tails
    k = len(batch)
    for i in range(k):
        flags[batch[i, 0]] |= _LEFT
        flags[batch[i, 1]] |= _RIGHT
        sums[i] = 0
        for part in range(len(totals)):
            sums[i] += totals[part, i]
    for part in range(len(ends)):
        for i in range(k):
            a, b = signed(batch[i, 0]), signed(batch[i, 1])
            if flags[a] & _RIGHT:
                for e in range(ends[part, 2 * i], ends[part, 2 * i + 1]):
                    u = signed(tails[symbols[e]])
                    if flags[u] & _LEFT:
                        at = place_of(keys, np.uint64((u << 32 | a) + 1))
                        if at >= 0:
                            sums[order[at]] += counts[e]
            if flags[b] & _LEFT:
                for e in range(ends[part, 2 * i + 1], ends[part, 2 * i + 2]):
                    other = signed(symbols[e])
                    # Where both are on trial, it was counted from the right one.
                    if other < base:
                        v = signed(heads[other])
                        if flags[v] & _RIGHT:
                            at = place_of(keys, np.uint64((b << 32 | v) + 1))
                            if at >= 0:
                                sums[order[at]] += counts[e]
    wrong = -1
    for i in range(k - 1, -1, -1):
        flags[batch[i, 0]] = flags[batch[i, 1]] = _NONE
        key = np.uint64((signed(batch[i, 0]) << 32 | signed(batch[i, 1])) + 1)
        slot = find_count(slots, mask, key)
        if load_u64(slot) != _ZERO and signed(load_u64(slot + 8)) != sums[i]:
            wrong = i
    return wrong


@inner
def conflicts(batch: npt.NDArray[np.int32], kept: npt.NDArray[np.bool_], j: int) -> bool:
    """Whether a pair that was merged before pair j, and is not kept (yet), shares a symbol with it where they meet."""
    for i in range(j):
        if not kept[i] and (batch[i, 1] == batch[j, 0] or batch[i, 0] == batch[j, 1]):
            return True
    return False


@inner
def arise(
    j: int,
    product: int,
    key: np.uint64,
    trial: Trial,
    answers: Around,
    row: int,
    end: int,
    names: Names,
    bounds: Bounds,
    slots: int,
    mask: int,
    top: int,
    arising: Arising,
    begin: int,
    rule: Rule,
    state: npt.NDArray[np.int64],
) -> bool:
    """Count what a merge of the batch's pair j takes away and makes, by the answers from `row` to `end`.

    `slots`, `mask` and `top` are the table and the heap, `begin` is where the pairs that arise are listed. Returns whether every
    pair occurs as often as it is lost.
    """
    symbols, counts, ends = answers.symbols, answers.counts, answers.ends
    heads, tails, sizes = names.heads, names.tails, names.sizes
    hist, found = address(arising.around), address(arising.touched)
    a, b = signed(trial.pairs[j, 0]), signed(trial.pairs[j, 1])
    size = signed(sizes[product])
    for side in range(2):
        n = 0
        for part in range(row, end):
            for e in range(ends[part, 2 * j + side], ends[part, 2 * j + side + 1]):
                other = signed(tails[symbols[e]]) if side == 0 else signed(heads[symbols[e]])
                n = add_neighbour(hist, found, n, other, np.uint64(counts[e]))
        for k in range(n):
            other = signed(load_u32(found + 4 * k))
            weight = signed(load_u64(hist + 8 * other))
            store_u64(hist + 8 * other, _ZERO)
            # What stood there when it was two symbols.
            before = b if other == product else other
            losing = before << 32 | a if side == 0 else b << 32 | before
            loser = find_count(slots, mask, np.uint64(losing + 1))
            if np.uint64(losing + 1) != key and load_u64(loser) != _ZERO:
                if signed(load_u64(loser + 8)) < weight:
                    return False
                take_from(loser, weight)
            left, right = (other, product) if side == 0 else (product, other)
            if (
                weight >= bounds.threshold
                and size + signed(sizes[other]) < bounds.longest
                and not rejected(rule, left, right)
            ):
                newcomer = np.uint64((left << 32 | right) + 1)
                add_ranked(find_count(slots, mask, newcomer), top, state[HEAPED], newcomer, weight)
                state[PAIRED] += 1
                state[HEAPED] += 1
                arising.listed[begin + state[LISTED], 0] = left
                arising.listed[begin + state[LISTED], 1] = right
                state[LISTED] += 1
    return True


@kernel
def retire(
    wanted: int,
    bounds: Bounds,
    trial: Trial,
    answers: Around,
    names: Names,
    arising: Arising,
    learned: Learned,
    rule: Rule,
    state: npt.NDArray[np.int64],
) -> int:
    """Make merges for as long as the best pair is one on trial whose trial is exact, up to `wanted` in all.

    `answers` are those of the partitions, one after another: `ends` and `totals` have a row for each, and `ends` count from
    the first. Pairs that arise are ranked where they are within `bounds` and `rule` does not reject them.
    """
    batch, base = trial.pairs, trial.base
    ends, heads, tails, sizes = answers.ends, names.heads, names.tails, names.sizes
    slots, top = address(arising.table), address(arising.heap)
    mask = len(arising.table) // 2 - 1
    while state[MADE] < wanted:
        heaped = refresh_top(top, state[HEAPED], slots, mask, COUNT, bounds.threshold)
        state[HEAPED] = heaped
        if heaped == 0:
            return NO_PAIR
        key = load_u64(top + 8)
        if used_up(rule, (signed(key) - 1) >> 32, (signed(key) - 1) & 0xFFFFFFFF):
            state[HEAPED] = drop_top(top, heaped)
            continue
        at = place_of(trial.keys, key)
        if at < 0:
            return ABSENT
        j = trial.order[at]
        if conflicts(batch, learned.kept, j):
            return CONFLICT
        state[HEAPED] = drop_top(top, heaped)
        store_u64(find_count(slots, mask, key) + 8, _ZERO)
        a, b = signed(batch[j, 0]), signed(batch[j, 1])
        made = state[MADE]
        product = bounds.first + made
        learned.merges[made, 0], learned.merges[made, 1] = a, b
        size = signed(sizes[a]) + signed(sizes[b])
        sizes[product] = size
        adopt(rule, a, b, product)
        heads[base + j] = tails[base + j] = product
        names.symbols[product] = base + j
        learned.kept[j] = True
        state[MADE] = made + 1
        if not arise(
            j,
            product,
            key,
            trial,
            answers,
            0,
            len(ends),
            names,
            bounds,
            slots,
            mask,
            top,
            arising,
            0,
            rule,
            state,
        ):
            return DIFFERS
    return RETIRED_ALL
