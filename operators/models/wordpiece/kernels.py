"""The longest piece at each place of a word, for the words of an encoder."""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u32, store_u32
from pairloom.operators.kernels.warmup import SAMPLE
from pairloom.operators.models.bpe.kernels.trie import longest_token

__all__ = ["encode_block", "warm_up"]

Int = int | np.int64


@inner
def encode_word(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Encode the `length` bytes at address `word`, but for a space that they begin with: see `block_by`.

    `tables` are the addresses of the tries of pieces that begin a word and of those that go on one, and of their lengths
    (uint32, by id); the id of a word that cannot be spelled; and how many characters a word has at most that may be.
    """
    starts, continues, first_lengths, later_lengths, unknown, longest = tables
    stop = word + length
    missing = np.int64(0)
    if length > 0 and load_u8(word) == 32:
        word += 1
    count = np.int64(0)
    characters = np.int64(0)
    for at in range(word, stop):
        characters += np.int64(load_u8(at) & 0xC0 != 0x80)
    if characters > longest:
        store_u32(scratch, np.uint32(unknown))
        return np.int64(1), missing
    slots, lengths = starts, first_lengths
    while word < stop:
        found = longest_token(slots, word, stop)
        if found < 0:
            store_u32(scratch, np.uint32(unknown))
            return np.int64(1), missing
        store_u32(scratch + (count << 2), np.uint32(found))
        count += 1
        word += np.int64(load_u32(lengths + (found << 2)))
        slots, lengths = continues, later_lengths
    return count, missing


_encode_block = block_by(encode_word)


@kernel
def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`."""
    return _encode_block(data, size, at, total, tables, joins, state)


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode the sample by a small vocabulary."""
    from pairloom.operators.encode.warm import encode_words
    from pairloom.operators.models.wordpiece.tables import WordPieceTable

    table = WordPieceTable.of([b"[UNK]", b"a", b"##b", b"it", b"word"], unknown=0, prefix="##", longest=100)
    encode_words(table.kernel(), SAMPLE)
