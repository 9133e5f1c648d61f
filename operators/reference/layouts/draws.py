"""Random numbers of a row in Python's whole numbers: what the functions of `layouts.kernels.draws` mean."""

from pairloom.operators.reference import hashing

__all__ = ["IGNORED", "below", "draw", "share"]

IGNORED = -100


def draw(stream: int, purpose: int, which: int) -> int:
    """Splitmix64's output number `which` from the state of a purpose."""
    return hashing.draw(stream ^ purpose, which)


def below(bits: int, count: int) -> int:
    """A number from 0 to `count` - 1."""
    return (bits >> 32) * count >> 32


def share(bits: int) -> int:
    """A number of 2^53rds."""
    return bits >> 11
