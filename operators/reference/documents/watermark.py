"""How well documents follow secret sequences, place by place and shift by shift."""

from typing import Any

__all__ = ["TWINS", "follow_keys", "uniform"]

M = (1 << 64) - 1


def uniform(key: int, row: int, token: int) -> int:
    """The 64 bits that stand for a token in a row of the sequence of a key.

    >>> uniform(0, 0, 0) == 0xE220A8397B1DCDAF
    True
    """
    x = (key + ((row << 32) + token + 1) * 0x9E3779B97F4A7C15) & M
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & M
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & M
    return x ^ (x >> 31)


def follow_keys(
    ids: Any, offsets: Any, keys: Any, rows: int, block: int, most: int, costs: Any, out: Any
) -> None:
    """The lowest mean cost of a block of each document by each key."""
    for document in range(len(offsets) - 1):
        own = [int(one) for one in ids[offsets[document] : offsets[document + 1]]][:most]
        width = min(block, len(own))
        for k, key in enumerate(keys):
            means = [
                sum(
                    costs[uniform(int(key), (shift + j) % rows, own[j]) >> 52]
                    for j in range(start, start + width)
                )
                / width
                for shift in range(rows)
                for start in range(len(own) - width + 1 if width else 0)
            ]
            out[document, k] = min(means, default=0.0)


TWINS = {"documents.kernels.watermark:follow_keys": follow_keys}
"""Kernel -> twin."""
