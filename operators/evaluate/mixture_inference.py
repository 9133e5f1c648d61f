"""Data mixture inference: from the order of a vocabulary's merges, how much of each kind of text it was learned from.

Hayase et al., "Data Mixture Inference: What do BPE Tokenizers Reveal about their Training Data?" (2024). At every step
the pair that was merged was the most frequent one of the mixture; with samples of the categories, whose pair counts are
known at every step, that is a linear inequality in the proportions for each pair that was not merged. The proportions
are those that break the inequalities the least. There are too many inequalities, so they are added as they are broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.evaluate.kernels import find_rivals
from pairloom.operators.evaluate.least_violation import LeastViolation, need_solver
from pairloom.operators.evaluate.trace import Trace, merge_trace
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Mixture", "infer_from_traces", "infer_mixture", "list_rivals", "log10_mse"]

COMPETITORS = 10  # pairs looked at, at a step and pass
OF_PAIR = 4  # inequalities taken of a pair in a pass: of the merges that it was above the most
TOLERANCE = 1e-7  # of the pairs of the mixture
GAP = 1e-3  # of the loss: what is still broken may add no more to it
PASSES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What was inferred: `shares` of the bytes by category, adding up to 1.

    `loss` is the sum of all violations, as a share of the pairs; `violations` that of each merge; `constraints` how many
    inequalities were taken in, in how many `passes`. `settled` says that what the last pass still found broken could not
    add a thousandth to the loss.
    """

    shares: dict[str, float]
    loss: float
    violations: tuple[float, ...]
    constraints: int
    passes: int
    settled: bool


