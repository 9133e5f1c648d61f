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

import numpy as np
import numpy.typing as npt

from pairloom.operators.jit import address, kernel, load_u8, load_u32, signed

__all__ = [
    "BASE",
    "HOLE",
    "LONG",
    "MARK",
    "count_bytes",
    "lay_out",
    "lay_out_tokens",
    "measure",
    "word_count",
]

MARK = 1 << 24
HOLE = MARK - 1
LONG = 64
BASE = (1 << 32) - MARK


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
    """How much the words take: `sizes` becomes (short words, their bytes, long words, their bytes, longest).

    `ids` is int32[256], negative for a byte that is left out. Words with fewer than two bytes kept do not count.
    """
    base = address(data)
    sizes[:] = 0
    whole = ids.min() >= 0
    for i in range(len(offsets) - 1):
        length = offsets[i + 1] - offsets[i]
        if not whole:
            length = 0
            for p in range(offsets[i], offsets[i + 1]):
                length += ids[load_u8(base + p)] >= 0
        if length < 2:
            continue
        at = 2 if length >= LONG else 0
        sizes[at] += 1
        sizes[at + 1] += length
        sizes[4] = max(sizes[4], length)


@kernel
def lay_out(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    ids: npt.NDArray[np.int32],
    split: int,
    symbols: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.int64],
    owners: npt.NDArray[np.uint32],
    long_counts: npt.NDArray[np.int64],
) -> None:
    """Write the words, the long ones from slot `split` on.

    `symbols` is uint32[2 * words + bytes + 1], `starts` int64[long words + 1] becomes the first slot (of the count) of
    each long word, `owners` uint32[(len(symbols) - split) // LONG + 1] the long word that holds the first slot of each
    block, and `long_counts` int64[long words] their counts.
    """
    base = address(data)
    short, long = 0, split
    longs = block = 0
    for i in range(len(counts)):
        length = 0
        for p in range(offsets[i], offsets[i + 1]):
            length += ids[load_u8(base + p)] >= 0
        if length < 2:
            continue
        if length >= LONG:
            at = long
            starts[longs] = at
            long_counts[longs] = counts[i]
            long += length + 2
            while split + LONG * block < long:
                owners[block] = longs
                block += 1
            longs += 1
        else:
            at = short
            short += length + 2
        symbols[at] = MARK + counts[i] // BASE
        symbols[at + 1] = MARK + counts[i] % BASE
        at += 2
        for p in range(offsets[i], offsets[i + 1]):
            symbol = ids[load_u8(base + p)]
            if symbol >= 0:
                symbols[at] = symbol
                at += 1
    starts[longs] = long
    symbols[long] = MARK


@kernel
def lay_out_tokens(
    ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    symbols: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.int64],
    owners: npt.NDArray[np.uint32],
    long_counts: npt.NDArray[np.int64],
    cursors: npt.NDArray[np.int64],
) -> None:
    """Write words of tokens, each token in one slot, behind those that are written already; arrays as in `lay_out`.

    `cursors` is int64[4]: the next slot for short words, the next for long ones, long words written, blocks owned.
    """
    short, long, longs, block = cursors[0], cursors[1], cursors[2], cursors[3]
    split = starts[0] if longs else long
    for i in range(len(counts)):
        length = offsets[i + 1] - offsets[i]
        if length < 2:
            continue
        if length >= LONG:
            at = long
            starts[longs] = at
            long_counts[longs] = counts[i]
            long += length + 2
            while split + LONG * block < long:
                owners[block] = longs
                block += 1
            longs += 1
        else:
            at = short
            short += length + 2
        symbols[at] = MARK + counts[i] // BASE
        symbols[at + 1] = MARK + counts[i] % BASE
        at += 2
        for p in range(offsets[i], offsets[i + 1]):
            symbols[at] = ids[p]
            at += 1
    cursors[0], cursors[1], cursors[2], cursors[3] = short, long, longs, block


@kernel
def word_count(symbols: int, lengths: int, token: int) -> int:
    """The count of the short word that the token starting in slot `token` stands in; takes addresses."""
    slot = symbols + 4 * token
    while True:
        before = signed(load_u32(slot - 4))
        if before >= MARK:
            return (signed(load_u32(slot - 8)) - MARK) * BASE + before - MARK
        slot -= 4 * signed(load_u32(lengths + 4 * before))
