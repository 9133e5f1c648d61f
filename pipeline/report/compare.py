"""Two reports side by side: which tokens and merges the vocabularies share, and what each takes for the same text.

    comparison = compare(first, second)
    comparison["tokens"]         common, only_first, only_second, moved
    comparison["merges"]         common, agree, first, second
    comparison["compression"]    a row for each source of each text
    comparison["cuts"]           what both cut otherwise in some of the text

Everything is a plain value that JSON can hold, and complete: pages show as much as they like of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.compare import compare_merges, compare_tokens
from pairloom.operators.evaluate.differences import alignable, aligned, differences
from pairloom.pipeline.report.tokens import readable

__all__ = ["Measured", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """A report; unless it was stored, its vocabulary, how often each token occurs (int64[V]), and some of the text."""

    name: str
    report: dict[str, Any]
    vocabulary: Vocabulary | None = None
    counts: npt.NDArray[np.int64] | None = None
    texts: tuple[str, ...] = ()


def compare(first: Measured, second: Measured) -> dict[str, Any]:
    """What is different; `tokens` and `merges` are {} where a report was stored, which has no vocabulary.

    `tokens`: `common` is a number; `only_first` and `only_second` are rows of token, id and count, the most frequent
    first; `moved` are rows of token, the ids `first` and `second`, and the change of rank `by`, the greatest first, the
    rank being the token's place among those that both have. `merges`: `common` is a number, `agree` that of the first
    merges that are the same in both, and `first` and `second` what each merges next (left, right, token), None at the end.
    `compression`: rows of `text` (whose text; where both have the same, the first's), `source`, `bytes`, the tokens `first`
    and `second` and the `change` from one to the other; where the same text was not encoded by both, rows of `source`, bytes
    per token `first` and `second`, and `change`, the second over the first less 1. `cuts`: rows of the tokens `first` and `second`
    of one piece of text, and its `count` in some of the text, the most frequent first.
    """
    out: dict[str, Any] = {
        "names": [first.name, second.name],
        "tokens": {},
        "merges": {},
        "compression": _compression(first, second),
        "cuts": [],
    }
    one, two = first.vocabulary, second.vocabulary
    if one is None or two is None:
        return out
    tokens = compare_tokens(one, two)
    moved = [
        {"token": readable(one.tokens[a]), "first": a, "second": b, "by": by}
        for a, b, by in tokens.moved.tolist()
    ]
    out["tokens"] = {
        "common": tokens.common,
        "only_first": _rows(one, first.counts, tokens.only_first),
        "only_second": _rows(two, second.counts, tokens.only_second),
        "moved": moved,
    }
    if alignable(one) is None and alignable(two) is None:
        texts = dict.fromkeys((*first.texts, *second.texts))
        out["cuts"] = differences(aligned(one, two, list(texts)))
    merges = compare_merges(one, two)
    out["merges"] = {
        "common": merges.common,
        "agree": merges.agree,
        "first": _merge(one, merges.agree),
        "second": _merge(two, merges.agree),
    }
    return out


def _rows(
    vocabulary: Vocabulary, counts: npt.NDArray[np.int64] | None, ids: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    if counts is not None:
        ids = ids[np.lexsort((ids, -counts[ids]))]
    return [
        {
            "token": readable(vocabulary.tokens[i]),
            "id": i,
            "count": None if counts is None else int(counts[i]),
        }
        for i in ids.tolist()
    ]


def _merge(vocabulary: Vocabulary, rank: int) -> dict[str, str] | None:
    if rank >= len(vocabulary.model.merges):
        return None
    left, right = (vocabulary.tokens[i] for i in vocabulary.model.merges[rank].tolist())
    return {"left": readable(left), "right": readable(right), "token": readable(left + right)}


def _compression(first: Measured, second: Measured) -> list[dict[str, Any]]:
    made: list[list[dict[str, Any]]] = []
    for side, own, other in (("first", first, second), ("second", second, first)):
        made.append([])
        for group in own.report["groups"]:
            taken: Mapping[str, Any] = group["tokenizers"]
            if other.name not in taken:
                continue
            tokens = {side: taken["this"]["tokens"]}
            tokens["second" if side == "first" else "first"] = taken[other.name]["tokens"]
            change = tokens["second"] / max(1, tokens["first"]) - 1
            about = {"text": own.name, "source": group["group"], "bytes": group["bytes"]}
            row = about | {name: tokens[name] for name in ("first", "second")} | {"change": change}
            made[-1].append(row)
    alike = [row | {"text": ""} for row in made[0]] == [row | {"text": ""} for row in made[1]]
    if made[0] or made[1]:
        return made[0] if alike else [*made[0], *made[1]]
    there = {row["source"]: row.get("bytes_per_token") for row in second.report["sources"]}
    return [
        {
            "source": row["source"],
            "first": row["bytes_per_token"],
            "second": there[row["source"]],
            "change": there[row["source"]] / row["bytes_per_token"] - 1 if row["bytes_per_token"] else None,
        }
        for row in first.report["sources"]
        if row.get("bytes_per_token") is not None and there.get(row["source"]) is not None
    ]
