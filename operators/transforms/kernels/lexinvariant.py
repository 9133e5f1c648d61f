"""The kernel of lexinvariant documents: permutations of numbers that are computed, never written down."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["ROUNDS", "permute", "warm_up"]

ROUNDS = 6
"""Rounds of the Feistel network; draws of a document's stream before these of which tokens take part."""

_SLOTS = 1 << 12


@inner
def _half_rounds(value: int, stream: np.uint64, low: int, high: int, inverse: bool) -> int:
    """One pass through the network: numbers of `low` + `high` bits to themselves, each to another.

    Even rounds change the low bits by a hash of the high ones, odd rounds the high by one of the low.
    """
    left, right = value >> low, value & ((1 << low) - 1)
    for step in range(ROUNDS):
        number = ROUNDS - 1 - step if inverse else step
        key = stream + np.uint64(number + 1) * GOLDEN
        if number & 1:
            left ^= np.int64(mix64(key ^ mix64(np.uint64(right)))) & ((1 << high) - 1)
        else:
            right ^= np.int64(mix64(key ^ mix64(np.uint64(left)))) & ((1 << low) - 1)
    return left << low | right


@inner
def _takes_part(place: int, stream: np.uint64, share: np.uint64) -> bool:
    return mix64(stream + np.uint64(ROUNDS + 1 + place) * GOLDEN) >> np.uint64(11) < share


@kernel
def permute(
    ids: npt.NDArray[np.uint32],
    length: npt.NDArray[np.int64],
    streams: npt.NDArray[np.uint64],
    ordinary: npt.NDArray[np.uint32],
    place: npt.NDArray[np.int64],
    share: np.uint64,
    inverse: bool,
) -> None:
    """Put other ids in the place of those of documents, `length[d]` of `ids` each; `share`, in 2^53rds, take part.

    `ordinary` are the ids that can take part, `place[id]` which of them an id is, or -1.
    """
    count = len(ordinary)
    bits = 1
    while (1 << bits) < count:
        bits += 1
    low, high = (bits + 1) // 2, bits // 2
    high = max(1, high)
    # What was computed for the document at hand, by the last bits of an id.
    known, answer, owner = (
        np.zeros(_SLOTS, np.uint32),
        np.zeros(_SLOTS, np.uint32),
        np.full(_SLOTS, -1, np.int64),
    )
    first = 0
    for d in range(len(length)):
        for i in range(first, first + length[d]):
            token = ids[i]
            if place[token] < 0:
                continue
            slot = token & np.uint32(_SLOTS - 1)
            if owner[slot] != d or known[slot] != token:
                value = place[token]
                if _takes_part(value, streams[d], share):
                    value = _half_rounds(value, streams[d], low, high, inverse)
                    while value >= count or not _takes_part(value, streams[d], share):
                        value = _half_rounds(value, streams[d], low, high, inverse)
                known[slot], answer[slot], owner[slot] = token, ordinary[value], d
            ids[i] = answer[slot]
        first += length[d]


def warm_up(batch: Any) -> None:
    """Let a few tokens stand for each other."""
    from pairloom.operators.transforms.lexinvariant import Lexinvariant, Tables

    Lexinvariant()(batch, 0, Tables(ordinary=np.arange(9, dtype=np.uint32), place=np.arange(9)))
