"""The words of a corpus as one array of symbols, in which a merge is a handful of writes.

Each byte of a word has one slot of the uint32 array, and each token covers as many slots as it has bytes. The first and
the last slot of a token hold its id and the ones between hold HOLE, so that from any token both neighbours are one step
away, without a list, and a merge moves nothing. Before each word stand two slots with its count in base 2^32 - 2^24, each
digit raised by MARK, so that they are never an id and end the word before them as well.

    count  count  t   h   e   count count ...  MARK          merge (h, e) -> X:   t  X  X

Where words come as tokens of an earlier vocabulary (superwords), each of these takes one slot, and what is said of bytes
holds of them.

Words of LONG slots and more come last. From a token of a short word its count is found by walking back to the word's
start; for long words `owners` names the word of each block of LONG slots, since a block meets at most two of them.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    copy_bytes,
    inner,
    kernel,
    load_u8,
    load_u32,
    load_u64,
    prefetch,
    signed,
    store_u32,
    store_u64,
)

__all__ = [
    "AHEAD",
    "BASE",
    "HOLE",
    "LONG",
    "LONGEST",
    "MARK",
    "Places",
    "WordArrays",
    "ask_for",
    "count_bytes",
    "join",
    "lay_out",
    "lay_out_tokens",
    "measure",
    "places_of",
    "word_count",
]

MARK = 1 << 24
HOLE = MARK - 1
LONG = 64
# Positions whose symbols are asked for in advance.
AHEAD = 12
BASE = (1 << 32) - MARK
# What `sizes` of `measure` holds: short words, their symbols, long words, their symbols, the symbols of the longest word.
SHORTS, SHORT_SYMBOLS, LONGS, LONG_SYMBOLS, LONGEST = 0, 1, 2, 3, 4
# What `cursors` of `lay_out` holds: the next slot for short words, the next for long ones, long words written, blocks owned.
NEXT_SHORT, NEXT_LONG, LONGS_WRITTEN, BLOCKS_OWNED = 0, 1, 2, 3


class WordArrays(NamedTuple):
    """The words, laid out.

    `symbols` is uint32[2 * words + symbols of all + 1], `split` the slot from which the long words stand, `starts`
    int64[long words + 1] the first slot (of the count) of each long word, `owners` uint32[(slots - split) // LONG + 1] the
    long word that holds the first slot of each block, and `counts` int64[long words] their counts.
    """

    symbols: npt.NDArray[np.uint32]
    split: int
    starts: npt.NDArray[np.int64]
    owners: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.int64]


class Places(NamedTuple):
    """The addresses of `WordArrays`."""

    text: int
    split: int
    starts: int
    owners: int
    counts: int


@inner
def places_of(words: WordArrays) -> Places:
    """The addresses of the words' arrays."""
    return Places(
        address(words.symbols),
        words.split,
        address(words.starts),
        address(words.owners),
        address(words.counts),
    )


@kernel
def count_bytes(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
) -> None:
    """Add up how often each byte occurs, in `sums`, int64[2, 256]: the sums of the counts' high and low 32 bits."""
    base = address(data)
    for i in range(len(counts)):
        high, low = counts[i] >> 32, counts[i] & 0xFFFFFFFF
        for p in range(offsets[i], offsets[i + 1]):
            byte = load_u8(base + p)
            sums[0, byte] += high
            sums[1, byte] += low


@kernel
def measure(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    ids: npt.NDArray[np.int32],
    sizes: npt.NDArray[np.int64],
) -> None:
    """Add up what the words take, in `sizes` (int64[5]).

    `ids` is int32[256], negative for a byte that is left out. Words with fewer than two bytes kept do not count.
    """
    base = address(data)
    whole = ids.min() >= 0
    for i in range(len(offsets) - 1):
        length = offsets[i + 1] - offsets[i]
        if not whole:
            length = 0
            for p in range(offsets[i], offsets[i + 1]):
                length += ids[load_u8(base + p)] >= 0
        if length < 2:
            continue
        if length < LONG:
            sizes[SHORTS] += 1
            sizes[SHORT_SYMBOLS] += length
        else:
            sizes[LONGS] += 1
            sizes[LONG_SYMBOLS] += length
        sizes[LONGEST] = max(sizes[LONGEST], length)


@inner
def _begin_word(places: Places, length: int, count: int, cursors: int) -> int:
    """Write the count of a word of `length` symbols and say who owns its blocks; the word's first slot.

    `cursors` is an address.
    """
    if length < LONG:
        at = signed(load_u64(cursors + 8 * NEXT_SHORT))
        store_u64(cursors + 8 * NEXT_SHORT, np.uint64(at + length + 2))
    else:
        at = signed(load_u64(cursors + 8 * NEXT_LONG))
        longs = signed(load_u64(cursors + 8 * LONGS_WRITTEN))
        block = signed(load_u64(cursors + 8 * BLOCKS_OWNED))
        store_u64(places.starts + 8 * longs, np.uint64(at))
        store_u64(places.counts + 8 * longs, np.uint64(count))
        end = at + length + 2
        while places.split + LONG * block < end:
            store_u32(places.owners + 4 * block, np.uint32(longs))
            block += 1
        store_u64(cursors + 8 * NEXT_LONG, np.uint64(end))
        store_u64(cursors + 8 * LONGS_WRITTEN, np.uint64(longs + 1))
        store_u64(cursors + 8 * BLOCKS_OWNED, np.uint64(block))
    store_u32(places.text + 4 * at, np.uint32(MARK + count // BASE))
    store_u32(places.text + 4 * at + 4, np.uint32(MARK + count % BASE))
    return at + 2


@kernel
def lay_out(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    ids: npt.NDArray[np.int32],
    words: WordArrays,
    cursors: npt.NDArray[np.int64],
) -> None:
    """Write words of bytes behind those that are written already.

    `ids` is as in `measure`. `cursors` is int64[4], at first (0, split, 0, 0). Whoever has written all words writes MARK to
    the last slot, and its number to the last of `starts`.
    """
    base, places, held = address(data), places_of(words), address(cursors)
    for i in range(len(counts)):
        length = 0
        for p in range(offsets[i], offsets[i + 1]):
            length += ids[load_u8(base + p)] >= 0
        if length < 2:
            continue
        at = _begin_word(places, length, counts[i], held)
        for p in range(offsets[i], offsets[i + 1]):
            symbol = ids[load_u8(base + p)]
            if symbol >= 0:
                store_u32(places.text + 4 * at, np.uint32(symbol))
                at += 1


@kernel
def lay_out_tokens(
    ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    words: WordArrays,
    cursors: npt.NDArray[np.int64],
) -> None:
    """Write words of tokens, each token in one slot, behind those that are written already; arrays as in `lay_out`."""
    source, places, held = address(ids), places_of(words), address(cursors)
    for i in range(len(counts)):
        length = offsets[i + 1] - offsets[i]
        if length >= 2:
            at = _begin_word(places, length, counts[i], held)
            copy_bytes(source + 4 * offsets[i], places.text + 4 * at, 4 * length)


@inner
def word_count(places: Places, sizes: int, at: int) -> int:
    """The count of the word that the token starting in slot `at` stands in; `sizes` is the address of tokens' slots."""
    if at >= places.split:
        owner = signed(load_u32(places.owners + 4 * ((at - places.split) // LONG)))
        if at >= signed(load_u64(places.starts + 8 * (owner + 1))):
            owner += 1
        return signed(load_u64(places.counts + 8 * owner))
    slot = places.text + 4 * at
    while True:
        before = signed(load_u32(slot - 4))
        if before >= MARK:
            return (signed(load_u32(slot - 8)) - MARK) * BASE + before - MARK
        slot -= 4 * signed(load_u32(sizes + 4 * before))


@inner
def join(here: int, there: int, after: int, product: int) -> None:
    """Write the token `product` over two that begin at the addresses `here` and `there`; what follows begins at `after`."""
    store_u32(there - 4, np.uint32(HOLE))
    store_u32(there, np.uint32(HOLE))
    store_u32(here, np.uint32(product))
    store_u32(after - 4, np.uint32(product))


@inner
def ask_for(text: int, positions: int, k: int) -> None:
    """Bring near what replacing the pair at `positions[k]` reads: both tokens, and the way to the word's count."""
    nearby = text + 4 * signed(load_u32(positions + 4 * k))
    prefetch(nearby - 88)
    prefetch(nearby - 32)
    prefetch(nearby + 16)
