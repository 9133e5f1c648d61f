"""Every substring of words, and how often it occurs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Substrings", "substrings"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Substrings:
    """Substring i is `lengths[i]` characters of `characters` (uint32) from `starts[i]` on, and occurs `counts[i]` times (int64).

    Shorter ones come first, of one length in the order of their code points: an order that the words alone decide.
    """

    characters: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, i: int) -> str:
        """Substring i."""
        start = int(self.starts[i])
        return self.characters[start : start + int(self.lengths[i])].tobytes().decode("utf-32-le")


def substrings(words: Sequence[str], counts: npt.NDArray[np.int64], longest: int) -> Substrings:
    """The distinct substrings of words that occur so often, of up to `longest` characters.

    Each length is made of the one before and one character more, so that time is that of sorting all positions once a length.

    >>> found = substrings(["aba", "b"], np.array([2, 1]), 2)
    >>> [(found.text(i), int(found.counts[i])) for i in range(len(found))]
    [('a', 4), ('b', 3), ('ab', 2), ('ba', 2)]
    """
    characters = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    sizes = np.array([len(word) for word in words], np.int64)
    left = np.repeat(np.cumsum(sizes), sizes) - np.arange(
        len(characters)
    )  # characters up to the end of the word
    weights = np.repeat(counts, sizes)
    letters = np.unique(characters)
    letter = np.searchsorted(letters, characters).astype(np.int64)
    prefix = np.zeros(len(characters), np.int64)
    starts, lengths, totals = [], [], []
    for length in range(1, longest + 1):
        at = np.flatnonzero(left >= length)
        if not len(at):
            break
        key = prefix[at] * len(letters) + letter[at + length - 1]
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        starts.append(at[order[first]])
        lengths.append(np.full(len(first), length, np.int64))
        totals.append(np.add.reduceat(weights[at[order]], first))
        rank = np.zeros(len(at), np.int64)
        rank[order[first[1:]]] = 1
        prefix[at[order]] = np.cumsum(rank[order])
    none = np.zeros(0, np.int64)
    return Substrings(
        characters=characters,
        starts=np.concatenate([none, *starts]),
        lengths=np.concatenate([none, *lengths]),
        counts=np.concatenate([none, *totals]),
    )
