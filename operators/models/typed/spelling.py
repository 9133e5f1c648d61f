"""How entries of a type spell a word: the way of least entropy, in integers, so that it is the same everywhere.

An entry that makes up c of n uses costs log2(n / c) bits, and a byte that no entry covers eight bits more than an entry that is
used once. Of ways that cost the same, the one of fewer tokens is taken, and of these the one whose first token is longer.
"""

from collections.abc import Mapping, Sequence

__all__ = ["byte_cost", "cost", "least_entropy", "log2"]

_FRACTION = 16
_WIDE = 62


def log2(number: int) -> int:
    """65,536 times the logarithm of a number of 1 or more, rounded down, by squaring integers.

    >>> log2(1), log2(8) >> 16, log2(3)
    (0, 3, 103872)
    """
    whole = number.bit_length() - 1
    rest = number << _WIDE >> whole
    found = whole
    for _ in range(_FRACTION):
        rest = rest * rest >> _WIDE
        found <<= 1
        if rest >> (_WIDE + 1):
            rest >>= 1
            found |= 1
    return found


def cost(count: int, total: int) -> int:
    """What an entry costs that makes up so many of all uses, in 65,536ths of a bit.

    >>> cost(1, 4) >> 16
    2
    """
    return log2(total) - log2(count)


def byte_cost(total: int) -> int:
    """What a byte costs that no entry covers.

    >>> byte_cost(4) >> 16
    10
    """
    return log2(total) + (8 << _FRACTION)


def least_entropy(
    word: bytes, costs: Mapping[bytes, int], other: int, longest: int
) -> tuple[int, Sequence[bytes]]:
    """What a word costs and the tokens that spell it: entries, which `costs` has, and bytes of the cost `other`.

    >>> least_entropy(b"abab", {b"ab": 3, b"abab": 5}, 100, 4)
    (5, (b'abab',))
    >>> least_entropy(b"abx", {b"ab": 3}, 100, 2)
    (103, (b'ab', b'x'))
    """
    # From each place on: the cost, how many tokens, how long the first is (negative, so that the least is wanted of all three).
    best = [(0, 0, 0)] * (len(word) + 1)
    for at in range(len(word) - 1, -1, -1):
        found = (other + best[at + 1][0], best[at + 1][1] + 1, -1)
        for end in range(at + 1, min(len(word), at + longest) + 1):
            own = costs.get(word[at:end])
            if own is not None:
                found = min(found, (own + best[end][0], best[end][1] + 1, at - end))
        best[at] = found
    tokens, at = [], 0
    while at < len(word):
        tokens.append(word[at : at - best[at][2]])
        at -= best[at][2]
    return best[0][0], tuple(tokens)
