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
from pairloom.operators.evaluate.trace import Trace, merge_trace
from pairloom.operators.text.arrays import text_of
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Mixture", "infer_from_traces", "infer_mixture", "log10_mse"]

COMPETITORS = 10  # pairs added at a step and pass
TOLERANCE = 1e-7  # of the pairs of the mixture
PASSES = 60


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
    rows: list[tuple[int, int]] = []
    values: list[npt.NDArray[np.float64]] = []
    by_merge, by_pair = np.zeros(replay.steps), np.zeros(len(replay.pairs))
    loss, settled, done = 0.0, False, 0
    known: set[tuple[int, int]] = set()
    while done < PASSES:
        done += 1
        broken = replay.broken(weights, by_merge, by_pair, known)
        if not broken:
            settled = True
            break
        for step, pair, difference in broken:
            known.add((step, pair))
            rows.append((step, pair))
            values.append(difference)
        weights, by_merge, by_pair, loss = _solve(linprog, sparse, rows, values, replay)
    bytes_of = np.array([float(sizes[name]) for name in names])
    shares = weights * bytes_of / np.array([trace.total for trace in traces])
    shares /= shares.sum()
    return Mixture(
        shares=dict(zip(names, shares.tolist(), strict=True)),
        loss=loss,
        violations=tuple(by_merge.tolist()),
        constraints=len(rows),
        passes=done,
        settled=settled,
    )


class _Replay:
    """The pair counts of all categories, as shares of their pairs, walked from merge to merge."""

    def __init__(self, vocabulary: Vocabulary, traces: list[Trace], steps: int) -> None:
        merged = vocabulary.model.merges[:steps].astype(np.int64)
        self._merged = (merged[:, 0] << 32) | merged[:, 1] if steps else np.zeros(0, np.int64)
        everything = [trace.pairs for trace in traces] + [trace.changed for trace in traces]
        self.pairs = np.unique(np.concatenate([*everything, self._merged]))
        self.steps = steps
        self._at = np.searchsorted(self.pairs, self._merged)
        self._traces = traces
        self._first = np.zeros((len(traces), len(self.pairs)))
        self._places = []
        for row, trace in zip(self._first, traces, strict=True):
            row[np.searchsorted(self.pairs, trace.pairs)] = trace.counts / trace.total
            self._places.append(np.searchsorted(self.pairs, trace.changed))

    def broken(
        self,
        weights: npt.NDArray[np.float64],
        by_merge: npt.NDArray[np.float64],
        by_pair: npt.NDArray[np.float64],
        known: set[tuple[int, int]],
    ) -> list[tuple[int, int, npt.NDArray[np.float64]]]:
        """Inequalities that do not hold: (merge, pair, count of what was merged less that of the pair, by category)."""
        counts, mixed = self._first.copy(), weights @ self._first
        found = []
        for step in range(self.steps):
            here = self._at[step]
            over = mixed - by_pair - (mixed[here] + by_merge[step] + TOLERANCE)
            over[here] = -1.0
            rivals = np.flatnonzero(over > 0)
            if len(rivals) > COMPETITORS:
                rivals = rivals[np.argpartition(-over[rivals], COMPETITORS)[:COMPETITORS]]
            found += [
                (step, pair, counts[:, here] - counts[:, pair])
                for pair in rivals.tolist()
                if (step, pair) not in known
            ]
            for i, trace in enumerate(self._traces):
                low, high = int(trace.ends[step - 1]) if step else 0, int(trace.ends[step])
                change = trace.change[low:high] / trace.total
                counts[i, self._places[i][low:high]] += change
                mixed[self._places[i][low:high]] += weights[i] * change
        return found


def _solve(
    linprog: Any,
    sparse: Any,
    rows: list[tuple[int, int]],
    values: list[npt.NDArray[np.float64]],
    replay: _Replay,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    categories, steps = len(values[0]), replay.steps
    pairs, place = np.unique([pair for _, pair in rows], return_inverse=True)
    count = len(rows)
    lines = np.arange(count)
    # Counts are scaled up, so that the solver's tolerances are small beside them.
    scale = 1e4
    of_shares = sparse.csr_matrix(-scale * np.array(values))
    of_merges = sparse.csr_matrix(
        (-np.ones(count), (lines, [step for step, _ in rows])), shape=(count, steps)
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
