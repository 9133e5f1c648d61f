"""Tests of figures: whether two settings vary alike, whether a predictor explains anything, whether two columns go together.

Probabilities are those of the F distribution, from the regularized incomplete beta function by its continued fraction
(Abramowitz and Stegun, 26.5.8, evaluated as Lentz does); they need no other library.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FTest", "correlations", "f_survival", "jaccard", "nested_models", "pearson", "variance_ratio"]

_SMALL = 1e-300
_STEPS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FTest:
    """An F statistic with its degrees of freedom, and the probability `p` of one at least as extreme by chance."""

    f: float
    first: int
    second: int
    p: float


def variance_ratio(one: Sequence[float], other: Sequence[float]) -> FTest:
    """Whether two groups vary alike: the variance of the first over that of the second, p two-sided.

    For token premiums: the tokens of languages with vocabularies of sizes chosen for each, over those with one size.
    Raises ValueError for fewer than two values or a second group that does not vary.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if len(a) < 2 or len(b) < 2 or not b.var():
        raise ValueError(
            "a ratio of variances needs two values or more in each group, and a second one that varies"
        )
    f = float(a.var(ddof=1) / b.var(ddof=1))
    upper = f_survival(f, len(a) - 1, len(b) - 1)
    lower = f_survival(1 / f, len(b) - 1, len(a) - 1) if f else 0.0
    return FTest(f=f, first=len(a) - 1, second=len(b) - 1, p=min(1.0, 2 * min(upper, lower)))


def nested_models(
    values: Sequence[float], fewer: Sequence[Sequence[float]], more: Sequence[Sequence[float]]
) -> FTest:
    """Whether further predictors explain more than chance would, in least squares with a constant.

    `more` are added to `fewer`; f is the variance that they explain, each, over what is left of all. Raises ValueError
    where no degree of freedom is left or predictors of the larger model depend on each other.
    """
    y = np.asarray(values, np.float64)
    small, large = (_residual(y, columns) for columns in (fewer, [*fewer, *more]))
    added, left = large[1] - small[1], len(y) - large[1]
    if added != len(more) or added < 1 or left < 1:
        raise ValueError(
            f"{len(y)} values and {len(fewer)} predictors cannot tell whether {len(more)} more, which must be independent, "
            "explain anything"
        )
    if large[0] <= 1e-12 * max(small[0], _SMALL):
        return FTest(f=math.inf, first=added, second=left, p=0.0)
    f = float(max(0.0, small[0] - large[0]) / added / (large[0] / left))
    return FTest(f=f, first=added, second=left, p=f_survival(f, added, left))


def _residual(y: npt.NDArray[np.float64], columns: Sequence[Sequence[float]]) -> tuple[float, int]:
    """The sum of squares that is left, and the rank of the model."""
    x = np.column_stack([np.ones(len(y)), *(np.asarray(column, np.float64) for column in columns)])
    rank = int(np.linalg.matrix_rank(x))
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(rest @ rest), rank


def f_survival(f: float, first: float, second: float) -> float:
    """The probability of more than `f` where F has (`first`, `second`) degrees of freedom.

    >>> round(f_survival(1.0, 7, 7), 12)
    0.5
    """
    if first <= 0 or second <= 0:
        raise ValueError(f"degrees of freedom are positive, got {first} and {second}")
    if f <= 0:
        return 1.0
    return _incomplete_beta(second / 2, first / 2, second / (second + first * f))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # The fraction converges fast on the side of the mean; beyond it, the other tail is computed.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            return value
    raise ArithmeticError(f"the incomplete beta function of {a}, {b}, {x} does not converge")


def _away(x: float) -> float:
    return x if abs(x) > _SMALL else _SMALL


def pearson(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """The correlation r of two columns, and the probability of one as far from 0 by chance.

    Both are 0 and 1 where a column does not vary. Raises ValueError for fewer than three rows or columns of two lengths.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if len(a) != len(b) or len(a) < 3:
        raise ValueError(f"a correlation needs three rows or more of two columns, got {len(a)} and {len(b)}")
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt(float(a @ a) * float(b @ b))
    if not spread:
        return 0.0, 1.0
    r = max(-1.0, min(1.0, float(a @ b) / spread))
    rest = 1 - r * r
    return r, f_survival(r * r * (len(a) - 2) / rest, 1, len(a) - 2) if rest > 0 else 0.0


def correlations(
    measures: Mapping[str, Sequence[float]], scores: Sequence[float]
) -> list[dict[str, float | str]]:
    """How measures of tokenizers, a value each, go with a downstream score of each: a row a measure, strongest first.

    `pearson` and `spearman` (of ranks, equal values sharing the mean of theirs), each with the probability of one as far
    from 0 by chance, `p` and `p_spearman`; that of ranks is an approximation for fewer than some ten tokenizers.
    """
    rows: list[dict[str, float | str]] = []
    for name, values in measures.items():
        r, p = pearson(values, scores)
        rho, q = pearson(_ranks(values), _ranks(scores))
        rows.append({"measure": name, "pearson": r, "p": p, "spearman": rho, "p_spearman": q})
    return sorted(rows, key=lambda row: (-abs(float(row["pearson"])), str(row["measure"])))


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = np.sort(np.asarray(values, np.float64))
    low, high = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    ranks: list[float] = ((low + high - 1) / 2).tolist()
    return ranks


def jaccard(one: Collection[object], other: Collection[object]) -> float:
    """What two sets, as the items that two systems get wrong, have in common: both over either; 1 where both are empty.

    >>> jaccard([1, 2], [2, 3, 4])
    0.25
    """
    a, b = set(one), set(other)
    return len(a & b) / len(a | b) if a | b else 1.0
