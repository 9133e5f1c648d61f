"""LZW's dictionary, the greedy parse by any, and merges found and made in sequences of ids."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["apply_merges", "find_merges", "grow_entries", "parse_longest", "warm_up"]

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio


@inner
def _room(entries: int) -> int:
    """How large a table for so many entries is: a power of two, at least half empty."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return size


@inner
def _slot(keys: npt.NDArray[np.int64], key: int) -> int:
    """Where a key (0 or more) stands in a table, or where it would; -1 stands in what is free."""
    mask = len(keys) - 1
    slot = np.int64((np.uint64(key) * _SPREAD) >> np.uint64(24)) & mask
    while keys[slot] != key and keys[slot] >= 0:
        slot = (slot + 1) & mask
    return slot


@kernel
def grow_entries(
    data: npt.NDArray[np.uint8], shorter: npt.NDArray[np.int32], last: npt.NDArray[np.uint8]
) -> int:
    """Grow LZW's dictionary until `shorter` is full or the text ends; how many entries it then has, the bytes among them.

    Entry i from 256 on is entry `shorter[i]` and the byte `last[i]`.
    """
    size = len(shorter)
    keys = np.full(_room(size), -1, np.int64)
    longer = np.empty(len(keys), np.int32)
    n = 256
    i = 0
    while i < len(data) and n < size:
        entry = np.int64(data[i])
        i += 1
        while i < len(data):
            key = (entry << 8) | np.int64(data[i])
            slot = _slot(keys, key)
            if keys[slot] < 0:
                keys[slot] = key
                longer[slot] = n
                shorter[n] = entry
                last[n] = data[i]
                n += 1
                break
            entry = np.int64(longer[slot])
            i += 1
    return n


@kernel
def parse_longest(
    data: npt.NDArray[np.uint8],
    entries: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    ids: npt.NDArray[np.int32],
) -> tuple[int, int]:
    """Write the longest entry (`entries[offsets[k]:offsets[k + 1]]`) at each place; (ids written, bytes that they take).

    Of equal entries the last counts. It ends early where no entry fits.
    """
    keys = np.full(_room(len(entries)), -1, np.int64)
    nodes = np.empty(len(keys), np.int64)
    # Node 0 is no byte; what leads to it is never looked up.
    entry_of = np.full(len(entries) + 1, -1, np.int32)
    used = 1
    for k in range(len(offsets) - 1):
        node = np.int64(0)
        for j in range(offsets[k], offsets[k + 1]):
            key = (node << 8) | np.int64(entries[j])
            slot = _slot(keys, key)
            if keys[slot] < 0:
                keys[slot] = key
                nodes[slot] = used
                used += 1
            node = nodes[slot]
        entry_of[node] = k
    n = 0
    start = 0
    while start < len(data):
        node = np.int64(0)
        found = np.int32(-1)
        end = start
        for i in range(start, len(data)):
            slot = _slot(keys, (node << 8) | np.int64(data[i]))
            if keys[slot] < 0:
                break
            node = nodes[slot]
            if entry_of[node] >= 0:
                found = entry_of[node]
                end = i + 1
        if end == start:
            break
        ids[n] = found
        n += 1
        start = end
    return n, start


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
    out[:size] = sequence
    after = np.arange(1, size + 1).astype(np.int32)
    before = np.arange(-1, size - 1).astype(np.int32)
    first = np.full(merges, -1, np.int32)
    # Every merge takes one id away, and makes two pairs at most.
    places = np.empty(3 * size, np.int32)
    following = np.empty(3 * size, np.int32)
    waiting = 0
    for i in range(size - 1, 0, -1):
        slot = _slot(keys, (out[i - 1] << 32) | out[i])
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
        turn = np.empty(count, np.int32)
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
                slot = _slot(keys, (np.int64(product) << 32) | out[behind])
                if keys[slot] >= 0:
                    places[waiting] = place
                    following[waiting] = first[ranks[slot]]
                    first[ranks[slot]] = waiting
                    waiting += 1
            ahead = before[place]
            if ahead >= 0:
                slot = _slot(keys, (out[ahead] << 32) | np.int64(product))
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
def find_merges(
    sequence: npt.NDArray[np.int64], symbols: int, threshold: int, pairs: npt.NDArray[np.int64]
) -> int:
    """Write a merge for each of as many equal parts of a sequence as `pairs` has rows; how many are found.

    Each is the most frequent pair of its part after the merges before it, if it occurs `threshold` times.
    """
    parts = len(pairs)
    keys = np.full(_room(parts), -1, np.int64)
    ranks = np.empty(len(keys), np.int64)
    own = np.empty(len(sequence) // max(1, parts) + 1, np.int64)
    begin = 0
    for part in range(parts):
        end = begin + len(sequence) // parts + (1 if part < len(sequence) % parts else 0)
        size = _merge_all(sequence[begin:end], symbols, pairs, part, keys, ranks, own)
        begin = end
        if size < 2:
            return part
        met = np.empty(size - 1, np.int64)
        for i in range(size - 1):
            met[i] = (own[i] << 32) | own[i + 1]
        met.sort()
        best = np.int64(0)
        most = 0
        run = 0
        for i in range(size - 1):
            run = run + 1 if i > 0 and met[i] == met[i - 1] else 1
            if run > most:
                most = run
                best = met[i]
        if most < threshold:
            return part
        pairs[part, 0] = best >> 32
        pairs[part, 1] = best & 0xFFFFFFFF
        slot = _slot(keys, best)
        keys[slot] = best
        ranks[slot] = part
    return parts


@kernel
def apply_merges(
    sequence: npt.NDArray[np.int64], symbols: int, pairs: npt.NDArray[np.int64], out: npt.NDArray[np.int64]
) -> int:
    """Write a sequence with all pairs merged, in their order; how many ids are left."""
    keys = np.full(_room(len(pairs)), -1, np.int64)
    ranks = np.empty(len(keys), np.int64)
    for rank in range(len(pairs)):
        key = (pairs[rank, 0] << 32) | pairs[rank, 1]
        slot = _slot(keys, key)
        keys[slot] = key
        ranks[slot] = rank
    return _merge_all(sequence, symbols, pairs, len(pairs), keys, ranks, out)


def warm_up(schemes: tuple[str, ...]) -> None:
    """Grow both dictionaries from the sample, and encode it with them."""
    from pairloom.operators.evaluate.theory.dictionaries import lzw_dictionary, lzw_encode, sequential_bpe

    data = "".join(SAMPLE).encode()
    lzw_encode(data, lzw_dictionary(data, 300))
    sequential_bpe(np.frombuffer(data, np.uint8).astype(np.int64), 256, 2)
