"""What the words of a corpus are asked in each round, and their answers, which add up."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.unigram.learning.kernels.arithmetic import probabilities
from pairloom.operators.models.unigram.learning.kernels.expecting import best_paths, expected_counts
from pairloom.operators.models.unigram.tables import PENALTY
from pairloom.operators.text.arrays import text_of
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Answer", "Question", "answered"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """How often pieces are in words: in the `best` spellings, or as expected over all, in units of 2^-`bits`."""

    tokens: TokenTable
    scores: npt.NDArray[np.float64]
    best: bool
    bits: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """`sums` (int64), one a piece, and a `total`: of best spellings how many pieces they have, else what is lost.

    The latter are the log-probabilities of all words, negated, in units of 2^-bits / 16.
    """

    sums: npt.NDArray[np.int64]
    total: int

    def __add__(self, other: "Answer") -> "Answer":
        return Answer(sums=self.sums + other.sums, total=self.total + other.total)


def answered(question: Question, parts: Iterable[WordCounts]) -> Answer:
    """What words answer, one part of them after another."""
    tokens, scores = question.tokens, question.scores
    slots = build_trie(tokens, np.arange(len(tokens)))
    unknown = float(scores.min(initial=0.0)) - PENALTY
    chances = np.empty(len(scores) + 1)
    probabilities(np.append(scores, unknown), chances)
    deepest = _most_characters(tokens)
    sums, total = np.zeros(len(tokens), np.int64), 0
    for counts in parts:
        text = text_of(counts.words)
        room = int(np.diff(text.offsets).max(initial=0)) + 1
        values, last = np.empty((2, room)), np.empty((2, room), np.int64)
        # At each place of a word as many pieces may begin as the longest has characters; for the best, one place is looked at.
        matches = deepest + 1 if question.best else room * (deepest + 1)
        ends, pieces = np.empty(matches, np.int64), np.empty(matches, np.int32)
        if question.best:
            total += best_paths(
                text.data,
                text.offsets,
                counts.counts,
                slots,
                scores,
                unknown,
                sums,
                ends,
                pieces,
                values[0],
                last,
            )
        else:
            total += expected_counts(
                text.data,
                text.offsets,
                counts.counts,
                slots,
                chances,
                chances[-1],
                question.bits,
                sums,
                ends,
                pieces,
                last,
                values,
                np.empty((2, room), np.int64),
            )
    return Answer(sums=sums, total=total)


def _most_characters(tokens: TokenTable) -> int:
    """Of how many characters the longest token is; a token begins with one."""
    if not len(tokens.data):
        return 1
    firsts = np.append(0, np.cumsum(tokens.data >> 6 != 2))
    return int((firsts[tokens.offsets[1:]] - firsts[tokens.offsets[:-1]]).max())
