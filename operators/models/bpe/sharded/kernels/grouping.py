"""Which of the merges on trial one learner for groups would have made: each the best pair of the group that is worst off.

The walk is that of `retiring`, with a table and a heap for each group. A group that has no pair left above its threshold ends
it, unless the threshold is the lowest that there is: then the group is closed.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel, load_u64, signed, store_u64
from pairloom.operators.models.bpe.kernels.heap import drop_top, push, refresh_top
from pairloom.operators.models.bpe.kernels.limits import Rule, adopt, used_up
from pairloom.operators.models.bpe.kernels.pairs import Bounds
from pairloom.operators.models.bpe.kernels.turns import Turns, chosen_group, take_turn
from pairloom.operators.models.bpe.sharded.kernels.applying import Around
from pairloom.operators.models.bpe.sharded.kernels.counting import COUNT, find_count
from pairloom.operators.models.bpe.sharded.kernels.retiring import (
    ABSENT,
    CONFLICT,
    DIFFERS,
    HEAPED,
    NO_PAIR,
    RETIRED_ALL,
    Arising,
    Learned,
    Names,
    Trial,
    arise,
    conflicts,
    place_of,
)

__all__ = ["CHOSEN", "MADE", "TURN", "Rankings", "Worth", "foresee", "retire_in_groups"]

# What `progress` holds: merges made, how many were chosen by groups, and the group that was asked last.
MADE, TURN, CHOSEN = 0, 1, 2
_TABLE, _MASK, _HEAP = 0, 1, 2
_ZERO = np.uint64(0)


class Rankings(NamedTuple):
    """The pairs of each group: `views` (int64[g, 3]) are the address and the mask of its table, and the address of its heap.

    `thresholds` (int64[g]) are the counts from which pairs are known, `floor` the lowest there is; `states` (int64[g, 4]) are
    those of `retiring`. The answers of group i are those of the `rows` (int64[g + 1]) i to i + 1, and begin at `begins[i]`.
    """

    views: npt.NDArray[np.int64]
    thresholds: npt.NDArray[np.int64]
    floor: int
    states: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]


class Worth(NamedTuple):
    """Which groups have no pair left (bool[g]), and the tokens that each takes for the units that it says (int64[g])."""

    closed: npt.NDArray[np.bool_]
    tokens: npt.NDArray[np.int64]
    units: npt.NDArray[np.int64]


@kernel
def foresee(
    best: npt.NDArray[np.uint64],
    popped: npt.NDArray[np.uint64],
    rankings: Rankings,
    worth: Worth,
    turns: Turns,
    rule: Rule,
    progress: npt.NDArray[np.int64],
) -> int:
    """The keys of the pairs that groups would choose next if none arose, into `best` (uint64[k]); returns how many.

    The first is right, the others are likely. `popped` (uint64[k * g, 3]) is room. Groups that have no pair at all are closed.
    Where the first choice of a group is not known, there is none, and the group is `progress[CHOSEN]`.
    """
    now = Worth(worth.closed.copy(), worth.tokens.copy(), worth.units)
    then = Turns(turns.last.copy(), turns.times.copy())
    turn, n, out = progress[TURN], 0, 0
    while n < len(best):
        one = chosen_group(now, then)
        if one < 0:
            progress[CHOSEN] = -1
            break
        progress[CHOSEN] = one
        top, state = rankings.views[one, _HEAP], rankings.states[one]
        slots, mask = rankings.views[one, _TABLE], rankings.views[one, _MASK]
        heaped = refresh_top(top, state[HEAPED], slots, mask, COUNT, rankings.thresholds[one])
        state[HEAPED] = heaped
        if heaped == 0:
            if n > 0 or rankings.thresholds[one] > rankings.floor:
                break
            now.closed[one] = worth.closed[one] = True
            continue
        count, key = load_u64(top), load_u64(top + 8)
        state[HEAPED] = drop_top(top, heaped)
        pair = signed(key) - 1
        if used_up(rule, pair >> 32, pair & 0xFFFFFFFF):
            continue
        popped[out, 0], popped[out, 1], popped[out, 2] = count, key, np.uint64(one)
        out += 1
        known = False
        for i in range(n):
            known = known or best[i] == key
        if known:
            continue
        best[n] = key
        n += 1
        take_turn(then, turn, one)
        turn += 1
        for other in range(len(now.tokens)):
            slot = find_count(rankings.views[other, _TABLE], rankings.views[other, _MASK], key)
            now.tokens[other] = max(0, now.tokens[other] - signed(load_u64(slot + 8)))
    for i in range(out):
        one = signed(popped[i, 2])
        push(rankings.views[one, _HEAP], rankings.states[one, HEAPED], popped[i, 0], popped[i, 1])
        rankings.states[one, HEAPED] += 1
    return n


@kernel
def retire_in_groups(
    wanted: int,
    bounds: Bounds,
    trial: Trial,
    answers: Around,
    names: Names,
    rankings: Rankings,
    worth: Worth,
    turns: Turns,
    arising: Arising,
    learned: Learned,
    who: npt.NDArray[np.int32],
    rule: Rule,
    progress: npt.NDArray[np.int64],
) -> int:
    """Make merges for as long as the best pair of the chosen group is one on trial whose trial is exact, up to `wanted` in all.

    See `retire`; `answers` are those of the first group, then of the others, and table and heap of `arising` are not used. `who`
    (int32[wanted]) is told which group chose. Returns as `retire` does.
    """
    batch, base = trial.pairs, trial.base
    while progress[MADE] < wanted:
        one = chosen_group(worth, turns)
        if one < 0:
            return NO_PAIR
        top, state = rankings.views[one, _HEAP], rankings.states[one]
        slots, mask = rankings.views[one, _TABLE], rankings.views[one, _MASK]
        heaped = refresh_top(top, state[HEAPED], slots, mask, COUNT, rankings.thresholds[one])
        state[HEAPED] = heaped
        if heaped == 0:
            if rankings.thresholds[one] > rankings.floor:
                return NO_PAIR
            worth.closed[one] = True
            continue
        key = load_u64(top + 8)
        if used_up(rule, (signed(key) - 1) >> 32, (signed(key) - 1) & 0xFFFFFFFF):
            state[HEAPED] = drop_top(top, heaped)
            continue
        at = place_of(trial.keys, key)
        if at < 0:
            return ABSENT
        j = trial.order[at]
        if conflicts(batch, learned.kept, j):
            return CONFLICT
        state[HEAPED] = drop_top(top, heaped)
        a, b = signed(batch[j, 0]), signed(batch[j, 1])
        made = progress[MADE]
        product = bounds.first + made
        learned.merges[made, 0], learned.merges[made, 1], who[made] = a, b, one
        names.sizes[product] = signed(names.sizes[a]) + signed(names.sizes[b])
        adopt(rule, a, b, product)
        names.heads[base + j] = names.tails[base + j] = product
        names.symbols[product] = base + j
        learned.kept[j] = True
        progress[MADE] = made + 1
        take_turn(turns, progress[TURN], one)
        progress[TURN] += 1
        for group in range(len(worth.tokens)):
            slots, mask = rankings.views[group, _TABLE], rankings.views[group, _MASK]
            row, end = rankings.rows[group], rankings.rows[group + 1]
            for part in range(row, end):
                worth.tokens[group] -= answers.totals[part, j]
            store_u64(find_count(slots, mask, key) + 8, _ZERO)
            own = Bounds(bounds.first, bounds.longest, rankings.thresholds[group])
            if not arise(
                j,
                product,
                key,
                trial,
                answers,
                row,
                end,
                names,
                own,
                slots,
                mask,
                rankings.views[group, _HEAP],
                arising,
                rankings.begins[group],
                rule,
                rankings.states[group],
            ):
                return DIFFERS
    return RETIRED_ALL
