"""What pieces there are to begin with: characters, and frequent substrings of words."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.counts import WordCounts, merge_counts
from pairloom.operators.models.bpe.trie import token_column
from pairloom.operators.models.unigram.learning.kernels import seeding as k
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize.patterns.properties import SCRIPTS, script_numbers
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = [
    "MOST_SEEDS",
    "Places",
    "Seeds",
    "buckets_of",
    "characters_of",
    "kinds_of",
    "merge_seeds",
    "required_points",
    "seeds_of",
]

MOST_SEEDS = 1_000_000
"""Substrings to begin with, as in SentencePiece."""

# Places in words that are sorted at a time: some 200 bytes each, with their texts and what is found in them.
_BUCKET = 3 << 20
_POINTS = 0x110000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seeds:
    """Substrings and their scores (int64: how often they occur, times their characters), best first; of equals by their bytes."""

    tokens: TokenTable
    scores: npt.NDArray[np.int64]

    def best(self, most: int) -> "Seeds":
        """The first `most` of them."""
        chosen = np.arange(min(most, len(self.tokens)))
        return Seeds(tokens=self.tokens.take(chosen), scores=self.scores[chosen])

    def without(self, blocked: Collection[bytes], strings: Collection[bytes] = ()) -> "Seeds":
        """All but some, and but those that contain one of `strings`."""
        names, column = pa.array(sorted(blocked), pa.large_binary()), token_column(self.tokens)
        lost = pc.is_in(column, names).to_numpy(zero_copy_only=False)
        for string in strings:
            lost = lost | pc.match_substring(column, string).to_numpy(zero_copy_only=False)
        kept = np.flatnonzero(~lost)
        return Seeds(tokens=self.tokens.take(kept), scores=self.scores[kept])


def characters_of(parts: Iterable[WordCounts]) -> npt.NDArray[np.int64]:
    """How often each code point is in words: int64[0x110000]."""
    sums = np.zeros(_POINTS, np.int64)
    for counts in parts:
        text = text_of(counts.words)
        k.count_points(text.data, text.offsets, counts.counts, sums)
    return sums


def required_points(characters: npt.NDArray[np.int64], coverage: Fraction) -> npt.NDArray[np.int64]:
    """The fewest code points that are `coverage` of all characters, the most frequent first, of equals the smaller first.

    >>> sums = np.zeros(0x110000, np.int64)
    >>> sums[[97, 98, 99]] = 5, 90, 5
    >>> required_points(sums, Fraction(95, 100)).tolist()
    [98, 97]
    """
    sums = characters.copy()
    sums[[0, ord("\u2581")]] = 0  # what no piece may have
    points = np.flatnonzero(sums)
    points = points[np.argsort(-sums[points], kind="stable")]
    total = sum(sums[points].tolist())
    reached, found = 0, 0
    for count in sums[points].tolist():
        if reached >= coverage * total:
            break
        reached += count
        found += 1
    return points[:found]


def kinds_of(required: npt.NDArray[np.int64], *, single_digits: bool = False) -> npt.NDArray[np.uint8]:
    """Beside which others each code point may be in a piece: uint8[0x110000], see `kernels/seeding.py`.

    As in SentencePiece, a piece has characters of one script; Hiragana and Katakana are with Han. With `single_digits`, no piece
    has a digit beside anything else.
    """
    kinds = _all_kinds()
    found = np.full(_POINTS, k.BARRED, np.uint8)
    found[required] = kinds[required]
    if single_digits:
        found[ord("0") : ord("9") + 1] = k.BARRED
    if found[ord(" ")]:
        found[ord(" ")] = k.SPACE
    return found


@lru_cache(maxsize=1)
def _all_kinds() -> npt.NDArray[np.uint8]:
    scripts = script_numbers()
    names = {name: number for number, name in enumerate(SCRIPTS, 1)}
    kinds = scripts + np.uint8(k.ANY + 1)  # of scripts without a number, one for all
    for name in ("Hiragana", "Katakana"):
        kinds[scripts == names[name]] = names["Han"] + k.ANY + 1
    kinds[0x30FC] = names["Han"] + k.ANY + 1
    kinds[scripts == names["Inherited"]] = k.INHERITED
    return kinds


def buckets_of(symbols: int) -> int:
    """In how many buckets the places of words of so many bytes are sorted."""
    return max(1, -(-symbols // _BUCKET))


class Places:
    """Of each place in words the longest text that may be a piece, of up to `longest` characters, and in which bucket it is.

    Three bytes for each byte of the words. A piece is the beginning of texts of one bucket only.
    """

    def __init__(
        self, parts: Iterable[WordCounts], kinds: npt.NDArray[np.uint8], *, longest: int, buckets: int = 1
    ) -> None:
        self._parts: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]] = []
        for counts in parts:
            words = text_of(counts.words)
            sizes, which = np.empty(words.bytes, np.uint8), np.empty(words.bytes, np.uint16)
            k.reaches(words.data, words.offsets, kinds, longest, buckets, sizes, which)
            self._parts.append((sizes, which))

    def ends(self, parts: Iterable[WordCounts], bucket: int = 0) -> WordCounts:
        """The texts of a bucket, of two characters or more, and how often each is in the same words.

        Those of other words are added up with `merge_counts`.
        """
        return _ends(zip(parts, self._parts, strict=True), bucket)


def _ends(
    parts: Iterable[tuple[WordCounts, tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]]], bucket: int
) -> WordCounts:
    texts: list[npt.NDArray[np.uint8]] = []
    weights: list[npt.NDArray[np.int64]] = []
    heads: list[npt.NDArray[np.uint64]] = []
    starts = [np.zeros(1, np.int64)]
    filled = 0
    for counts, (sizes, which) in parts:
        words = text_of(counts.words)
        found, size = k.measure(sizes, which, bucket)
        texts.append(np.empty(size, np.uint8))
        begins = np.empty(found + 1, np.int64)
        weights.append(np.empty(found, np.int64))
        heads.append(np.empty(found, np.uint64))
        room = texts[-1], begins, weights[-1], heads[-1]
        k.gather(words.data, words.offsets, counts.counts, sizes, which, bucket, *room)
        starts.append(begins[1:] + filled)
        filled += size
    if not texts:
        return merge_counts([])
    text, begins = np.concatenate(texts), np.concatenate(starts)
    head, weight = np.concatenate(heads), np.concatenate(weights)
    order = np.argsort(head)
    k.settle(text, begins, head, order, np.empty(len(order), np.int64))
    data = np.empty(len(text), np.uint8)
    offsets, sums = np.empty(len(order) + 1, np.int64), np.empty(len(order), np.int64)
    count = int(k.unite(text, begins, weight, order, data, offsets, sums))
    words_of = TokenTable(data[: offsets[count]], offsets[: count + 1])
    return WordCounts(words=token_column(words_of), counts=sums[:count].copy())


def seeds_of(ends: WordCounts, *, longest: int, least: int = 2, most: int = MOST_SEEDS) -> Seeds:
    """The best beginnings of texts that occur `least` times, and more often than each longer one."""
    text = text_of(ends.words)
    rows = 2 * len(ends) + 1
    places, sizes, scores = np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows, np.int64)
    count = int(k.candidates(text.data, text.offsets, ends.counts, longest, least, places, sizes, scores))
    places, sizes, scores = places[:count], sizes[:count], scores[:count]
    if count > most:  # those that are equal to the last are told apart by their bytes
        chosen = np.flatnonzero(scores >= np.partition(scores, count - most)[count - most])
        places, sizes, scores = places[chosen], sizes[chosen], scores[chosen]
    bounds = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    data = text.data[np.repeat(places - bounds[:-1], sizes) + np.arange(bounds[-1])]
    return _ordered(TokenTable(data, bounds), scores).best(most)


def merge_seeds(found: Sequence[Seeds], most: int = MOST_SEEDS) -> Seeds:
    """The best of all buckets' substrings."""
    data = np.concatenate([one.tokens.data for one in found])
    lengths = np.concatenate([one.tokens.lengths for one in found])
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return _ordered(TokenTable(data, offsets), np.concatenate([one.scores for one in found])).best(most)


def _ordered(tokens: TokenTable, scores: npt.NDArray[np.int64]) -> Seeds:
    by_bytes = pc.array_sort_indices(token_column(tokens)).to_numpy().astype(np.int64)
    order = by_bytes[np.argsort(-scores[by_bytes], kind="stable")]
    return Seeds(tokens=tokens.take(order), scores=scores[order])
