"""LZW's dictionary grown word by word, and the longest entry taken at each place: of a text, and of the words of an encoder."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.jit import address, inner, kernel, load_u32, store_u32
from pairloom.operators.kernels.slots import slot_of
from pairloom.operators.kernels.warmup import SAMPLE
from pairloom.operators.models.bpe.kernels.trie import longest_token

__all__ = ["encode_block", "grow_entries", "parse_longest", "warm_up"]

Int = int | np.int64


@kernel
def grow_entries(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    longer: npt.NDArray[np.int32],
    shorter: npt.NDArray[np.int32],
    last: npt.NDArray[np.uint8],
    filled: int,
) -> int:
    """Go through words (`data[offsets[w]:offsets[w + 1]]`) until `shorter` is full; how many entries there then are.

    There were `filled` before, the 256 bytes among them. Entry i from 256 on is entry `shorter[i]` and the byte `last[i]`, and
    stands in the table of `keys` (entry << 8 | byte) with its number in `longer`. A phrase ends with its word.
    """
    for word in words:
        i = offsets[word]
        end = offsets[word + 1]
        while i < end and filled < len(shorter):
            entry = np.int64(data[i])
            i += 1
            while i < end:
                key = (entry << 8) | np.int64(data[i])
                slot = slot_of(keys, key)
                if keys[slot] < 0:
                    keys[slot] = key
                    longer[slot] = filled
                    shorter[filled] = entry
                    last[filled] = data[i]
                    filled += 1
                    break
                entry = np.int64(longer[slot])
                i += 1
    return filled


@kernel
def parse_longest(
    data: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.uint32],
    ids: npt.NDArray[np.int32],
) -> tuple[int, int]:
    """Write the longest entry at each place; (ids written, bytes that they take). It ends early where no entry fits."""
    start = address(data)
    at = start
    stop = start + len(data)
    n = 0
    while at < stop:
        found = longest_token(address(slots), at, stop)
        if found < 0:
            break
        ids[n] = found
        n += 1
        at += np.int64(lengths[found])
    return n, at - start


@inner
def encode_word(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Encode the `length` bytes at address `word`: see `block_by`. `tables` are the addresses of a trie and of lengths (uint32)."""
    slots, lengths = tables
    stop = word + length
    count = np.int64(0)
    missing = np.int64(0)
    while word < stop:
        found = longest_token(slots, word, stop)
        if found < 0:
            missing += 1
            word += 1
        else:
            store_u32(scratch + (count << 2), np.uint32(found))
            count += 1
            word += np.int64(load_u32(lengths + (found << 2)))
    return count, missing


_encode_block = block_by(encode_word)


@kernel
def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`."""
    return _encode_block(data, size, at, total, tables, joins, state)


def warm_up(schemes: tuple[str, ...]) -> None:
    """Grow a dictionary from the sample, and encode it."""
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.models.lzw.learning import grow_dictionary, learn_lzw
    from pairloom.operators.models.lzw.model import parse
    from pairloom.operators.text.arrays import text_of
    from pairloom.operators.text.pretokenize import Pretokenizer

    column = pa.array(SAMPLE, pa.large_string())
    text = text_of(column)
    parse(b"abc", grow_dictionary(text, [np.arange(len(text))], 300))
    learn_lzw(count_words(column, Pretokenizer()), 300).encode(column)
