"""Equal-information windows (Lester et al., 2024, arXiv:2404.03626) as a dictionary of strings that are about as likely.

A window begins with all codes. At each node of the tree one code is for stopping there, and the rest are shared among the bytes
that may follow, in proportion to a model of bytes; a byte without a code ends the window. Each code is thus one string, every
string that a node spells has its code, and the walk down the tree is the longest entry of the dictionary: nothing is lost, and
decoding is a table. The published coder cuts a stream of bits instead, and some of its windows cannot be decoded.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import CapacityError
from pairloom.operators.text.arrays import text_of

__all__ = ["ByteModel", "equal_windows"]


class ByteModel:
    """How often each byte follows the `order` bytes before it, or as many as there are: exact counts, of the bytes of words."""

    def __init__(self, counts: WordCounts, order: int) -> None:
        self.order = order
        text = text_of(counts.words)
        sizes = np.diff(text.offsets)
        low = int(text.offsets[0])
        data = np.asarray(text.data[low : int(text.offsets[-1])], np.int64)
        weights = np.repeat(counts.counts, sizes)
        place = np.arange(len(data)) - np.repeat(text.offsets[:-1] - low, sizes)
        if counts.bytes == np.iinfo(np.int64).max:
            raise CapacityError("the bytes of all words pass 2^63 - 1")
        self._following: list[dict[int, npt.NDArray[np.int64]]] = []
        context = np.zeros(len(data), np.int64)
        for size in range(order + 1):
            there = place >= size
            self._following.append(_summed(context[there], data[there], weights[there]))
            # One byte more of what is before: the bytes nearest to the place are the lowest.
            earlier = np.zeros(len(data), np.int64)
            earlier[size + 1 :] = data[: max(0, len(data) - size - 1)]
            context = context | (earlier << (8 * size))

    def following(self, before: bytes) -> npt.NDArray[np.int64] | None:
        """int64[256], how often each byte follows the last `order` of these; None where they never occur.

        >>> import pyarrow as pa
        >>> counts = WordCounts(words=pa.array([b"ab", b"abc"], pa.large_binary()), counts=np.array([3, 1]))
        >>> model = ByteModel(counts, 1)
        >>> int(model.following(b"a")[ord("b")]), model.following(b"c")
        (4, None)
        """
        last = before[len(before) - min(self.order, len(before)) :]
        return self._following[len(last)].get(int.from_bytes(last, "big"))


def _summed(
    context: npt.NDArray[np.int64], byte: npt.NDArray[np.int64], weights: npt.NDArray[np.int64]
) -> dict[int, npt.NDArray[np.int64]]:
    """By context, how often each byte follows it."""
    keys = (context << 8) | byte
    order = np.argsort(keys, kind="stable")
    keys, weights = keys[order], weights[order]
    if not len(keys):
        return {}
    first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    sums, keys = np.add.reduceat(weights, first), keys[first]
    edges = np.append(np.flatnonzero(np.diff(keys >> 8, prepend=-1)), len(keys))
    found = {}
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        line = np.zeros(256, np.int64)
        line[keys[start:stop] & 255] = sums[start:stop]
        found[int(keys[start] >> 8)] = line
    return found


def equal_windows(model: ByteModel, codes: int) -> list[bytes]:
    """The strings of so many codes, 256 at least: each byte, and what a window may hold, ascending.

    Raises ValueError for fewer codes than bytes.
    """
    if codes < 256:
        raise ValueError(f"codes must be at least 256, one for each byte, not {codes}")
    return sorted(_nodes(model, codes))


def _nodes(model: ByteModel, codes: int) -> Iterator[bytes]:
    first = model.following(b"")
    shares = 1 + _shared(codes - 256, np.zeros(256, np.int64) if first is None else first)
    left = [(bytes([byte]), int(share)) for byte, share in enumerate(shares)]
    while left:
        text, share = left.pop()
        yield text
        following = model.following(text) if share > 1 else None
        if following is not None:
            parts = _shared(share - 1, following)
            left += [(text + bytes([byte]), int(parts[byte])) for byte in np.flatnonzero(parts).tolist()]


def _shared(codes: int, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Codes in proportion to counts, what is left over by the largest remainders, then by the byte.

    >>> _shared(7, np.array([3, 1, 0, 0]))
    array([5, 2, 0, 0])
    """
    values = counts.tolist()
    total = sum(values)
    if not total:
        return np.zeros(len(counts), np.int64)
    parts = [codes * value // total for value in values]
    rests = [codes * value % total for value in values]
    over = codes - sum(parts)
    for byte in sorted(range(len(values)), key=lambda byte: (-rests[byte], byte))[:over]:
        parts[byte] += 1
    return np.array(parts, np.int64)
