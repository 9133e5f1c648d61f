"""The dictionaries that the theory is about: LZW's with the greedy parse, and BPE that sees each part of a text once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.evaluate.theory import kernels

__all__ = ["apply_merges", "lzw_dictionary", "lzw_encode", "sequential_bpe"]

LONGEST = 1 << 29  # ids of a sequence whose places, three for each, the kernels can number


def lzw_dictionary(data: bytes, size: int) -> list[bytes]:
    """The dictionary that LZW (Welch, 1984) grows to `size` entries in one pass: the 256 bytes, then what it met.

    >>> lzw_dictionary(b"ababab", 258)[256:]
    [b'ab', b'ba']
    """
    # A new entry ends where the next begins, so there are fewer of them than bytes.
    room = max(256, min(size, 256 + len(data)))
    shorter, last = np.empty(room, np.int32), np.empty(room, np.uint8)
    found = kernels.grow_entries(np.frombuffer(data, np.uint8), shorter, last)
    entries = [bytes([byte]) for byte in range(256)]
    for entry, byte in zip(shorter[256:found].tolist(), last[256:found].tolist(), strict=True):
        entries.append(entries[entry] + bytes([byte]))
    return entries


def lzw_encode(data: bytes, dictionary: Sequence[bytes]) -> list[int]:
    """The greedy parse: at each place the longest entry of the dictionary.

    Raises ValueError where no entry begins as the text does at some place; with every byte an entry, one always does.

    >>> lzw_encode(b"ababa", lzw_dictionary(b"ababab", 258))
    [256, 256, 97]
    """
    entries = np.frombuffer(b"".join(dictionary), np.uint8)
    offsets = np.zeros(len(dictionary) + 1, np.int64)
    np.cumsum([len(entry) for entry in dictionary], out=offsets[1:])
    ids = np.empty(len(data), np.int32)
    written, end = kernels.parse_longest(np.frombuffer(data, np.uint8), entries, offsets, ids)
    if end < len(data):
        raise ValueError(
            f"no entry of the dictionary begins as the text does at byte {end}: {data[end : end + 8]!r}"
        )
    found: list[int] = ids[:written].tolist()
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
    pairs = np.empty((max(0, merges), 2), np.int64)
    found = kernels.find_merges(_checked(sequence, symbols), symbols, threshold, pairs)
    made = [(left, right) for left, right in pairs[:found].tolist()]
    return made, apply_merges(sequence, made, symbols)


def apply_merges(
    sequence: npt.NDArray[np.int64], merges: Sequence[tuple[int, int]], symbols: int
) -> npt.NDArray[np.int64]:
    """A sequence of ids below `symbols` with each merge made wherever it can be, one merge after another.

    Merge k makes `symbols + k` of two ids below that, each merge of another pair, as `sequential_bpe` finds them.

    >>> apply_merges(np.array([2, 2, 2, 0, 1]), [(0, 1), (2, 2), (2, 3)], 3).tolist()
    [4, 5]
    """
    pairs = np.array(merges, np.int64).reshape(-1, 2)
    own = _checked(sequence, symbols)
    if ((pairs < 0) | (pairs >= symbols + np.arange(len(pairs))[:, None])).any():
        raise ValueError("a merge is of ids that are below its own; these are not")
    if len(np.unique(pairs, axis=0)) < len(pairs):
        raise ValueError("each merge is of another pair; of these two are of the same")
    out = np.empty(len(own), np.int64)
    found: npt.NDArray[np.int64] = out[: kernels.apply_merges(own, symbols, pairs, out)]
    return found


def _checked(sequence: npt.NDArray[np.int64], symbols: int) -> npt.NDArray[np.int64]:
    own = np.array(sequence, np.int64)
    if len(own) > LONGEST:
        raise ValueError(f"{len(own):,} ids are too many, {LONGEST:,} at most; take a part of the text")
    if len(own) and not 0 <= int(own.min()) <= int(own.max()) < symbols:
        raise ValueError(
            f"the sequence has ids from {own.min()} to {own.max()}; they must be 0 to {symbols - 1}"
        )
    return own
