"""Less-is-Better (Yang, Cai, Frank and van den Bosch, 2020; 2022, arXiv:2202.04139): a lexicon that grows and shrinks by reading.

    pass:   read sentences by the longest chunk at each place, with the lexicon as it is
            neighbours that were proposed twice become a chunk at the lexicon's end
            of a chunk and a shorter one at its place, that which leads to fewer chunks moves up, the other down
            what moves past the end is forgotten; the last of the rest are, after a while in which they were not used

All sentences of a pass are read with one lexicon, and what they say is applied in their order, so that they may be read by many.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.counts.drawing import drawn_words
from pairloom.operators.kernels.hashing import mixed
from pairloom.operators.learners.less_is_better import LessIsBetterLearner
from pairloom.operators.lexicons.kernels import read_sentences
from pairloom.operators.steps import in_53rds

__all__ = ["Lexicon", "drawn_passes"]


def drawn_passes(
    counts: WordCounts, learner: LessIsBetterLearner, progress: Callable[[int, int], None] | None = None
) -> Iterator[npt.NDArray[np.int64]]:
    """The numbers of the words that each pass reads: all occurrences in the order of `drawn_words`, again and again."""
    drawn = (number for _ in itertools.count() for block in drawn_words(counts) for number in block.tolist())
    for number in range(learner.passes if len(counts) else 0):
        if progress is not None:
            progress(number, learner.passes)
        yield np.fromiter(itertools.islice(drawn, learner.sentences), np.int64, learner.sentences)


class Lexicon:
    """The chunks of some texts, the most useful first.

    >>> lexicon = Lexicon(["thedogsawthedog", "thecatsawthecat"], LessIsBetterLearner(passes=300, sentences=2))
    >>> lexicon.learn(np.arange(2) for _ in range(300))
    >>> lexicon.read("thedogsawthecat")
    ['the', 'dog', 'sawthe', 'cat']
    """

    def __init__(self, texts: Sequence[str], learner: LessIsBetterLearner) -> None:
        self._learner = learner
        self._chars = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
        self._edges = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        self.chunks: list[str] = sorted(set().union(*texts)) if texts else []
        """The chunks, in order."""
        self._letters = set(self.chunks)
        self._dying: dict[str, int] = {}

    def learn(self, sentences: "Iterable[npt.ArrayLike]") -> None:
        """Read the numbered texts, a list of numbers a pass."""
        for number, some in enumerate(sentences):
            self._pass(number, np.asarray(some, np.int64))

    def read(self, text: str) -> list[str]:
        """A text as chunks: the longest at each place; a character that is in none is a chunk."""
        known, out, at = set(self.chunks), [], 0
        while at < len(text):
            sizes = range(min(self._learner.longest, len(text) - at), 0, -1)
            size = next((n for n in sizes if text[at : at + n] in known), 1)
            out.append(text[at : at + size])
            at += size
        return out

    def _pass(self, number: int, sentences: npt.NDArray[np.int64]) -> None:
        """Read some sentences, then apply what they say."""
        if not self.chunks:
            return
        learner, chunks = self._learner, self.chunks
        size = int(np.diff(self._edges)[sentences].sum())
        proposals, moves = np.empty((size, 2), np.int64), np.empty((size, 2), np.int64)
        slots = np.full(1 << (2 * len(chunks)).bit_length(), -1, np.int64)
        proposed, moved = read_sentences(
            self._chars,
            self._edges,
            sentences,
            self._stream(number),
            in_53rds(learner.propose),
            learner.longest,
            np.frombuffer("".join(chunks).encode("utf-32-le"), np.uint32),
            np.cumsum([0, *map(len, chunks)], dtype=np.int64),
            slots,
            proposals,
            moves,
        )
        named = [(chunks[better], chunks[worse]) for better, worse in moves[:moved].tolist()]
        self._move(named)
        self._append(self._proposed(proposals[:proposed]))
        self._forget({chunk for pair in named for chunk in pair[:1]})

    def _stream(self, number: int) -> np.uint64:
        """What the draws of a pass are made of."""
        one: np.uint64 = mixed(
            np.full(1, self._learner.seed, np.uint64) ^ mixed(np.full(1, number + 1, np.uint64))
        )[0]
        return one

    def _proposed(self, proposals: npt.NDArray[np.int64]) -> Iterator[str]:
        """What was proposed twice, in the order in which it was for the second time."""
        seen: set[str] = set()
        done: set[str] = set()
        for place, size in proposals.tolist():
            text = self._chars[place : place + size].tobytes().decode("utf-32-le")
            if text in seen and text not in done:
                done.add(text)
                yield text
            seen.add(text)

    def _move(self, moves: Sequence[tuple[str, str]]) -> None:
        """The better chunk of each move goes up, the worse down; a letter that would fall from the end stays there."""
        order = self.chunks
        places = {chunk: place for place, chunk in enumerate(order)}
        for better, worse in moves:
            for chunk, sign in ((better, -1), (worse, 1)):
                rank = places.get(chunk, -1)
                if rank < 0:
                    continue
                to = rank + sign * (int(rank * self._learner.step) + 1)
                if to >= len(order) and chunk not in self._letters:
                    to = -1  # it is forgotten
                    del order[rank], places[chunk]
                    last = len(order)
                else:
                    to = min(max(to, 0), len(order) - 1)
                    del order[rank]
                    order.insert(to, chunk)
                    last = max(rank, to) + 1
                for place in range(min(rank, to) if to >= 0 else rank, last):
                    places[order[place]] = place

    def _append(self, found: Iterable[str]) -> None:
        known = set(self.chunks)
        self.chunks += [chunk for chunk in found if chunk not in known]

    def _forget(self, used: set[str]) -> None:
        """Of the last chunks, those whose time is over; who is used has all of it again."""
        tail = max(1, int(len(self.chunks) * self._learner.forget))
        late = {chunk for chunk in self.chunks[-tail:] if chunk not in self._letters}
        self._dying = {
            chunk: left for chunk, left in self._dying.items() if chunk not in used and chunk in late
        }
        for chunk in late - used:
            self._dying[chunk] = self._dying.get(chunk, self._learner.life) - 1
        over = {chunk for chunk, left in self._dying.items() if left == 0}
        if over:
            self.chunks[:] = [chunk for chunk in self.chunks if chunk not in over]
            self._dying = {chunk: left for chunk, left in self._dying.items() if chunk not in over}
