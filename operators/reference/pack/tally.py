"""A tally of tokens, hash by hash."""

from collections.abc import Callable, Mapping

from pairloom.operators.reference.hashing import mixed

__all__ = ["TWINS", "tally", "tally_documents"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def tally(buckets: int, segments: list[tuple[int, int, list[int]]], column: int = 0) -> list[int]:
    """The sums, by document, of the hashes of (document, offset, tokens); `column` is the hash of the column's name.

    >>> tally(2, [(5, 0, [7])]) == tally(2, [(5, 0, [7]), (4, 3, [])])
    True
    """
    sums = [0] * buckets
    for document, offset, tokens in segments:
        seed = mixed(document + _GOLDEN & _MASK) ^ column
        for i, token in enumerate(tokens):
            one = mixed(seed + ((offset + i) << 32 | token) * _GOLDEN & _MASK)
            sums[document % buckets] = sums[document % buckets] + one & _MASK
    return sums


def tally_documents(buckets: int, segments: list[tuple[int, int, int]], column: int) -> list[int]:
    """The same for (document, tokens, value): what a column of documents has, once for each token."""
    sums = [0] * buckets
    for document, tokens, value in segments:
        one = mixed((mixed(document + _GOLDEN & _MASK) ^ column) + value * _GOLDEN & _MASK)
        sums[document % buckets] = sums[document % buckets] + tokens * one & _MASK
    return sums


TWINS: Mapping[str, Callable[..., object]] = {
    "pack.kernels.tally:add_segments": tally,
    "pack.kernels.tally:add_values": tally_documents,
}
