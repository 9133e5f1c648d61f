"""Texts as statistics see them: code points, lines and paragraphs, and keys that end in some bytes of a text."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.counts import KeyCounter, WordCounts
from pairloom.operators.counts.groups import END
from pairloom.operators.kernels.hashing import hash_text
from pairloom.operators.text.arrays import text_of

__all__ = ["HASH", "Pieces", "add_texts", "add_values", "code_points", "pieces_of", "values_of"]

SHOWN = 160
"""Bytes of a line or paragraph that are kept to be shown."""
HASH = 16
_SECOND = 0x5EED
_BINARY = pa.large_binary()
_SEPARATORS = {"line": r"\n", "paragraph": r"\n[ \t\r]*\n[ \t\r\n]*"}


def code_points(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The code points of texts, one after another, and how many each text has.

    >>> code_points(pa.array(["aé", ""], pa.large_string()))[0].tolist()
    [97, 233]
    """
    text = text_of(texts)
    data = text.data[text.offsets[0] : text.offsets[-1]].tobytes()
    points = np.frombuffer(data.decode("utf-8", "surrogatepass").encode("utf-32-le", "surrogatepass"), "<u4")
    return points, np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False), np.int64)


class Pieces(NamedTuple):
    """Lines or paragraphs of texts: two hashes of each, its bytes, and what it begins with."""

    hashes: npt.NDArray[np.uint64]
    bytes: npt.NDArray[np.int64]
    shown: pa.LargeBinaryArray

    def key(self) -> npt.NDArray[np.uint8]:
        """The hashes of each, in 16 bytes."""
        return self.hashes.astype(">u8").view(np.uint8).reshape(-1, HASH)


def pieces_of(texts: pa.LargeStringArray, of: str) -> Pieces:
    r"""The lines or paragraphs of texts, without white space around them, and without those that have nothing else.

    >>> pieces_of(pa.array(["a b \n\n a b\nc"], pa.large_string()), "paragraph").shown.to_pylist()
    [b'a b', b'a b\nc']
    """
    pieces = pc.split_pattern_regex(texts, _SEPARATORS[of]).flatten()
    pieces = pc.utf8_trim_whitespace(pieces)
    pieces = pieces.filter(pc.not_equal(pieces, ""))
    text = text_of(pieces)
    hashes = np.stack([hash_text(text), hash_text(text, _SECOND)], 1)
    shown = pc.binary_slice(pieces.cast(_BINARY), 0, SHOWN)
    return Pieces(hashes, np.diff(text.offsets), shown)


def add_texts(
    counter: KeyCounter, kind: int, heads: npt.NDArray[np.uint8] | None, tails: pa.LargeBinaryArray
) -> None:
    r"""Count a key for each of `tails`: the kind, the bytes of `heads` (uint8[n, k]) where there are any, and the tail.

    >>> counter = KeyCounter()
    >>> add_texts(counter, 1, None, pa.array([b"a", b"a"], pa.large_binary()))
    >>> counter.finish().words.to_pylist()
    [b'\x01a']
    """
    if not len(tails):
        return
    begins = np.full((len(tails), 1), kind, np.uint8)
    heads = np.ascontiguousarray(begins if heads is None else np.concatenate([begins, heads], 1))
    offsets = np.arange(len(tails) + 1, dtype=np.int64) * heads.shape[1]
    first = pa.LargeBinaryArray.from_buffers(
        _BINARY, len(tails), [None, pa.py_buffer(offsets), pa.py_buffer(heads.reshape(-1))]
    )
    text = text_of(pc.binary_join_element_wise(first, tails, pa.scalar(b"", _BINARY)))
    counter.add_pieces(text.data, int(text.offsets[0]), text.offsets[1:])


def add_values(
    counter: KeyCounter, kind: int, names: pa.LargeBinaryArray, values: npt.NDArray[np.int64]
) -> None:
    """Count a key of a kind for each different name, as often as its values (positive where there is anything) add up to."""
    coded = names.dictionary_encode()
    sums = np.zeros(len(coded.dictionary), np.int64)
    np.add.at(sums, coded.indices.to_numpy(), values)
    keys = pc.binary_join_element_wise(
        pa.scalar(bytes([kind]), _BINARY), coded.dictionary, pa.scalar(b"", _BINARY)
    )
    order = pc.array_sort_indices(keys)
    keys, sums = keys.take(order), sums[order.to_numpy()]
    counter.add_counts(WordCounts(words=keys.filter(pa.array(sums > 0)), counts=sums[sums > 0]))


def values_of(counts: WordCounts, kind: int) -> tuple[pa.LargeBinaryArray, npt.NDArray[np.int64]]:
    """What keys of a kind end in, ascending, and their counts."""
    text = text_of(counts.words)
    low, high = np.searchsorted(text.data[text.offsets[:-1]], [kind, kind + 1])
    words = counts.words.slice(int(low), int(high - low))
    return pc.binary_slice(words, 1, END), counts.counts[low:high]
