"""Random numbers of a row in Python's whole numbers: what the functions of `layouts.kernels.draws` mean."""

__all__ = ["GOLDEN", "IGNORED", "below", "draw", "share"]

IGNORED = -100
MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def draw(stream: int, purpose: int, which: int) -> int:
    """Splitmix64's output number `which` from the state of a purpose."""
    x = ((stream ^ purpose) + (which + 1) * GOLDEN) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def below(bits: int, count: int) -> int:
    """A number from 0 to `count` - 1."""
    return (bits >> 32) * count >> 32


def share(bits: int) -> int:
    """A number of 2^53rds."""
    return bits >> 11
