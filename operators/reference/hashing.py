"""Hashing: XXH64 as its specification has it, and the finalizer of SplitMix64, over Python's integers."""

from collections.abc import Callable, Mapping

__all__ = ["TWINS", "draw", "mixed", "xxh64"]

_MASK = 2**64 - 1
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)


def xxh64(data: bytes, seed: int = 0) -> int:
    """XXH64 of a byte string (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).

    >>> hex(xxh64(b"abc"))
    '0x44bc2cf5ad770999'
    """
    stripes = len(data) // 32
    if stripes:
        lanes = [seed + _P1 + _P2, seed + _P2, seed, seed - _P1]
        for word in range(4 * stripes):
            lanes[word % 4] = _round(lanes[word % 4], _read(data, 8 * word, 8))
        h = sum(_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True))
        for lane in lanes:
            h = (h ^ _round(0, lane)) * _P1 + _P4
    else:
        h = seed + _P5
    h += len(data)
    at = 32 * stripes
    while at + 8 <= len(data):
        h = _rotate(h ^ _round(0, _read(data, at, 8)), 27) * _P1 + _P4
        at += 8
    if at + 4 <= len(data):
        h = _rotate(h ^ _read(data, at, 4) * _P1, 23) * _P2 + _P3
        at += 4
    for byte in data[at:]:
        h = _rotate(h ^ byte * _P5, 11) * _P1
    h &= _MASK
    h = (h ^ h >> 33) * _P2 & _MASK
    h = (h ^ h >> 29) * _P3 & _MASK
    return h ^ h >> 32


def mixed(x: int) -> int:
    """The finalizer of SplitMix64.

    >>> mixed(0)
    0
    """
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _MASK
    return x ^ x >> 31


def draw(stream: int, which: int) -> int:
    """Draw number `which` of a stream: 64 bits, SplitMix64's output of that number.

    >>> draw(0, 0) == mixed(0x9E3779B97F4A7C15)
    True
    """
    return mixed(stream + (which + 1) * 0x9E3779B97F4A7C15 & _MASK)


def _round(lane: int, word: int) -> int:
    return _rotate(lane + word * _P2, 31) * _P1


def _rotate(x: int, bits: int) -> int:
    x &= _MASK
    return (x << bits | x >> 64 - bits) & _MASK


def _read(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


TWINS: Mapping[str, Callable[..., object]] = {
    "kernels.hashing:hash_all": xxh64,
}