def log10_mse(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The mean squared difference of two mixtures of the same categories, as its logarithm; -inf where there is none."""
    if one.keys() != other.keys():
        raise ValueError(f"mixtures of {sorted(one)} and of {sorted(other)} cannot be compared")
    with np.errstate(divide="ignore"):
        return float(np.log10(np.mean([(one[name] - other[name]) ** 2 for name in one])))


def infer_mixture(
    vocabulary: Vocabulary, categories: Mapping[str, WordCounts], *, merges: int = 300
) -> Mixture:
    """The mixture of categories that explains the vocabulary's first merges best.

    `categories` are word counts of a sample of each, cut as the vocabulary cuts; their sizes do not matter. Samples must
    be of the same kind as what was learned from. Raises ValueError for fewer than two categories or an empty one,
    RecipeError where the solver is not installed.
    """
    need_solver()  # before the work
    traces = {name: merge_trace(vocabulary, counts, merges) for name, counts in categories.items()}
    return infer_from_traces(vocabulary, traces, {name: one.bytes for name, one in categories.items()})


def infer_from_traces(
    vocabulary: Vocabulary, categories: Mapping[str, Trace], sizes: Mapping[str, int]
) -> Mixture:
    """The mixture from the traces of the categories' words, all of the same merges, and their bytes; see `infer_mixture`.

    Traces of parts of a category's words add up (`add_traces`).
    """
    need_solver()
    names = list(categories)
    if len(names) < 2:
        raise ValueError(f"a mixture has at least two categories, got {names}")
    traces = list(categories.values())
    for name, trace in categories.items():
        if not trace.total:
            raise ValueError(f"category {name!r} has no pairs")
    replay = _Replay(vocabulary, traces, len(traces[0].ends))
    program = LeastViolation(len(names), replay.steps, len(replay.pairs))
    known = np.zeros(0, np.int64)
    settled, done = False, 0
    while done < PASSES and not settled:
        done += 1
        found = replay.broken(program)
        keys = found.steps * len(replay.pairs) + found.pairs
        new = ~np.isin(keys, known)
        if not new.any() or (done > 1 and found.gap <= GAP * program.loss):
            settled = True
            break
        known = np.concatenate([known, keys[new]])
        program.add(found.steps[new], found.pairs[new], found.differences[new])
        program.solve()
    weights = program.shares
    bytes_of = np.array([float(sizes[name]) for name in names])
    shares = weights * bytes_of / np.array([trace.total for trace in traces])
    shares /= shares.sum()
    return Mixture(
        shares=dict(zip(names, shares.tolist(), strict=True)),
        loss=program.loss,
        violations=tuple(program.by_merge.tolist()),
        constraints=len(known),
        passes=done,
        settled=settled,
    )


class _Replay:
    """The pair counts of all categories, as shares of their pairs, at every merge."""

    def __init__(self, vocabulary: Vocabulary, traces: list[Trace], steps: int) -> None:
        merged = vocabulary.model.merges[:steps].astype(np.int64)
        keys = (merged[:, 0] << 32) | merged[:, 1] if steps else np.zeros(0, np.int64)
        everything = [trace.pairs for trace in traces] + [trace.changed for trace in traces]
        self.pairs = np.unique(np.concatenate([*everything, keys]))
        self.steps = steps
        self._merged = np.searchsorted(self.pairs, keys)
        self._first = np.zeros((len(traces), len(self.pairs)))
        self._courses = []
        step_of, places, shares, owners = [], [], [], []
        for i, trace in enumerate(traces):
            self._first[i, np.searchsorted(self.pairs, trace.pairs)] = trace.counts / trace.total
            step = np.repeat(np.arange(steps), np.diff(trace.ends, prepend=0))
            place = np.searchsorted(self.pairs, trace.changed)
            self._courses.append(_Course.of(place, step, trace.change / trace.total, self._first[i], steps))
            step_of.append(step)
            places.append(place)
            shares.append(trace.change / trace.total)
            owners.append(np.full(len(place), i))
        steps_of = np.concatenate(step_of)
        order = np.argsort(steps_of, kind="stable")
        self._begins = np.searchsorted(steps_of[order], np.arange(steps + 1)).astype(np.int64)
        self._places = np.concatenate(places)[order]
        self._shares = np.concatenate(shares)[order]
        self._owners = np.concatenate(owners)[order]

    def broken(self, program: LeastViolation) -> "_Broken":
        """Inequalities that the solution breaks: for each pair those that it breaks the most, worst pairs first."""
        weights, by_pair = program.shares, program.by_pair
        values = weights @ self._first - by_pair
        allowed = program.by_merge + by_pair[self._merged] + TOLERANCE
        changes = self._shares * weights[self._owners]
        steps, pairs = list_rivals(values, self._merged, allowed, self._begins, self._places, changes)
        differences = self._differences(steps, pairs)
        over = -(differences @ weights) - by_pair[pairs] - program.by_merge[steps]
        order = np.lexsort((-over, pairs))
        first = np.diff(pairs[order], prepend=-1) != 0
        place = np.arange(len(order))
        rank = place - np.maximum.accumulate(np.where(first, place, 0))
        kept = order[rank < OF_PAIR]
        return _Broken(steps[kept], pairs[kept], differences[kept], float(over[order[first]].sum()))

    def _differences(
        self, steps: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """float64[n, categories]: the count of what was merged less that of the pair, before each of the merges."""
        merged = self._merged[steps]
        return np.stack(
            [course.at(merged, steps) - course.at(pairs, steps) for course in self._courses], axis=1
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Broken:
    """Inequalities that do not hold; `gap` is by how much the pairs are above what was merged, each at its worst."""

    steps: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64]
    differences: npt.NDArray[np.float64]
    gap: float


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """The counts of one category's pairs at any merge: `after` each change, which are ordered by pair and then merge."""

    keys: npt.NDArray[np.int64]  # pair * steps + merge
    after: npt.NDArray[np.float64]
    first: npt.NDArray[np.float64]
    steps: int

    @classmethod
    def of(
        cls,
        pairs: npt.NDArray[np.int64],
        merges: npt.NDArray[np.int64],
        changes: npt.NDArray[np.float64],
        first: npt.NDArray[np.float64],
        steps: int,
    ) -> "_Course":
        keys = pairs * steps + merges
        order = np.argsort(keys)
        keys, sums = keys[order], np.cumsum(changes[order])
        starts = np.flatnonzero(np.diff(keys // steps, prepend=-1)) if steps else np.zeros(0, np.int64)
        before = np.concatenate([[0.0], sums])[starts]
        lengths = np.diff(starts, append=len(keys))
        return cls(keys, sums - np.repeat(before, lengths) + first[keys // max(1, steps)], first, steps)

    def at(self, pairs: npt.NDArray[np.int64], merges: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The counts of pairs as they are before merges."""
        last = np.searchsorted(self.keys, pairs * self.steps + merges) - 1
        known = (last >= 0) & (self.keys[last] // self.steps == pairs) if len(self.keys) else last >= 0
        out = self.first[pairs]
        out[known] = self.after[last[known]]
        return out


def list_rivals(
    values: npt.NDArray[np.float64],
    merged: npt.NDArray[np.int64],
    allowed: npt.NDArray[np.float64],
    begins: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    changes: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(merges, pairs): at each merge the `COMPETITORS` pairs of the greatest values above that of the pair merged.

    `values` is float64[P] and is changed: merge t adds `changes[i]` to `values[places[i]]`, for i from `begins[t]` to
    `begins[t + 1]`; `allowed` (float64[T]) is by how much the value of a merge may be passed.
    """
    room = COMPETITORS * len(merged)
    steps, pairs = np.empty(room, np.int64), np.empty(room, np.int64)
    order = np.argsort(-values, kind="stable")
    n = find_rivals(values, order, merged, allowed, begins, places, changes, COMPETITORS, steps, pairs)
    return steps[:n], pairs[:n]
