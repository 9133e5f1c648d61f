"""Language models of n-grams, over Python lists: the trie that kernels walk, and the probabilities by their definitions."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from math import log
from typing import Any

__all__ = ["TWINS", "Definition", "backoff", "find_children", "score_backoff", "score_kneser_ney"]

Gram = tuple[int, ...]
HALF, BACKOFF = Fraction(1, 2), Fraction(2, 5)


class Definition:
    """Interpolated Kneser-Ney from documents, in fractions, without a table.

    >>> model = Definition([[0, 1, 0, 2]], order=2, size=3)
    >>> sum(model.probability([0], token) for token in range(3))
    Fraction(1, 1)
    """

    def __init__(self, documents: Sequence[Sequence[int]], order: int, size: int) -> None:
        self.order, self.size = order, size
        self.count: dict[int, Counter[Gram]] = {n: grams(documents, n) for n in range(1, order + 1)}
        before: dict[Gram, set[int]] = defaultdict(set)
        for n in range(2, order + 1):
            for gram in self.count[n]:
                before[gram[1:]].add(gram[0])
        self.value = {n: {gram: len(before[gram]) for gram in self.count[n]} for n in range(1, order)}
        self.value[order] = dict(self.count[order])

    def probability(self, history: Sequence[int], token: int) -> Fraction:
        """Of a token after all that stands before it in its document."""
        kept = tuple(history[-(self.order - 1) :]) if self.order > 1 else ()
        found = Fraction(1, self.size)
        for n in range(len(kept) + 1):
            found = self._interpolated(kept[len(kept) - n :], token, found)
        return found

    def _interpolated(self, history: Gram, token: int, below: Fraction) -> Fraction:
        value = self.value[len(history) + 1]
        following = [one for gram, one in value.items() if gram[:-1] == history and one]
        if not following:
            return below
        one, two = (sum(1 for c in value.values() if c == k) for k in (1, 2))
        cut = Fraction(one, one + 2 * two) if one and two else HALF
        own = max(value.get((*history, token), 0) - cut, Fraction(0))
        return (own + cut * len(following) * below) / sum(following)


def grams(documents: Sequence[Sequence[int]], n: int) -> Counter[Gram]:
    """How often each n-gram occurs within documents."""
    return Counter(tuple(one[i : i + n]) for one in documents for i in range(len(one) - n + 1))


def backoff(
    documents: Sequence[Sequence[int]], order: int, size: int, history: Sequence[int], token: int
) -> Fraction:
    """The score of a token by stupid backoff.

    >>> backoff([[0, 1, 0, 2]], 2, 3, [1], 2)
    Fraction(1, 10)
    """
    kept = tuple(history[-(order - 1) :]) if order > 1 else ()
    for cut in range(len(kept) + 1):
        gram = (*kept[cut:], token)
        if count := grams(documents, len(gram))[gram]:
            whole = grams(documents, len(gram) - 1)[gram[:-1]] if len(gram) > 1 else sum(map(len, documents))
            return BACKOFF**cut * count / whole
    return BACKOFF ** (len(kept) + 1) / size


def _child(history: int, token: int, tokens: Any, children: Any) -> int:
    low, high = int(children[history]), int(children[history + 1])
    place = bisect_left(list(tokens[low:high]), token) + low
    return place if place < high and tokens[place] == token else -1


def find_children(histories: Any, wanted: Any, tokens: Any, children: Any) -> list[int]:
    """What goes on from each history with the token that is wanted, -1 where nothing does."""
    return [
        _child(int(one), int(token), tokens, children) for one, token in zip(histories, wanted, strict=True)
    ]


def _known(before: Sequence[int], order: int, tokens: Any, children: Any) -> list[int]:
    """The histories that occur, from the empty one to the longest."""
    found = [0]
    for n in range(1, min(order - 1, len(before)) + 1):
        history = 0
        for token in before[-n:]:
            child = _child(history, int(token), tokens, children)
            if child < 0:
                return found
            history = child + 1
        found.append(history)
    return found


def score_kneser_ney(
    ids: Any,
    offsets: Any,
    tokens: Any,
    children: Any,
    value: Any,
    total: Any,
    types: Any,
    discount: Any,
    size: int,
    out: Any,
) -> None:
    """The sum of the logarithms of the probabilities of each document's tokens."""
    for document in range(len(offsets) - 1):
        whole, own = 0.0, [int(one) for one in ids[offsets[document] : offsets[document + 1]]]
        for i, token in enumerate(own):
            p = 1 / size
            for n, history in enumerate(_known(own[:i], len(discount), tokens, children)):
                found = _child(history, token, tokens, children)
                if total[history]:
                    p *= discount[n] * types[history] / total[history]
                    if found >= 0 and value[found] > 0:
                        p += max(value[found] - discount[n], 0.0) / total[history]
            whole += log(p)
        out[document] = whole


def score_backoff(
    ids: Any,
    offsets: Any,
    tokens: Any,
    children: Any,
    count: Any,
    whole_count: int,
    order: int,
    size: int,
    out: Any,
) -> None:
    """The sum of the logarithms of the scores of each document's tokens."""
    for document in range(len(offsets) - 1):
        whole, own = 0.0, [int(one) for one in ids[offsets[document] : offsets[document + 1]]]
        for i, token in enumerate(own):
            longest = min(i, order - 1)
            score = 0.4 ** (longest + 1) / size
            for n, history in enumerate(_known(own[:i], order, tokens, children)):
                found = _child(history, token, tokens, children)
                if found >= 0:
                    before = count[history - 1] if history else whole_count
                    score = 0.4 ** (longest - n) * count[found] / before
            whole += log(score)
        out[document] = whole


TWINS = {
    "ngram.kernels.scores:find_children": find_children,
    "ngram.kernels.scores:score_backoff": score_backoff,
    "ngram.kernels.scores:score_kneser_ney": score_kneser_ney,
}
"""Kernel -> twin."""
