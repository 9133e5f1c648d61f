"""Token premiums: what the same content costs in one language and in another, and which vocabulary would make it equal.

The corpus token count (CTC) of a language is the number of tokens of a text that exists in every language; its token
premium is its CTC over that of a reference. UTF-8 alone makes some scripts longer, which is the byte premium.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.decode import begun_characters
from pairloom.operators.evaluate.statistics import nested_models, variance_ratio
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = [
    "ParallelText",
    "SizeFit",
    "equal_costs",
    "explained",
    "fit_sizes",
    "linear_r_squared",
    "mean_token_length",
    "premium_rows",
    "target_tokens",
    "token_overlap",
]

PREDICTORS = ("similarity", "mean_token_length", "whitespace")
"""Properties of a language's text that may explain its tokens; none of them is made from the tokens that they explain."""
STEP = 128  # sizes of vocabularies are multiples of it
# Exponents that are tried; measured curves lie between -0.1 and -1.
_EXPONENTS = np.linspace(-3.0, -0.01, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelText:
    """Sums over one language's documents: of content that the others have too."""

    documents: int
    tokens: int
    bytes: int
    characters: int
    whitespace: int  # characters that are white space


def premium_rows(texts: Mapping[str, ParallelText], reference: str) -> list[dict[str, float | str]]:
    """A row for each language, with its premiums relative to `reference`, and what may explain them.

    `corrected` is the token premium over the byte premium: what is left when every script's bytes cost the same. Raises
    ValueError where the reference is missing or the languages do not have the same number of documents.
    """
    if reference not in texts:
        raise ValueError(f"there is no text in {reference!r}, only in {', '.join(sorted(texts))}")
    base = texts[reference]
    if len({one.documents for one in texts.values()}) > 1 or not base.tokens or not base.bytes:
        raise ValueError(
            "premiums need the same documents in every language, some of them with text: "
            + ", ".join(f"{name} {one.documents}" for name, one in texts.items())
        )
    rows: list[dict[str, float | str]] = []
    for name, one in sorted(texts.items()):
        premium, byte_premium = one.tokens / base.tokens, one.bytes / base.bytes
        rows.append(
            {
                "language": name,
                "documents": one.documents,
                "tokens": one.tokens,
                "premium": premium,
                "byte_premium": byte_premium,
                "corrected": premium / byte_premium if byte_premium else 0.0,
                "bytes_per_token": one.bytes / max(1, one.tokens),
                "characters_per_token": one.characters / max(1, one.tokens),
                "whitespace": one.whitespace / max(1, one.characters),
            }
        )
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeFit:
    """`tokens(V) = a * V ** b + c` for vocabularies from `smallest` to `largest`, with the root of the mean squared error."""

    a: float
    b: float
    c: float
    smallest: int
    largest: int
    rmse: float

    def tokens(self, size: float) -> float:
        """The tokens at a size."""
        return float(self.a * float(size) ** self.b + self.c)

    def size(self, tokens: float) -> int:
        """The size, a multiple of 128, at which the text has so many tokens; the nearer end of the range where none has."""
        low = -(-self.smallest // STEP) * STEP
        high = max(low, self.largest // STEP * STEP)
        if self.a <= 0 or tokens <= self.c:
            return high
        wanted = ((tokens - self.c) / self.a) ** (1 / self.b)
        return int(min(max(round(min(wanted, 1e12) / STEP) * STEP, low), high))


def fit_sizes(sizes: Sequence[int], tokens: Sequence[float]) -> SizeFit:
    """The least-squares fit; for each exponent, a and c are those of a line. Raises ValueError for fewer than 4 points.

    >>> fit_sizes([1024, 4096, 16384, 65536], [40 * v**-0.5 + 3 for v in (1024, 4096, 16384, 65536)]).size(3.3125)
    16384
    """
    if len(sizes) != len(tokens) or len(set(sizes)) < 4:
        raise ValueError(
            f"a fit needs the tokens at 4 sizes or more, got {len(set(sizes))} and {len(tokens)}"
        )
    v, y = np.log(np.asarray(sizes, np.float64)), np.asarray(tokens, np.float64)

    def fit(b: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
        """The squared error, slope and offset for each exponent."""
        x = np.exp(b[:, None] * (v - v[0]))
        spread = x - x.mean(axis=1, keepdims=True)
        slope = spread @ y / np.maximum((spread * spread).sum(axis=1), 1e-300)
        offset = y.mean() - slope * x.mean(axis=1)
        return ((slope[:, None] * x + offset[:, None] - y) ** 2).sum(axis=1), slope, offset

    best = float(_EXPONENTS[np.argmin(fit(_EXPONENTS)[0])])
    width = float(_EXPONENTS[1] - _EXPONENTS[0])
    low, high = best - width, min(best + width, -1e-4)
    for _ in range(80):  # ternary search: the error has one minimum between the neighbours of the best
        one, two = low + (high - low) / 3, high - (high - low) / 3
        errors = fit(np.array([one, two]))[0]
        low, high = (low, two) if errors[0] < errors[1] else (one, high)
    b = (low + high) / 2
    error, slope, offset = (float(column[0]) for column in fit(np.array([b])))
    return SizeFit(
        a=slope * float(np.exp(-b * v[0])),
        b=b,
        c=offset,
        smallest=min(sizes),
        largest=max(sizes),
        rmse=float(np.sqrt(error / len(y))),
    )


def target_tokens(fits: Mapping[str, SizeFit], candidates: Sequence[float]) -> tuple[float, dict[str, int]]:
    """Of the candidate token counts, the one that the languages come nearest to together, and the size for each language.

    Nearest is the least variance of the tokens at the sizes that the fits give; of equal ones the first.
    """

    def variance(target: float) -> float:
        return float(np.var([fit.tokens(fit.size(target)) for fit in fits.values()]))

    best = min(candidates, key=variance)
    return best, {name: fit.size(best) for name, fit in fits.items()}


def equal_costs(
    fits: Mapping[str, SizeFit], costs: Mapping[str, float], reached: Callable[[str, int], float]
) -> dict[str, Any]:
    """The size for each language at which they cost nearest to the same, and whether their costs then vary less.

    `costs` are those with every language's largest vocabulary, which the common one is chosen from; `reached(name, size)` is
    what a language costs at a size. Keys: `sizes`, `tokens` of the common cost, and `test`, f, first, second and p of the ratio
    of the variances at these sizes and at the largest, None where the latter do not vary.
    """
    target, sizes = target_tokens(fits, sorted(costs.values()))
    same = list(costs.values())
    test = None
    if len(set(same)) > 1:
        found = variance_ratio([reached(name, size) for name, size in sizes.items()], same)
        test = {"f": found.f, "first": found.first, "second": found.second, "p": found.p}
    return {"sizes": sizes, "tokens": target, "test": test}


def token_overlap(train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> float:
    """The share of a vocabulary that both texts use, from int64[V] counts of its tokens in each.

    >>> token_overlap(np.array([3, 0, 1, 2]), np.array([1, 5, 0, 1]))
    0.5
    """
    if train.shape != test.shape:
        raise ValueError(f"counts of {len(train)} and of {len(test)} tokens are not of one vocabulary")
    return float(((train > 0) & (test > 0)).mean()) if len(train) else 0.0


def mean_token_length(tokens: Sequence[bytes], used: npt.NDArray[np.bool_]) -> float:
    """Characters of the tokens that a text uses (bool[V]), each counted once; a part of a character counts for none.

    >>> mean_token_length([b"a", b"bcd", "\u00e9f".encode()], np.array([True, False, True]))
    1.5
    """
    lengths = begun_characters(TokenTable.of(tokens)).lengths
    return float(lengths[used].mean()) if used.any() else 0.0


def explained(rows: Sequence[Mapping[str, float | str]]) -> list[dict[str, float | str]]:
    """How much of the languages' tokens each of their properties explains: rows of predictor, `r_squared`, `f` and `p`.

    `rows` are those of `premium_rows`, with `similarity` (`token_overlap` of the language's text in the corpus and of its
    parallel documents) and `mean_token_length` besides where they are known. f and p are those of adding the predictor to a
    constant, of `combined` those of adding all. Predictors that do not vary are left out, and everything where there are too
    few languages to tell.
    """
    tokens = [float(row["tokens"]) for row in rows]
    known = [name for name in PREDICTORS if all(name in row for row in rows)]
    columns = {name: [float(row[name]) for row in rows] for name in known}
    columns = {name: values for name, values in columns.items() if len(set(values)) > 1}
    models = {name: [values] for name, values in columns.items()}
    if len(columns) > 1:
        models["combined"] = list(columns.values())
    found: list[dict[str, float | str]] = []
    for name, predictors in models.items():
        try:
            test = nested_models(tokens, [], predictors)
        except ValueError:
            continue  # too few languages, or predictors that follow from each other
        if not np.isfinite(test.f):
            continue
        r_squared = linear_r_squared(tokens, predictors)
        found.append({"predictor": name, "r_squared": r_squared, "f": test.f, "p": test.p})
    return found


def linear_r_squared(values: Sequence[float], predictors: Sequence[Sequence[float]]) -> float:
    """The share of the variance that ordinary least squares on the predictors, and a constant, explains."""
    y = np.asarray(values, np.float64)
    x = np.column_stack([np.ones(len(y)), *(np.asarray(one, np.float64) for one in predictors)])
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    spread = float(((y - y.mean()) ** 2).sum())
    return 1 - float((rest**2).sum()) / spread if spread else 0.0
