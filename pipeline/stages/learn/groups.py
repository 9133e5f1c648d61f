"""Groups that a vocabulary treats alike: their words, read from what was counted, and how each comes off."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary, WordCounts, merge_counts
from pairloom.operators.counts.groups import groups_of, name_of, prefix_of, stripped
from pairloom.operators.errors import CorruptionError
from pairloom.operators.evaluate.inequality import gini
from pairloom.pipeline.stages.count.files import read_words
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.objects import Objects

__all__ = ["about_groups", "lines_of_groups", "measured", "read_groups"]

MOST_TOLD = 256  # groups, those first that take the most tokens
_AT_A_TIME = 1 << 18  # words that are encoded
_BYTES, _TOKENS = "bytes of ", "tokens of "


def read_groups(
    objects: Objects, files: Iterable[StoredFile], counts: WordCounts
) -> dict[str | None, WordCounts]:
    """The words of each group, in the order of names; CorruptionError where they are not `counts` together."""
    parts: dict[str | None, list[WordCounts]] = {}
    for file in files:
        words = read_words(objects, file)
        for prefix, start, stop in groups_of(words.words):
            parts.setdefault(name_of(prefix), []).append(stripped(words, prefix, start, stop))
    groups = {name: merge_counts(parts.pop(name)) for name in sorted(parts, key=prefix_of)}
    together = merge_counts(groups.values())
    if together.words != counts.words or not np.array_equal(together.counts, counts.counts):
        raise CorruptionError(
            "the stored words of the groups are not those of the corpus: words were lost or added on the way"
        )
    return groups


def measured(vocabulary: Vocabulary, groups: Mapping[str | None, WordCounts]) -> dict[str, int]:
    """Facts: the bytes of the words of each group, and the tokens that they become."""
    found = []
    for name, counts in groups.items():
        tokens = 0
        for start in range(0, len(counts), _AT_A_TIME):
            words: Any = counts.words.slice(start, _AT_A_TIME)
            ids = vocabulary.encode(words.cast(pa.large_string()))
            lengths = np.diff(ids.offsets.to_numpy())
            tokens += sum(
                map(int.__mul__, lengths.tolist(), counts.counts[start : start + _AT_A_TIME].tolist())
            )
        found.append((tokens / max(1, counts.bytes), _told(name), tokens, counts.bytes))
    facts: dict[str, int] = {}
    for _, name, tokens, size in sorted(found, reverse=True)[:MOST_TOLD]:
        facts |= {_BYTES + name: size, _TOKENS + name: tokens}
    return facts


def _told(name: str | None) -> str:
    """A group's name in facts: nothing for documents without a value; an empty one, and what begins with a quote, in quotes."""
    if name is None:
        return ""
    return name if name and name[0] != '"' else json.dumps(name)


def about_groups(facts: Mapping[str, int]) -> dict[str, Any]:
    """The bytes a token of each group, least first, and the Gini coefficient of their tokens a byte."""
    names = [key.removeprefix(_TOKENS) for key in facts if key.startswith(_TOKENS)]
    sizes = {name: (facts[_BYTES + name], facts[_TOKENS + name]) for name in names}
    sizes = {name: both for name, both in sizes.items() if all(both)}
    if not sizes:
        return {}
    rates = {name: size / tokens for name, (size, tokens) in sizes.items()}
    return {
        "parity": {
            "bytes_per_token": dict(sorted(rates.items(), key=lambda item: (item[1], item[0]))),
            "gini": gini([tokens / size for size, tokens in sizes.values()]),
        }
    }


def lines_of_groups(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The groups that come off worst and best, and how unequal all are."""
    if "parity" not in summary:
        return
    summary = summary["parity"]
    rates: Sequence[tuple[str, float]] = list(summary["bytes_per_token"].items())
    (worst, least), (best, most) = rates[0], rates[-1]
    shown = f"{len(rates)}, from {least:.3f} bytes a token ({worst or 'without a name'})"
    yield "groups", f"{shown} to {most:.3f} ({best or 'without a name'}), Gini {summary['gini']:.4f}"
