"""Which items of lists are in documents, and how many words of these are theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Items", "found_in"]

SHOWN = 160
"""Characters of an item that are kept to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Items:
    """The runs of words of the items of lists: a hash of each (ascending), its list, and the first item of it that has the run.

    `texts` and `words` are, of each list, its items and how many words each has.
    """

    hashes: npt.NDArray[np.uint64]
    of_list: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    texts: tuple[pa.LargeStringArray, ...]
    words: tuple[npt.NDArray[np.int64], ...]

    @staticmethod
    def of(
        hashes: Sequence[npt.NDArray[np.uint64]],
        texts: Sequence[pa.LargeStringArray],
        words: Sequence[npt.NDArray[np.int64]],
        size: int,
    ) -> "Items":
        """Of the hashes of the runs of each list, one after another, as its items have them."""
        of_list = np.repeat(np.arange(len(hashes)), [len(one) for one in hashes])
        runs = [np.maximum(one - size + 1, 0) for one in words]
        item = np.concatenate([np.repeat(np.arange(len(one)), one) for one in runs])
        every = np.concatenate(hashes)
        order = np.lexsort((item, of_list, every))
        every, of_list, item = every[order], of_list[order], item[order]
        first = np.ones(len(every), np.bool_)
        first[1:] = (every[1:] != every[:-1]) | (of_list[1:] != of_list[:-1])
        return Items(
            hashes=every[first],
            of_list=of_list[first],
            item=item[first],
            texts=tuple(texts),
            words=tuple(words),
        )

    def about(self, of: int, item: int) -> tuple[str, int]:
        """What an item begins with, and how many words it has."""
        return self.texts[of][item].as_py()[:SHOWN], int(self.words[of][item])


def found_in(
    items: Items, runs: npt.NDArray[np.uint64], many: npt.NDArray[np.int64], size: int
) -> Iterator[tuple[int, int, int, int]]:
    """Each (document, list, item) that share runs of `size` words, and how many words of the document are in these.

    `runs` are hashes of the runs of documents, `many` (int64) of each, one after another.
    """
    low, high = (np.searchsorted(items.hashes, runs, side) for side in ("left", "right"))
    times = high - low
    at = np.repeat(np.arange(len(runs)), times)
    entry = np.repeat(low - np.cumsum(times) + times, times) + np.arange(len(at))
    document = np.repeat(np.arange(len(many)), many)[at]
    of, item = items.of_list[entry], items.item[entry]
    order = np.lexsort((at, item, of, document))
    document, of, item, at = document[order], of[order], item[order], at[order]
    new = np.ones(len(at), np.bool_)
    new[1:] = (np.diff(document) != 0) | (np.diff(of) != 0) | (np.diff(item) != 0)
    words = np.full(len(at), size)
    words[1:] = np.where(new[1:], size, np.minimum(size, np.diff(at)))
    begins = np.flatnonzero(new)
    sums = np.add.reduceat(words, begins) if len(begins) else words
    yield from zip(
        document[begins].tolist(), of[begins].tolist(), item[begins].tolist(), sums.tolist(), strict=True
    )
