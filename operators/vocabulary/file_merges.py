"""The merges of a `tokenizer.json` by the places of their words in its `vocab`, which Arrow looks up, all at once."""

import itertools
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["NO_MERGES", "FileMerges", "file_merges"]


class FileMerges(NamedTuple):
    """`sides` is int32[m, 2], `products` int32[m]: places of words in a `vocab`, in its order."""

    sides: npt.NDArray[np.int32]
    products: npt.NDArray[np.int32]


NO_MERGES = FileMerges(np.zeros((0, 2), np.int32), np.zeros(0, np.int32))


def file_merges(merges: list[Any], vocab: Collection[str]) -> FileMerges | None:
    """Merges as a file has them, each a text of two words or a list of them; None where one is anything else.

    >>> file_merges(["a b", "ab c"], ["a", "b", "c", "ab", "abc"])
    FileMerges(sides=array([[0, 1],
           [3, 2]], dtype=int32), products=array([3, 4], dtype=int32))
    >>> file_merges(["a  b"], ["a", "b", "ab"])
    """
    kinds = set(map(type, merges))
    if kinds == {str}:
        texts = _column(merges)
        if pc.any(pc.starts_with(texts, "#version")).as_py():
            return None
        parts = pc.split_pattern(texts, " ")
        pairs = pc.all(pc.equal(pc.list_value_length(parts), 2)).as_py()
        sides, made = parts.flatten(), pc.replace_substring(texts, " ", "")
    else:
        pairs = kinds == {list} and set(map(len, merges)) == {2}
        pairs = pairs and set(map(type, itertools.chain.from_iterable(merges))) == {str}
        sides, made = (
            (_column(itertools.chain.from_iterable(merges)), _column(map("".join, merges)))
            if pairs
            else (None, None)
        )
    if not pairs:
        return None
    words = _column(vocab)
    left_right, products = pc.index_in(sides, value_set=words), pc.index_in(made, value_set=words)
    if left_right.null_count or products.null_count:
        return None
    return FileMerges(left_right.to_numpy().reshape(-1, 2), products.to_numpy())


def _column(texts: Any) -> pa.LargeStringArray:
    return pa.array(list(texts), pa.large_string())
