"""A tally of tokens, hash by hash."""

from collections.abc import Callable, Mapping

from pairloom.operators.reference.hashing import mixed

__all__ = ["TWINS", "tally"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def tally(buckets: int, segments: list[tuple[int, int, list[int]]]) -> list[int]:
    """The sums, by document, of the hashes of (document, offset, tokens)."""
    sums = [0] * buckets
    for document, offset, tokens in segments:
        seed = mixed(document + _GOLDEN & _MASK)
        for i, token in enumerate(tokens):
            one = mixed(seed + ((offset + i) << 32 | token) * _GOLDEN & _MASK)
            sums[document % buckets] = sums[document % buckets] + one & _MASK
    return sums


TWINS: Mapping[str, Callable[..., object]] = {
    "pack.kernels.tally:add_segments": tally,
}
