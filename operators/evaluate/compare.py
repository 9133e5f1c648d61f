"""What two vocabularies have in common: tokens by their bytes, merges by the bytes that they join."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.evaluate.curve import ordinary_ids
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["MergeDifference", "TokenDifference", "compare_merges", "compare_tokens"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenDifference:
    """Ordinary tokens of two vocabularies: how many are `common`, and the ids of those that one alone has, ascending.

    `moved` is int64[n, 3]: the ids in the first and in the second of a common token, and by how much its rank among the
    common tokens differs, the second less the first; only those that differ, the greatest differences first.
    """

    common: int
    only_first: npt.NDArray[np.int64]
    only_second: npt.NDArray[np.int64]
    moved: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeDifference:
    """How many merges are `common`, and how many of the first ones, one after another, are the same (`agree`)."""

    common: int
    agree: int


def compare_tokens(first: Vocabulary, second: Vocabulary) -> TokenDifference:
    """Compare the ordinary tokens; of several ids with the same bytes, the first counts."""
    one, two = _ids(first), _ids(second)
    both = [token for token in one if token in two]
    ids = np.array([(one[token], two[token]) for token in both], np.int64).reshape(-1, 2)
    ranks = np.argsort(np.argsort(ids, axis=0, kind="stable"), axis=0, kind="stable")
    by = ranks[:, 1] - ranks[:, 0]
    order = np.lexsort((ids[:, 0], -np.abs(by)))
    order = order[by[order] != 0]
    return TokenDifference(
        common=len(both),
        only_first=np.array([i for token, i in one.items() if token not in two], np.int64),
        only_second=np.array([i for token, i in two.items() if token not in one], np.int64),
        moved=np.column_stack([ids[order], by[order]]).astype(np.int64),
    )


def compare_merges(first: Vocabulary, second: Vocabulary) -> MergeDifference:
    """Compare the merges, whatever ids their tokens have."""
    one, two = _merges(first), _merges(second)
    agree = 0
    while agree < min(len(one), len(two)) and one[agree] == two[agree]:
        agree += 1
    return MergeDifference(common=len(set(one) & set(two)), agree=agree)


def _ids(vocabulary: Vocabulary) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for i in ordinary_ids(vocabulary).tolist():
        found.setdefault(vocabulary.tokens[i], i)
    return found


def _merges(vocabulary: Vocabulary) -> list[tuple[bytes, bytes]]:
    tokens = list(vocabulary.tokens)
    return [(tokens[left], tokens[right]) for left, right in vocabulary.model.merges.tolist()]
