"""Applying merges to the characters of a word, for the words of an encoder."""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u32, store_u32
from pairloom.operators.kernels.warmup import SAMPLE
from pairloom.operators.models.bpe.kernels.word import NO_RANK, merge_symbols, pair_rank, tied_product
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["encode_block", "warm_up"]

Int = int | np.int64

# Up to so many symbols, moving what is behind a merge takes less time than a heap.
_FEW = 40


@inner
def _symbols(word: Int, stop: Int, tables: Any, scratch: Int) -> Any:
    """Write the symbols that a word begins as; how many there are."""
    characters, byte_ids, falls_back, unknown, fuses = tables[:5]
    none = np.uint32(NO_RANK)
    count = np.int64(0)
    open_unknown = False
    while word < stop:
        one = np.int64(character(word, stop))
        length = max(np.int64(1), one & 7)
        symbol = load_u32(characters + ((one >> 3) << 2))
        if symbol != none:
            store_u32(scratch + (count << 2), symbol)
            count += 1
            open_unknown = False
        elif falls_back:
            for i in range(length):
                store_u32(scratch + (count << 2), load_u32(byte_ids + (np.int64(load_u8(word + i)) << 2)))
                count += 1
        elif fuses == 0 or not open_unknown:
            store_u32(scratch + (count << 2), np.uint32(unknown))
            count += 1
            open_unknown = True
        word += length
    return count


@inner
def _merge_few(count: Int, slots: Int, products: Int, mask: Int, shift: Int, tied: Int, scratch: Int) -> Any:
    ranks = scratch + 4 * (_FEW + 2)
    none = np.uint32(NO_RANK)
    for i in range(count - 1):
        left, right = load_u32(scratch + (i << 2)), load_u32(scratch + (i << 2) + 4)
        store_u32(ranks + (i << 2), pair_rank(slots, mask, shift, np.int64(left), np.int64(right)))
    while count > 1:
        best = none
        place = np.int64(0)
        for i in range(count - 1):
            rank = load_u32(ranks + (i << 2))
            if rank < best:
                best = rank
                place = np.int64(i)
        if best == none:
            break
        product = load_u32(products + (np.int64(best) << 2))
        if product == none:
            at = scratch + (place << 2)
            product = tied_product(tied, load_u32(at), load_u32(at + 4))
        store_u32(scratch + (place << 2), product)
        count -= 1
        for i in range(place + 1, count):
            store_u32(scratch + (i << 2), load_u32(scratch + (i << 2) + 4))
        for i in range(place + 1, count - 1):
            store_u32(ranks + (i << 2), load_u32(ranks + (i << 2) + 4))
        if place + 1 < count:
            right = load_u32(scratch + (place << 2) + 4)
            store_u32(ranks + (place << 2), pair_rank(slots, mask, shift, np.int64(product), np.int64(right)))
        if place > 0:
            left = load_u32(scratch + (place << 2) - 4)
            store_u32(
                ranks + (place << 2) - 4, pair_rank(slots, mask, shift, np.int64(left), np.int64(product))
            )
    return count


@inner
def encode_word(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Encode the `length` bytes at address `word`: see `block_by`.

    `tables` are the addresses of the symbols of characters (uint32[0x110000], NO_RANK for none) and of bytes (uint32[256]);
    whether what has no symbol falls back to bytes; else the symbol for it, and whether several in a row are one; then those
    of the table of ranks and of the products, its mask and its shift; and that of what `tied_product` reads, or 0.
    """
    slots, products, mask, shift, tied = tables[5:]
    count = _symbols(word, word + length, tables, scratch)
    if count <= _FEW:
        count = _merge_few(count, slots, products, mask, shift, tied, scratch)
    else:
        count = np.int64(merge_symbols(count, length, slots, products, mask, shift, tied, scratch))
    return count, np.int64(0)


_encode_block = block_by(encode_word)


@kernel
def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`."""
    return _encode_block(data, size, at, total, tables, joins, state)


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode the sample by a small vocabulary."""
    from pairloom.operators.encode.warm import encode_words
    from pairloom.operators.models.character_bpe.tables import CharacterTable

    table = CharacterTable.of({"a": 0, "b": 1, "ab": 2, "?": 3}, [("a", "b")], unknown=3, fuses=True)
    encode_words(table.kernel(), SAMPLE)
