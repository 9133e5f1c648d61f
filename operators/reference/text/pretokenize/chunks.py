"""Chunks of random lengths: draw i of a document is SplitMix64 of the document's hash, i steps on."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pairloom.operators.kernels.hashing import hash_bytes

__all__ = ["TWINS", "split"]

_MASK = (1 << 64) - 1


def split(document: bytes, seed: int, lengths: Sequence[tuple[int, int, float]]) -> list[bytes]:
    """Cut a UTF-8 document; the ranges of lengths take parts of [0, 2^32) in the ratios of their shares.

    >>> split(b"abcdefgh", 0, [(3, 3, 1.0)])
    [b'abc', b'def', b'gh']
    """
    text, key = document.decode(), hash_bytes(document, seed & _MASK)
    sums = np.cumsum([share for _, _, share in lengths])
    bounds = [round(float(part) * 2**32) for part in sums / sums[-1]]
    bounds[-1] = 2**32
    pieces = []
    start = draw = 0
    while start < len(text):
        draw += 1
        z = (key + draw * 0x9E3779B97F4A7C15) & _MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
        z ^= z >> 31
        chosen = next(i for i, bound in enumerate(bounds) if z >> 32 < bound)
        least, most, _ = lengths[chosen]
        length = least + ((z & 0xFFFFFFFF) * (most - least + 1) >> 32)
        pieces.append(text[start : start + length].encode())
        start += length
    return pieces


TWINS: Mapping[str, Callable[..., object]] = {
    "text.pretokenize.kernels.chunks:cut_chunks": split,
}
