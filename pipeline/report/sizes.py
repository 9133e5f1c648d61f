"""The size of the vocabulary against the cost of each group's text, and where languages cost the same.

The tokens of a text with the first k merges follow from its tokens with all of them, for every k: each group's kept text is
encoded once. The curve of a language that has parallel documents is scaled to the tokens that these have in all.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.curve import merge_steps
from pairloom.operators.evaluate.premium import fit_sizes, target_tokens
from pairloom.operators.evaluate.statistics import variance_ratio
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.text import Group, TextSums

__all__ = ["about_sizes"]

MOST = 24  # groups, the largest
POINTS = 12
SMALLEST = 64  # the curve is fitted from this part of the vocabulary on


def about_sizes(
    vocabulary: Vocabulary, text: TextSums | None, premiums: dict[str, Any] | None, options: Options
) -> dict[str, Any]:
    """Tokens of the largest groups' kept text at sizes up to the vocabulary's own, and the fits of `fit_sizes` to them.

    With `premiums`, `equal` is the size for each language at which the parallel documents cost nearest to the same, and
    whether these costs vary less than with the whole vocabulary for every language.
    Nothing where there are no two groups, where the sizes are fewer than 4, or where prefixes of the merges do not nest.
    """
    largest = sorted(text.groups.items(), key=lambda item: (-item[1].bytes, item[0])) if text else []
    rows: list[dict[str, Any]] = []
    for name, group in largest[:MOST] if len(largest) > 1 else ():
        curve = _curve(vocabulary, group)
        if curve is None:
            return {}
        sizes, tokens = curve
        size = group.kept
        fit = fit_sizes(sizes.tolist(), (tokens / size).tolist())
        points = list(zip(sizes.tolist(), tokens.tolist(), strict=True))
        row = {"group": name, "bytes": size, "points": points, "a": fit.a, "b": fit.b, "c": fit.c}
        rows.append(row | {"rmse": fit.rmse / float((tokens / size).mean())})
    if not rows:
        return {}
    found: dict[str, Any] = {"by": options.by or "source", "rows": rows}
    if premiums is not None:
        found["equal"] = _equal(rows, premiums)
    return {"sizes": found}


def _curve(
    vocabulary: Vocabulary, group: Group
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """(sizes, tokens of the kept text), spaced evenly in logarithms; None where no fit can be made."""
    ids = vocabulary.encode(group.texts).values.to_numpy()
    steps = merge_steps(vocabulary, np.bincount(ids, minlength=len(vocabulary)).astype(np.int64))
    if steps is None:
        return None
    first, last = int(steps.sizes[0]), int(steps.sizes[-1])
    spread = np.geomspace(max(first, last / SMALLEST), last, POINTS)
    sizes = np.unique(np.round(spread).astype(np.int64).clip(first, last))
    return (sizes, steps.tokens[sizes - first]) if len(sizes) >= 4 else None


def _equal(rows: list[dict[str, Any]], premiums: dict[str, Any]) -> dict[str, Any]:
    """The costs of the same content at each size; of the languages' costs with all tokens, the one that all come nearest to."""
    costs = {row["language"]: row["tokens"] for row in premiums["rows"]}
    fits = {}
    for row in rows:
        if row["group"] in costs:
            sizes, tokens = (np.array(column) for column in zip(*row["points"], strict=True))
            fits[row["group"]] = fit_sizes(
                sizes.tolist(), (tokens * costs[row["group"]] / tokens[-1]).tolist()
            )
    if len(fits) < 2:
        return {}
    target, equal = target_tokens(fits, sorted(costs[name] for name in fits))
    for row in rows:
        row["equal"] = equal.get(row["group"])
    reached = [fit.tokens(equal[name]) for name, fit in fits.items()]
    same = [costs[name] for name in fits]
    test = variance_ratio(reached, same) if len(set(same)) > 1 else None
    return {
        "tokens": target,
        "reference": premiums["reference"],
        "reference_tokens": costs[premiums["reference"]],
        "test": None
        if test is None
        else {"f": test.f, "first": test.first, "second": test.second, "p": test.p},
    }
