"""The dictionaries that the theory is about, of one text without words: LZW's with the greedy parse, and sequential BPE's."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.sequential import apply_merges, checked_sequence, equal_parts, find_merges
from pairloom.operators.models.lzw.learning import grow_dictionary
from pairloom.operators.models.lzw.model import parse
from pairloom.operators.text.arrays import Text

__all__ = ["apply_merges", "lzw_dictionary", "lzw_encode", "sequential_bpe"]


def lzw_dictionary(data: bytes, size: int) -> list[bytes]:
    """The dictionary that LZW (Welch, 1984) grows to `size` entries in one pass: the 256 bytes, then what it met.

    >>> lzw_dictionary(b"ababab", 258)[256:]
    [b'ab', b'ba']
    """
    text = Text(data=np.frombuffer(data, np.uint8), offsets=np.array([0, len(data)], np.int64))
    # A new entry ends where the next begins, so there are fewer of them than bytes.
    return grow_dictionary(text, [np.zeros(1, np.int64)], min(size, 256 + len(data)))


def lzw_encode(data: bytes, dictionary: Sequence[bytes]) -> list[int]:
    """The greedy parse: at each place the longest entry of the dictionary, of equal ones the last.

    Raises ValueError where no entry begins as the text does at some place; with every byte an entry, one always does.

    >>> lzw_encode(b"ababa", lzw_dictionary(b"ababab", 258))
    [256, 256, 97]
    """
    found: list[int] = parse(data, dictionary).tolist()
    return found


def sequential_bpe(
    sequence: npt.NDArray[np.int64], symbols: int, merges: int, *, threshold: int = 2
) -> tuple[list[tuple[int, int]], npt.NDArray[np.int64]]:
    """BPE that counts each merge's pairs on a part of the text that no other merge has seen.

    The sequence (ids below `symbols`) is cut into `merges` equal parts; in part k, after the merges found so far, the most
    frequent pair (of equals the smaller ids) is the next merge, until none occurs `threshold` times. Returns the merges,
    whose products are `symbols`, `symbols + 1`, ..., and the whole sequence encoded with them.

    >>> merges, ids = sequential_bpe(np.array([0, 1, 0, 1, 2, 2, 2, 2]), 3, 2)
    >>> merges, ids.tolist()
    ([(0, 1), (2, 2)], [3, 3, 4, 4])
    """
    own = checked_sequence(sequence, symbols)
    made = find_merges(equal_parts(own, merges), symbols, merges, threshold=threshold)
    return made, apply_merges(sequence, made, symbols)
