"""A fixed 64-bit hash of byte strings: the same on every machine, in every version of Python.

The algorithm is XXH64 (Yann Collet, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md), so that anybody
can recompute a document's place in an order or a word's partition with any XXH64 library.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, inner, kernel, load_u8, load_u32, load_u64
from pairloom.operators.text.arrays import Text

__all__ = ["GOLDEN", "below", "hash_bytes", "hash_text", "mix64", "mixed", "xxh64"]

P1 = np.uint64(0x9E3779B185EBCA87)
P2 = np.uint64(0xC2B2AE3D27D4EB4F)
P3 = np.uint64(0x165667B19E3779F9)
P4 = np.uint64(0x85EBCA77C2B2AE63)
P5 = np.uint64(0x27D4EB2F165667C5)

# The step of splitmix64: 2^64 over the golden ratio.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hash_text(text: Text, seed: int = 0) -> npt.NDArray[np.uint64]:
    """XXH64 of every document's bytes: uint64, one a document.

    >>> import pyarrow as pa
    >>> from pairloom.operators.text.arrays import text_of
    >>> hex(hash_text(text_of(pa.array(["abc"])))[0])
    '0x44bc2cf5ad770999'
    """
    hashes = np.empty(len(text), np.uint64)
    hash_all(text.data, text.offsets, np.uint64(seed), hashes)
    return hashes


def hash_bytes(data: bytes, seed: int = 0) -> int:
    """XXH64 of one byte string."""
    offsets = np.array([0, len(data)], np.int64)
    return int(hash_text(Text(data=np.frombuffer(data, np.uint8), offsets=offsets), seed)[0])


def mixed(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele, Lea and Flood, 2014), a bijection that makes uniform hashes of numbers."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


mix64: Callable[[Any], Any] = inner(mixed)
"""`mixed` of one number; for use inside kernels."""


@inner
def below(bits: np.uint64, count: int) -> int:
    """A number from 0 to `count` - 1, of 64 uniform bits; `count` is below 2^32."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


@inner
def _rotate(x: np.uint64, bits: int) -> np.uint64:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@inner
def _round(acc: np.uint64, lane: np.uint64) -> np.uint64:
    return _rotate(acc + lane * P2, 31) * P1


@inner
def xxh64(start: int, length: int, seed: np.uint64) -> np.uint64:
    """XXH64 of `length` bytes at the address `start`; for use inside kernels."""
    p = start
    end = start + length
    if length >= 32:
        v1 = seed + P1 + P2
        v2 = seed + P2
        v3 = seed
        v4 = seed - P1
        while p + 32 <= end:
            v1 = _round(v1, load_u64(p))
            v2 = _round(v2, load_u64(p + 8))
            v3 = _round(v3, load_u64(p + 16))
            v4 = _round(v4, load_u64(p + 24))
            p += 32
        h = _rotate(v1, 1) + _rotate(v2, 7) + _rotate(v3, 12) + _rotate(v4, 18)
        zero = np.uint64(0)
        h = (h ^ _round(zero, v1)) * P1 + P4
        h = (h ^ _round(zero, v2)) * P1 + P4
        h = (h ^ _round(zero, v3)) * P1 + P4
        h = (h ^ _round(zero, v4)) * P1 + P4
    else:
        h = seed + P5
    h += np.uint64(length)
    while p + 8 <= end:
        h = _rotate(h ^ _round(np.uint64(0), load_u64(p)), 27) * P1 + P4
        p += 8
    if p + 4 <= end:
        h = _rotate(h ^ (np.uint64(load_u32(p)) * P1), 23) * P2 + P3
        p += 4
    while p < end:
        h = _rotate(h ^ (np.uint64(load_u8(p)) * P5), 11) * P1
        p += 1
    h ^= h >> np.uint64(33)
    h *= P2
    h ^= h >> np.uint64(29)
    h *= P3
    h ^= h >> np.uint64(32)
    return h


@kernel
def hash_all(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], seed: np.uint64, out: npt.NDArray[np.uint64]
) -> None:
    base = address(data)
    for i in range(len(out)):
        out[i] = xxh64(base + offsets[i], offsets[i + 1] - offsets[i], seed)
