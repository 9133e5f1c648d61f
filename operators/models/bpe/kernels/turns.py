"""Whose turn it is: the group that takes the most tokens for what it says, and how often each was chosen of late."""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner

__all__ = ["Standing", "Turns", "chosen_group", "take_turn"]

_HALF = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


class Standing(Protocol):
    """Which groups are `closed` (bool[g]), and the `tokens` and `units` (int64[g]) that each takes and says."""

    @property
    def closed(self) -> npt.NDArray[np.bool_]:
        """Those without a pair that is worth a merge."""

    @property
    def tokens(self) -> npt.NDArray[np.int64]:
        """What each takes."""

    @property
    def units(self) -> npt.NDArray[np.int64]:
        """What each says."""


class Turns(NamedTuple):
    """The last groups that were chosen, as a ring (int64[window]), and how often each is there (int64[g])."""

    last: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]


@inner
def _product(left: np.uint64, right: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The high and the low half of a product of two uint64."""
    low = (left & _HALF) * (right & _HALF)
    one = (left >> _32) * (right & _HALF) + (low >> _32)
    other = (left & _HALF) * (right >> _32) + (one & _HALF)
    return (left >> _32) * (right >> _32) + (one >> _32) + (other >> _32), (other << _32) | (low & _HALF)


@inner
def _worse(groups: Standing, one: int, other: int) -> bool:
    """Whether a group takes more tokens for what it says than another."""
    high, low = _product(np.uint64(groups.tokens[one]), np.uint64(groups.units[other]))
    its_high, its_low = _product(np.uint64(groups.tokens[other]), np.uint64(groups.units[one]))
    return bool(high > its_high or (high == its_high and low > its_low))


@inner
def chosen_group(groups: Standing, turns: Turns) -> int:
    """The group that is worst off, of equals the first; -1 where all are closed.

    Those that had twice their share of the last turns are passed over, unless all that are left had.
    """
    window, many = len(turns.last), len(groups.closed)
    best = worst = -1
    for one in range(many):
        if groups.closed[one]:
            continue
        if worst < 0 or _worse(groups, one, worst):
            worst = one
        if window > 0 and turns.times[one] * many >= 2 * window:
            continue
        if best < 0 or _worse(groups, one, best):
            best = one
    return worst if best < 0 else best


@inner
def take_turn(turns: Turns, turn: int, chosen: int) -> None:
    """Note that a group was chosen, as number `turn` of all choices."""
    window = len(turns.last)
    if window > 0:
        place = turn % window
        if turn >= window:
            turns.times[turns.last[place]] -= 1
        turns.last[place] = chosen
        turns.times[chosen] += 1
