"""The size of the vocabulary against the cost of each group's text, and where languages cost the same.

The tokens of a text with the first k merges follow from its tokens with all of them, for every k: each group's kept text is
encoded once. The curve of a language that has parallel documents is scaled to the tokens that these have in all.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.curve import MergeSteps, merge_steps
from pairloom.operators.evaluate.premium import equal_costs, fit_sizes
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.sums import TextSums

__all__ = ["about_sizes", "spaced_sizes"]

MOST = 24  # groups, the largest
POINTS = 12
SMALLEST = 64  # the curve is fitted from this part of the vocabulary on


def about_sizes(
    vocabulary: Vocabulary, text: TextSums | None, premiums: dict[str, Any] | None, options: Options
) -> dict[str, Any]:
    """Tokens of the largest groups' kept text at sizes up to the vocabulary's own, and the fits of `fit_sizes` to them.

    With `premiums`, `equal` is the size for each language at which the parallel documents cost nearest to the same, and
    whether these costs vary less than with the whole vocabulary for every language. Nothing where there are no two groups,
    where the sizes are fewer than 4, or where prefixes of the merges do not nest.
    """
    largest = sorted(text.groups.items(), key=lambda item: (-item[1].bytes, item[0])) if text else []
    curves: dict[str, MergeSteps] = {}
    rows: list[dict[str, Any]] = []
    for name, group in largest[:MOST] if len(largest) > 1 else ():
        ids = vocabulary.encode(group.texts).values.to_numpy()
        steps = merge_steps(vocabulary, np.bincount(ids, minlength=len(vocabulary)).astype(np.int64))
        sizes = _sizes(steps)
        if steps is None or len(sizes) < 4:
            return {}
        tokens = _tokens(steps, sizes)
        fit = fit_sizes(sizes.tolist(), (tokens / group.kept).tolist())
        points = list(zip(sizes.tolist(), tokens.tolist(), strict=True))
        row = {"group": name, "bytes": group.kept, "points": points, "a": fit.a, "b": fit.b, "c": fit.c}
        rows.append(row | {"rmse": fit.rmse / float((tokens / group.kept).mean())})
        curves[name] = steps
    if not rows:
        return {}
    found: dict[str, Any] = {"by": options.by or "source", "rows": rows}
    if premiums is not None and (equal := _equal(curves, premiums)):
        sizes_of = equal.pop("sizes")
        found["rows"] = [row | {"equal": sizes_of.get(row["group"])} for row in rows]
        found["equal"] = equal
    return {"sizes": found}


def spaced_sizes(first: int, last: int, step: int = 1) -> npt.NDArray[np.int64]:
    """Multiples of `step` from `first` to `last`, spaced evenly in logarithms.

    >>> spaced_sizes(256, 1000, 128).tolist()
    [256, 384, 512, 640, 768, 896]
    """
    last = last // step * step
    spread = np.geomspace(max(first, step, last / SMALLEST), max(last, step), POINTS)
    sizes = np.unique(np.round(spread / step).astype(np.int64) * step)
    return sizes[(sizes >= first) & (sizes <= last)]


def _sizes(steps: MergeSteps | None) -> npt.NDArray[np.int64]:
    """The sizes that are looked at; none where prefixes of the merges do not nest."""
    if steps is None:
        return np.zeros(0, np.int64)
    return spaced_sizes(int(steps.sizes[0]), int(steps.sizes[-1]))


def _tokens(steps: MergeSteps, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    at = sizes.clip(steps.sizes[0], steps.sizes[-1]) - steps.sizes[0]
    found: npt.NDArray[np.int64] = steps.tokens[at]
    return found


def _equal(curves: Mapping[str, MergeSteps], premiums: dict[str, Any]) -> dict[str, Any]:
    """Of the languages' costs with all tokens, the one that all come nearest to, at which sizes, and what it costs there."""
    costs = {row["language"]: int(row["tokens"]) for row in premiums["rows"] if row["language"] in curves}
    if len(costs) < 2:
        return {}
    fits = {}
    for name, cost in costs.items():
        sizes = _sizes(curves[name])
        fits[name] = fit_sizes(
            sizes.tolist(), (_tokens(curves[name], sizes) * cost / curves[name].tokens[-1]).tolist()
        )
    found = equal_costs(
        fits,
        costs,
        lambda name, size: float(
            _tokens(curves[name], np.array([size]))[0] * costs[name] / curves[name].tokens[-1]
        ),
    )
    reference = next(row for row in premiums["rows"] if row["language"] == premiums["reference"])
    return found | {"reference": premiums["reference"], "reference_tokens": reference["tokens"]}
