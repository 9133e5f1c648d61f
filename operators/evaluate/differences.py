"""Texts in the tokens of two vocabularies, with the chunks between the places where a token of both ends."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.evaluate.chunks import Mode, chunks_between
from pairloom.operators.evaluate.placed import is_placed, places_of, tiling
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Aligned", "alignable", "aligned", "differences"]


class Aligned(NamedTuple):
    """A text in the tokens of two vocabularies, bytes that are no characters as escapes; chunks as `chunks_between` has them."""

    text: str
    first: list[str]
    second: list[str]
    chunks: npt.NDArray[np.int32]
    starts: list[int]
    """At which byte of the text each token of the first begins."""

    def apart(self) -> list[tuple[int, list[str], list[str]]]:
        """The chunks that are other tokens on both sides: the byte that each begins at, and its tokens."""
        return [
            (self.starts[i0], self.first[i0:i1], self.second[j0:j1])
            for i0, i1, j0, j1 in self.chunks.tolist()
            if self.first[i0:i1] != self.second[j0:j1]
        ]


def alignable(vocabulary: Vocabulary) -> str | None:
    """Why a vocabulary's tokens cannot be aligned with others'; None where they can."""
    if not is_placed(vocabulary):
        return (
            f"is of the model {vocabulary.model.name!r}, of which is not known where in a text its tokens are, so that they "
            "cannot be aligned with others"
        )
    if vocabulary.normalizer != "none":
        return f"normalizes text ({vocabulary.normalizer}): its tokens are of other bytes than those given"
    return None


def aligned(
    first: Vocabulary, second: Vocabulary, texts: Sequence[str], mode: Mode = "unconstrained"
) -> list[Aligned]:
    """Texts in the tokens of two vocabularies that can be aligned."""
    one, other = (
        [tiling(row, len(text.encode())) for row, text in zip(places_of(each, texts), texts, strict=True)]
        for each in (first, second)
    )
    found = []
    for text, cuts, others in zip(texts, one, other, strict=True):
        data = text.encode()
        if cuts and others:
            ends = np.array(cuts, np.int64), np.array(others, np.int64)
            chunks = chunks_between(*ends, mode=mode, text=data)
        else:  # of white space, say, some have no token
            chunks = np.zeros((0, 4), np.int32)
        found.append(Aligned(text, _cut(data, cuts), _cut(data, others), chunks, [0, *cuts]))
    return found


def differences(found: Iterable[Aligned]) -> list[dict[str, Any]]:
    """What is other tokens on both sides, with how often, the most frequent first: rows of `first`, `second`, `count`."""
    counts = Counter((tuple(one), tuple(other)) for each in found for _, one, other in each.apart())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"first": [*one], "second": [*other], "count": count} for (one, other), count in ordered]


def _cut(data: bytes, ends: list[int]) -> list[str]:
    return [data[a:b].decode("utf-8", "backslashreplace") for a, b in itertools.pairwise([0, *ends])]
