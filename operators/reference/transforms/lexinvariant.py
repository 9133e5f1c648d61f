"""What the permutation of a document is, in plain Python: the twin of its kernel."""

from collections.abc import Sequence

from pairloom.operators.reference.hashing import draw, mixed

__all__ = ["TWINS", "permutation"]

_ROUNDS = 6
_GOLDEN = 0x9E3779B97F4A7C15


def permutation(ordinary: Sequence[int], stream: int, share: int) -> dict[int, int]:
    """What stands for each id that takes part in a document; `share`, in 2^53rds, of those that can do so do.

    >>> sorted(permutation([3, 5, 7, 8], 12, 1 << 53).values())
    [3, 5, 7, 8]
    """
    bits = max(2, (len(ordinary) - 1).bit_length())
    low = (bits + 1) // 2
    taking = {i for i in range(len(ordinary)) if draw(stream, _ROUNDS + i) >> 11 < share}
    found = {}
    for i in taking:
        value = _passed(i, stream, low, bits - low)
        while value not in taking:
            value = _passed(value, stream, low, bits - low)
        found[ordinary[i]] = ordinary[value]
    return found


def _passed(value: int, stream: int, low: int, high: int) -> int:
    """One pass through the network: the low bits, then the high ones, three times each."""
    halves = [value >> low, value & ((1 << low) - 1)]
    sizes = [high, low]
    for number in range(_ROUNDS):
        changed, by = (0, 1) if number % 2 else (1, 0)
        key = (stream + (number + 1) * _GOLDEN) & (2**64 - 1)
        halves[changed] ^= mixed(key ^ mixed(halves[by])) & ((1 << sizes[changed]) - 1)
    return halves[0] << low | halves[1]


TWINS = {"transforms.kernels.lexinvariant:permute": permutation}
