"""Data mixture inference: from the order of a vocabulary's merges, how much of each kind of text it was learned from.

Hayase et al., "Data Mixture Inference: What do BPE Tokenizers Reveal about their Training Data?" (2024). At every step
the pair that was merged was the most frequent one of the mixture; with samples of the categories, whose pair counts are
known at every step, that is a linear inequality in the proportions for each pair that was not merged. The proportions
are those that break the inequalities the least. There are too many inequalities, so they are added as they are broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.kernels import find_rivals
from pairloom.operators.evaluate.trace import Trace, merge_trace
from pairloom.operators.text.arrays import text_of
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Mixture", "infer_from_traces", "infer_mixture", "list_rivals", "log10_mse"]

COMPETITORS = 10  # pairs added at a step and pass
TAKEN = 3000  # inequalities added in a pass, from the first merge on; those of early merges tell the most
TOLERANCE = 1e-7  # of the pairs of the mixture
PASSES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What was inferred: `shares` of the bytes by category, adding up to 1.

    `loss` is the sum of all violations, as a share of the pairs; `violations` that of each merge; `constraints` how many
    inequalities were taken in, in how many `passes`. `settled` says that the last pass found none that is broken.
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
    RecipeError where scipy is not installed.
    """
    _solver()  # before the work
    traces = {name: merge_trace(vocabulary, counts, merges) for name, counts in categories.items()}
    sizes = {
        name: int(np.dot(counts.counts, np.diff(text_of(counts.words).offsets)))
        for name, counts in categories.items()
    }
    return infer_from_traces(vocabulary, traces, sizes)


def infer_from_traces(
    vocabulary: Vocabulary, categories: Mapping[str, Trace], sizes: Mapping[str, int]
) -> Mixture:
    """The mixture from the traces of the categories' words, all of the same merges, and their bytes; see `infer_mixture`.

    Traces of parts of a category's words add up (`add_traces`).
    """
    linprog, sparse = _solver()
    names = list(categories)
    if len(names) < 2:
        raise ValueError(f"a mixture has at least two categories, got {names}")
    traces = list(categories.values())
    for name, trace in categories.items():
        if not trace.total:
            raise ValueError(f"category {name!r} has no pairs")
    replay = _Replay(vocabulary, traces, len(traces[0].ends))
    weights = np.full(len(names), 1 / len(names))
    rows: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[np.float64]] = []
    by_merge, by_pair = np.zeros(replay.steps), np.zeros(len(replay.pairs))
    loss, settled, done = 0.0, False, 0
    known = np.zeros(0, np.int64)
    while done < PASSES:
        done += 1
        steps, pairs = replay.broken(weights, by_merge, by_pair)
        new = ~np.isin(steps * len(replay.pairs) + pairs, known)
        if not new.any():
            settled = True
            break
        steps, pairs = steps[new], pairs[new]
        known = np.concatenate([known, steps * len(replay.pairs) + pairs])
        rows.append(np.stack([steps, pairs]))
        values.append(replay.differences(steps, pairs))
        weights, by_merge, by_pair, loss = _solve(
            linprog, sparse, np.concatenate(rows, axis=1), np.concatenate(values), replay
        )
    bytes_of = np.array([float(sizes[name]) for name in names])
    shares = weights * bytes_of / np.array([trace.total for trace in traces])
    shares /= shares.sum()
    return Mixture(
        shares=dict(zip(names, shares.tolist(), strict=True)),
        loss=loss,
        violations=tuple(by_merge.tolist()),
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

    def broken(
        self,
        weights: npt.NDArray[np.float64],
        by_merge: npt.NDArray[np.float64],
        by_pair: npt.NDArray[np.float64],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Inequalities that do not hold, some of those of the first merges that have any: merges, and pairs not merged."""
        values = weights @ self._first - by_pair
        return list_rivals(
            values,
            self._merged,
            by_merge + by_pair[self._merged] + TOLERANCE,
            self._begins,
            self._places,
            self._shares * weights[self._owners],
            TAKEN,
        )

    def differences(
        self, steps: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """float64[n, categories]: the count of what was merged less that of the pair, before each of the merges."""
        merged = self._merged[steps]
        return np.stack([course.at(merged, steps) - course.at(pairs, steps) for course in self._courses], axis=1)


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
    taken: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(merges, pairs): at each merge the `COMPETITORS` pairs of the greatest values above that of the pair merged.

    About `taken` of them, from the first merge on. `values` is float64[P] and is changed: merge t adds `changes[i]` to
    `values[places[i]]`, for i from `begins[t]` to `begins[t + 1]`; `allowed` is by how much a value may be passed.
    """
    steps, pairs = np.empty(taken + COMPETITORS, np.int64), np.empty(taken + COMPETITORS, np.int64)
    order = np.argsort(-values, kind="stable")
    n = find_rivals(values, order, merged, allowed, begins, places, changes, COMPETITORS, steps, pairs)
    return steps[:n], pairs[:n]


def _solve(
    linprog: Any,
    sparse: Any,
    rows: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    replay: _Replay,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    count, categories = values.shape
    steps = replay.steps
    pairs, place = np.unique(rows[1], return_inverse=True)
    lines = np.arange(count)
    # Counts are scaled up, so that the solver's tolerances are small beside them.
    scale = 1e4
    of_shares = sparse.csr_matrix(-scale * values)
    of_merges = sparse.csr_matrix(
        (-np.ones(count), (lines, rows[0])), shape=(count, steps)
    )
    of_pairs = sparse.csr_matrix((-np.ones(count), (lines, place)), shape=(count, len(pairs)))
    slack = steps + len(pairs)
    result = linprog(
        np.concatenate([np.zeros(categories), np.ones(slack)]),
        A_ub=sparse.hstack([of_shares, of_merges, of_pairs], format="csr"),
        b_ub=np.zeros(count),
        A_eq=sparse.csr_matrix(np.concatenate([np.ones(categories), np.zeros(slack)])[None]),
        b_eq=np.ones(1),
        bounds=(0, None),
        method="highs",
    )
    if result.status != 0:
        raise ArithmeticError(f"the linear program of {count} rows has no solution: {result.message}")
    by_pair = np.zeros(len(replay.pairs))
    by_pair[pairs] = result.x[categories + steps :] / scale
    weights = np.maximum(result.x[:categories], 0)
    return (
        weights / weights.sum(),
        result.x[categories : categories + steps] / scale,
        by_pair,
        result.fun / scale,
    )


def _solver() -> tuple[Any, Any]:
    try:
        from scipy import sparse
        from scipy.optimize import linprog
    except ImportError as error:
        raise RecipeError(
            "inferring a mixture needs the linear solver of scipy: pip install 'pairloom[report]'"
        ) from error
    return linprog, sparse
