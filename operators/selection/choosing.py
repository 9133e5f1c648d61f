"""Choosing documents of a source by a value: the best share of them, or more epochs for better ones.

    (value, hash of the id) ──▶ 128 bits that sort from the best to the worst ──▶ 16 bits at a time, counted over all shards
                                                                              ──▶ the last that is kept, exactly

Counts are a monoid, so that nothing depends on how the corpus was cut; eight rounds find any rank at most, and two or three
mostly do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.kernels.hashing import hash_bytes, hash_text
from pairloom.operators.selection.mixture import document_copies
from pairloom.operators.selection.ranking import value_keys
from pairloom.operators.text.arrays import text_of

__all__ = ["COUNTS", "ROUNDS", "Buckets", "Chosen", "Kept", "Search", "Tally", "ranks", "round_counts"]

COUNTS = np.dtype([("next", "<u4"), ("documents", "<i8"), ("tokens", "<i8")])
ROUNDS = 8
_BITS = 16
_SEED = hash_bytes(b"pairloom: choosing documents")


@dataclass(frozen=True, slots=True)
class Tally:
    """Documents and their tokens."""

    documents: int = 0
    tokens: int = 0


def ranks(
    values: npt.NDArray[np.generic], null: int | None, ids: pa.Array
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The upper and lower halves of what documents are ranked by: the best first, those of one value by a hash, then none."""
    return value_keys(values, null, descending=True), hash_text(text_of(ids), _SEED)


def round_counts(
    upper: npt.NDArray[np.uint64],
    lower: npt.NDArray[np.uint64],
    tokens: npt.NDArray[np.int64],
    prefix: int,
    done: int,
) -> npt.NDArray[np.void]:
    """Of documents whose first `done` times 16 bits are `prefix`, how many have which next 16 bits: COUNTS, ascending."""
    if done < 4:
        shift = np.uint64(64 - _BITS * done)
        inside = np.ones(len(upper), np.bool_) if not done else (upper >> shift) == np.uint64(prefix)
        word, at = upper, done
    else:
        inside = upper == np.uint64(prefix >> (_BITS * (done - 4)))
        if done > 4:
            inside &= (lower >> np.uint64(64 - _BITS * (done - 4))) == np.uint64(
                prefix & ((1 << _BITS * (done - 4)) - 1)
            )
        word, at = lower, done - 4
    following = ((word[inside] >> np.uint64(64 - _BITS * (at + 1))) & np.uint64(0xFFFF)).astype(np.uint32)
    found, place = np.unique(following, return_inverse=True)
    out = np.zeros(len(found), COUNTS)
    out["next"], out["documents"] = found, np.bincount(place, minlength=len(found))
    np.add.at(out["tokens"], place, tokens[inside])
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The search for the last of the best `wanted` documents, after `done` rounds; `kept` is what is certainly kept.

    >>> upper, lower = np.array([1, 2, 3], np.uint64) << np.uint64(48), np.zeros(3, np.uint64)
    >>> search = Search(wanted=2)
    >>> search = search.narrowed([round_counts(upper, lower, np.array([10, 20, 30]), search.prefix, search.done)])
    >>> search.finished, search.kept
    (True, Tally(documents=2, tokens=30))
    """

    wanted: int
    prefix: int = 0
    done: int = 0
    kept: Tally = Tally()
    finished: bool = False

    def narrowed(self, parts: Iterable[npt.NDArray[np.void]]) -> "Search":
        """After another round, of which these are the counts of all shards."""
        counts = np.concatenate([np.zeros(0, COUNTS), *parts])
        order = np.argsort(counts["next"], kind="stable")
        following, starts = np.unique(counts["next"][order], return_index=True)
        documents, tokens = (
            np.add.reduceat(counts[name][order], starts) if len(starts) else np.zeros(0, np.int64)
            for name in ("documents", "tokens")
        )
        ends = np.cumsum(documents) + self.kept.documents
        at = min(int(np.searchsorted(ends, self.wanted)), len(ends) - 1)
        whole = self.done + 1 == ROUNDS or int(ends[at]) == self.wanted
        upto = at + 1 if whole else at
        return Search(
            wanted=self.wanted,
            prefix=(self.prefix << _BITS) | int(following[at]),
            done=self.done + 1,
            kept=Tally(
                self.kept.documents + int(documents[:upto].sum()), self.kept.tokens + int(tokens[:upto].sum())
            ),
            finished=whole,
        )

    @property
    def last(self) -> tuple[int, int]:
        """The upper and lower halves of the last rank that is kept."""
        missing = _BITS * (ROUNDS - self.done)
        rank = (self.prefix << missing) | ((1 << missing) - 1)
        return rank >> 64, rank & ((1 << 64) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The best documents of a source, up to the rank `last`, by the column `by`."""

    by: str
    null: int | None
    last: tuple[int, int]

    def identity(self) -> list[object]:
        """Everything that decides which are kept."""
        return [self.by, *map(str, self.last)]

    def copies(
        self, values: npt.NDArray[np.generic], ids: pa.Array, epochs: Fraction, seed: int
    ) -> npt.NDArray[np.int64]:
        """How often each document is taken: `epochs` times, or never."""
        upper, lower = ranks(values, self.null, ids)
        last = np.array(self.last, np.uint64)
        kept = (upper < last[0]) | ((upper == last[0]) & (lower <= last[1]))
        return np.where(kept, document_copies(ids, epochs, seed), 0)

    def most(self, epochs: Fraction) -> Fraction:
        """The most epochs of any document."""
        return epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Epochs by value: from each of these values of the column `by` on, the highest first, so many; none below them."""

    by: str
    null: int | None
    epochs: tuple[tuple[float, Fraction], ...]

    def identity(self) -> list[object]:
        """Everything that decides how often documents are taken."""
        return [self.by, *([repr(value), str(epochs)] for value, epochs in self.epochs)]

    def bucket(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
        """In which bucket each value is; behind the last where it is in none."""
        keys = value_keys(values, self.null, descending=True)
        edges = value_keys(np.array([value for value, _ in self.epochs]), None, descending=True)
        return np.searchsorted(edges, keys, side="left")

    def tallies(self, values: npt.NDArray[np.generic], tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
        """How many documents each bucket has, COUNTS[buckets]."""
        place = self.bucket(values)
        out = np.zeros(len(self.epochs) + 1, COUNTS)
        out["next"] = np.arange(len(out))
        np.add.at(out["documents"], place, 1)
        np.add.at(out["tokens"], place, tokens)
        return out[:-1]

    def copies(
        self, values: npt.NDArray[np.generic], ids: pa.Array, epochs: Fraction, seed: int
    ) -> npt.NDArray[np.int64]:
        """How often each document is taken; `epochs`, what that comes to of all tokens, has no say."""
        place = self.bucket(values)
        out = np.zeros(len(values), np.int64)
        for number, (_, often) in enumerate(self.epochs):
            mine = place == number
            out[mine] = document_copies(ids, often, seed)[mine]
        return out

    def most(self, epochs: Fraction) -> Fraction:
        """The most epochs of any document."""
        return max(often for _, often in self.epochs)


Chosen = Kept | Buckets
"""What is taken of a source by a value."""
