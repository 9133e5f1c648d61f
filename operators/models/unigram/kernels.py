"""The pieces of a word whose scores have the greatest sum, for the words of an encoder.

Sums are of float64, from the left, and of two that are equal the one that was found first stays, at each place from the piece that
begins first: so is it in `tokenizers`, whose ids these are. SentencePiece (from 0.2.2 on) has sums of float32, and looks for no
piece that what is unknown in a row may be.
"""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.floats import load_f64, store_f64
from pairloom.operators.kernels.jit import (
    inner,
    kernel,
    load_u8,
    load_u32,
    load_u64,
    signed,
    store_u32,
    store_u64,
)
from pairloom.operators.kernels.warmup import SAMPLE
from pairloom.operators.models.bpe.kernels.trie import ROOT
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["NODE", "encode_block", "warm_up"]

Int = int | np.int64

# Bytes of what is known of a place of a word: the greatest sum of what ends there, where its last piece begins + 1 (0: nothing
# ends there), and that piece's id.
NODE = 24


@inner
def _exact(slots: Int, text: Int, stop: Int) -> Any:
    """The piece that a text is, or -1."""
    base = np.int64(ROOT)
    found = np.int64(-1)
    while text < stop:
        byte = np.int64(load_u8(text))
        slot = load_u64(slots + ((base ^ byte) << 3))
        if base == 0 or np.int64(slot & np.uint64(511)) != byte + 1:
            return np.int64(-1)
        found = np.int64(slot >> np.uint64(33)) - 1
        base = np.int64(slot >> np.uint64(9)) & 0xFFFFFF
        text += 1
    return found


@inner
def _offer(node: Int, total: float, begins: Int, piece: Int, narrow: bool) -> None:
    """A piece that ends at a place, with the sum up to there, which `narrow` makes a float32."""
    if narrow:
        total = np.float64(np.float32(total))
    if load_u64(node + 8) == np.uint64(0) or total > load_f64(node):
        store_f64(node, total)
        store_u64(node + 8, np.uint64(begins + 1))
        store_u64(node + 16, np.uint64(piece))


@inner
def _forward(word: Int, length: Int, tables: Any, nodes: Int) -> None:
    slots, scores, unknown = tables[0], tables[1], tables[2]
    penalty, narrow = load_f64(tables[5]), tables[6] != 0
    for i in range(length + 1):
        store_f64(nodes + NODE * i, 0.0)
        store_u64(nodes + NODE * i + 8, np.uint64(0))
    stop = word + length
    at = np.int64(0)
    while at < length:
        here = load_f64(nodes + NODE * at)
        size = max(np.int64(1), np.int64(character(word + at, stop)) & 7)
        single = False
        base = np.int64(ROOT)
        end = at
        while end < length:
            byte = np.int64(load_u8(word + end))
            slot = load_u64(slots + ((base ^ byte) << 3))
            if np.int64(slot & np.uint64(511)) != byte + 1:
                break
            end += 1
            piece = np.int64(slot >> np.uint64(33)) - 1
            if piece >= 0:
                _offer(nodes + NODE * end, load_f64(scores + (piece << 3)) + here, at, piece, narrow)
                single |= end - at == size
            base = np.int64(slot >> np.uint64(9)) & 0xFFFFFF
            if base == 0:
                break
        if not single:
            _offer(nodes + NODE * (at + size), penalty + here, at, unknown, narrow)
        at += size


@inner
def _unknown_run(word: Int, begin: Int, end: Int, tables: Any, out: Int) -> Any:
    """Write what stands for text that no piece spells, its last id first; the new end of the output."""
    slots, _, unknown, byte_ids, falls_back = tables[:5]
    piece = np.int64(-1) if tables[6] != 0 else _exact(slots, word + begin, word + end)
    if piece >= 0:
        store_u32(out, np.uint32(piece))
        return out + 4
    if falls_back:
        for i in range(end - 1, begin - 1, -1):
            store_u32(out, load_u32(byte_ids + (np.int64(load_u8(word + i)) << 2)))
            out += 4
        return out
    store_u32(out, np.uint32(unknown))
    return out + 4


@inner
def encode_word(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Encode the `length` bytes at address `word`: see `block_by`.

    `tables` are the addresses of a trie of pieces and of their scores (float64, by id); the id of what is unknown; the address of
    the ids of bytes (uint32[256]), and whether what is unknown falls back to them; that of the score of an unknown character; and
    whether it is done as in SentencePiece.
    """
    unknown = tables[2]
    nodes = scratch + ((4 * length + 15) & ~7)
    _forward(word, length, tables, nodes)
    end = signed(length)
    run = np.int64(-1)  # where the unknown text that is open ends
    out = scratch
    while end > 0:
        node = nodes + NODE * end
        piece = np.int64(load_u64(node + 16))
        if piece == unknown:
            run = max(run, end)
        else:
            if run >= 0:
                out = _unknown_run(word, end, run, tables, out)
                run = np.int64(-1)
            store_u32(out, np.uint32(piece))
            out += 4
        end = np.int64(load_u64(node + 8)) - 1
    if run >= 0:
        out = _unknown_run(word, np.int64(0), run, tables, out)
    count = (out - scratch) >> 2
    for i in range(count >> 1):
        left, right = scratch + (i << 2), out - 4 - (i << 2)
        kept = load_u32(left)
        store_u32(left, load_u32(right))
        store_u32(right, kept)
    return count, np.int64(0)


_encode_block = block_by(encode_word)


@kernel
def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`."""
    return _encode_block(data, size, at, total, tables, joins, state)


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode the sample by a small vocabulary."""
    from pairloom.operators.encode.warm import encode_words
    from pairloom.operators.models.unigram.tables import UnigramTable

    pieces = [(b"<unk>", 0.0), (b"a", -1.0), (b"ab", -1.5), (b"word", -2.0)]
    encode_words(UnigramTable.of(pieces, unknown=0).kernel(), SAMPLE)
