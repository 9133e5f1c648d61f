"""Groups that a vocabulary treats alike: their words, read from what was counted, and how each comes off."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary, WordCounts, merge_counts
from pairloom.operators.counts.groups import groups_of, name_of, prefix_of, stripped
from pairloom.operators.errors import CorruptionError
from pairloom.operators.evaluate.inequality import gini
from pairloom.operators.models.bpe import count_pairs
from pairloom.pipeline.stages.count.files import read_words
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.objects import Objects

__all__ = ["StoredGroups", "about_groups", "check_groups", "lines_of_groups", "measured", "read_groups"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGroups:
    """The words of groups in some files, each with the name of its group, read anew whenever they are gone through."""

    objects: Objects
    files: tuple[StoredFile, ...]

    def __iter__(self) -> Iterator[tuple[str | None, WordCounts]]:
        for file in self.files:
            words = read_words(self.objects, file)
            for prefix, start, stop in groups_of(words.words):
                yield name_of(prefix), stripped(words, prefix, start, stop)


def check_groups(groups: Iterable[tuple[str | None, WordCounts]], pairs: npt.NDArray[np.int64]) -> None:
    """Raise CorruptionError where groups do not have the `pairs` of bytes (int64[256, 256]) of the corpus together."""
    left = pairs.copy()
    for _, counts in groups:
        found = count_pairs(counts)
        if np.any(found > left):
            left[0, 0] = -1
            break
        left -= found
    if left.any():
        raise CorruptionError(
            "the stored words of the groups are not those of the corpus: words were lost or added on the way"
        )


def measured(vocabulary: Vocabulary, groups: Iterable[tuple[str | None, WordCounts]]) -> dict[str, int]:
    """Facts: the bytes of the words of each group, which may come in parts, and the tokens that they become."""
    sums: dict[str | None, list[int]] = {}
    for name, counts in groups:
        own = sums.setdefault(name, [0, 0])
        own[1] += counts.bytes
        for start in range(0, len(counts), _AT_A_TIME):
            words: Any = counts.words.slice(start, _AT_A_TIME)
            ids = vocabulary.encode(words.cast(pa.large_string()))
            lengths = np.diff(ids.offsets.to_numpy())
            own[0] += sum(
                map(int.__mul__, lengths.tolist(), counts.counts[start : start + _AT_A_TIME].tolist())
            )
    found = [(tokens / max(1, size), _told(name), tokens, size) for name, (tokens, size) in sums.items()]
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
    shown = f"{len(rates)}, from {least:.3f} bytes a token ({worst or 'without a value'})"
    yield "groups", f"{shown} to {most:.3f} ({best or 'without a value'}), Gini {summary['gini']:.4f}"
