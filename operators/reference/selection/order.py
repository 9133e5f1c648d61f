"""The seeded permutation of rows."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "permute"]

_MASK = 2**64 - 1


def permute(index: int, size: int, keys: Sequence[int]) -> int:
    """Where an index below `size` goes: a Feistel network over the next power of four, walked until it lands below `size`.

    >>> sorted(permute(i, 5, [1, 2, 3]) for i in range(5))
    [0, 1, 2, 3, 4]
    """
    bits = next(bits for bits in range(1, 64) if 4**bits >= size)
    while True:
        left, right = divmod(index, 2**bits)
        for key in keys:
            f = (right ^ key) * 0x9E3779B97F4A7C15 & _MASK
            f = (f ^ f >> 29) * 0xBF58476D1CE4E5B9 & _MASK
            f ^= f >> 32
            left, right = right, left ^ f % 2**bits
        index = left << bits | right
        if index < size:
            return index


TWINS: Mapping[str, Callable[..., object]] = {
    "selection.kernels:permute": permute,
}
