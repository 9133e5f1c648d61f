"""The rounds of learning: what is asked of the words next, and what becomes of the pieces by the answer."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.unigram.learning.asking import Answer, Question
from pairloom.operators.models.unigram.learning.kernels.arithmetic import digammas, logarithms
from pairloom.operators.models.unigram.learning.kernels.pruning import DROP, KEEP, losses
from pairloom.operators.models.unigram.learning.scripts import NO_CAPS, ScriptCaps
from pairloom.operators.models.unigram.learning.seeds import Seeds
from pairloom.operators.models.unigram.learning.shaping import NO_SHAPE, PieceShape
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["COVERAGE", "LONGEST", "Learned", "PieceRounds"]

COVERAGE = Fraction(9995, 10000)
"""Of all characters, how many those have that are pieces at least, as in SentencePiece."""
LONGEST = 16
"""Characters of a piece at most, as in SentencePiece."""

_ITERATIONS = 2  # counts of what is expected between two prunings
_SHRINKS = Fraction(3, 4)  # what pruning keeps
_SPARE = Fraction(11, 10)  # of the size, when learning ends
_LEAST = 0.5  # what is expected less often is no piece any more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """Pieces, with a space for the mark, and their scores, which float32 holds: best first, of equals by their bytes."""

    tokens: TokenTable
    scores: npt.NDArray[np.float64]


class PieceRounds:
    """Pieces that shrink from seeds to about `size`; `next` asks, `take` is told the answer of all words together.

    `characters` (int64[0x110000]) is how often each is in the words, `required` those that are pieces at last in any case.
    With `caps`, each pruning leaves of a script no more than its share, so that what is freed goes to the pieces of others.
    """

    def __init__(
        self,
        seeds: Seeds,
        characters: npt.NDArray[np.int64],
        required: npt.NDArray[np.int64],
        size: int,
        caps: ScriptCaps = NO_CAPS,
    ) -> None:
        self.rounds = 0
        self.lost = 0.0
        self._required, self._size, self._caps = required, size, caps
        total = sum(characters.tolist())
        if total >= 1 << 56:
            raise CapacityError(f"{total} characters are more than the 2^56 that a Unigram is learned from")
        self._bits = min(32, 60 - total.bit_length())
        alone = [chr(point).encode() for point in required.tolist()]
        self.tokens = TokenTable.of([*alone, *seeds.tokens])
        counts = np.concatenate([characters[required], seeds.scores]).astype(np.float64)
        # As scores: each one's share of all.
        logs = np.empty(len(counts) + 1)
        logarithms(np.append(counts, counts.sum()), logs)
        self.scores = logs[:-1] - logs[-1]
        self._best = False
        self._iteration = 0
        self._ended = len(self.tokens) == 0

    @property
    def wanted(self) -> int:
        """How many pieces there are at most when the rounds end."""
        return int(self._size * _SPARE)

    def next(self) -> Question | None:
        """What the words are asked now; None where nothing is."""
        if self._ended:
            return None
        return Question(tokens=self.tokens, scores=self.scores, best=self._best, bits=self._bits)

    def take(self, answer: Answer) -> None:
        """Go on with what the words have answered."""
        self.rounds += 1
        before = len(self.tokens)
        if self._best:
            self._prune(answer.sums)
            self._best, self._iteration = False, 0
            self._ended = len(self.tokens) == before  # all that are left are needed
            return
        self.lost = answer.total * 16.0 / 2.0**self._bits
        self._maximize(answer.sums)
        self._iteration += 1
        self._ended = len(self.tokens) <= self.wanted
        self._best = self._iteration == _ITERATIONS

    def _keep(self, chosen: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> None:
        if len(chosen) < len(self.tokens):
            self.tokens = self.tokens.take(chosen)
        self.scores = scores

    def _maximize(self, sums: npt.NDArray[np.int64]) -> None:
        """Scores by what is expected: digamma in place of the logarithm prefers few pieces (Liang and Klein, 2007)."""
        expected = sums / 2.0**self._bits
        chosen = np.flatnonzero(expected >= _LEAST)
        whole = sum(sums[chosen].tolist()) / 2.0**self._bits
        values = np.append(expected[chosen], max(whole, _LEAST))
        found = np.empty(len(values))
        digammas(values, found)
        self._keep(chosen, found[:-1] - found[-1])

    def _prune(self, used: npt.NDArray[np.int64]) -> None:
        tokens, count = self.tokens, len(self.tokens)
        room = int(tokens.lengths.max(initial=0)) + 1
        state, lost = np.empty(count, np.int8), np.empty(count)
        slots = build_trie(tokens, np.arange(count))
        losses(
            tokens.data,
            tokens.offsets,
            slots,
            self.scores,
            used,
            state,
            lost,
            np.empty(room),
            np.empty((2, room), np.int64),
        )
        # What no others spell would be missed most; of equals, the better seed is before the other.
        lost[state == KEEP] = np.inf
        rest = np.flatnonzero(state != DROP)
        ranked = rest[np.argsort(-lost[rest], kind="stable")]
        room = max(self.wanted, int(count * _SHRINKS))
        ranked = ranked[self._caps.within(self._caps.scripts(tokens)[ranked], room, self._size)]
        chosen = np.sort(ranked[: max(room, int((lost[ranked] == np.inf).sum()))])
        self._keep(chosen, self.scores[chosen])

    def learned(self, shape: PieceShape = NO_SHAPE) -> Learned:
        """The best `size` pieces, and before these all required characters, and what a `shape` wants."""
        scores = self.scores.astype(np.float32).astype(np.float64)
        known = dict(zip(self.tokens, scores.tolist(), strict=True))
        worst = float(scores.min(initial=0.0))
        found: dict[bytes, float] = {}
        missing = 0
        # A space is a piece even where no text has one: it is the mark that words begin with.
        for point in dict.fromkeys([*self._required.tolist(), ord(" ")]):
            token = chr(point).encode()
            if token not in known:  # each a little better than the one before, as in SentencePiece
                known[token] = float(np.float32(worst + missing * 0.0001))
                missing += 1
            found[token] = known[token]
        ranked = sorted(known.items(), key=lambda item: (-item[1], item[0]))
        found = shape.pieces(known, found, ranked, self._size)
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return Learned(
            tokens=TokenTable.of([token for token, _ in ranked]),
            scores=np.array([score for _, score in ranked], np.float64),
        )
