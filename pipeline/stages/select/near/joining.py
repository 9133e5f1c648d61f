"""join: what pairs of documents hold together, over all ranges of the corpus, by rounds.

    pairs (later, earlier), in the range of the later ──▶ join: what hangs together within a range points at its least
      ├── a document of another range that hangs with them ──▶ there, as a pair with that least
      └── a least of another range ──▶ answer: what that one points at by now ──▶ back, as a pair

A range has one pair for each of its documents at most, and asks once for each document of another: however many hang
together, no task holds more than the documents of its range and what these name. Every round brings some nearer to the least
document of all and none further away, so the rounds end; then each points at it, whatever the ranges.
"""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.near import components
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.stages.select.near.cost import join_memory
from pairloom.pipeline.stages.select.near.places import Ranges, read_pairs, write_pairs
from pairloom.pipeline.store.files import StoredFile

__all__ = ["AnswerTask", "JoinTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _RangeTask(UnitTask):
    """A task of one range; the tasks share files of pairs, whose fingerprint is `pairs`."""

    part: int
    pairs: str
    ranges: Ranges
    size: int  # bytes of the range in all files

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return [self.part, self.pairs, self.ranges.identity()]

    @property
    def label(self) -> str:
        """The range."""
        return f"range {self.part}"

    def need(self) -> int:
        """The pairs of the range."""
        return join_memory(self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTask(_RangeTask):
    """Let every document of a range point at the least that it hangs together with here."""

    step = "join"

    def work(self, attempt: Attempt, shared: tuple[StoredFile, ...]) -> None:
        """Read, join, write; facts say how many pairs go elsewhere, and how many documents are asked about."""
        ends, least = components(*read_pairs(attempt.objects, shared, self.part))
        moved = ends != least
        ends, least = ends[moved], least[moved]
        low, high = self.ranges.bounds(self.part)
        write_pairs(attempt, "pairs", (ends, least), None, self.ranges)
        mine = (ends >= low) & (ends < high)
        asked = np.unique(least[mine & (least < low)])
        asking = np.full(len(asked), self.part, np.int64)
        write_pairs(attempt, "asked", (asked, asking), None, self.ranges)
        attempt.facts = {"sent": int(np.count_nonzero(~mine)), "asked": len(asked)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTask(_RangeTask):
    """Tell the ranges that ask what documents of this one point at. The tasks share the files of pairs and of questions."""

    step = "answer"

    def work(self, attempt: Attempt, shared: tuple[tuple[StoredFile, ...], tuple[StoredFile, ...]]) -> None:
        """Read, look up, write."""
        pairs, questions = shared
        document, other = read_pairs(attempt.objects, pairs, self.part)
        first = np.ones(len(document), np.bool_)
        first[1:] = document[1:] != document[:-1]
        document, least = document[first], other[first]
        asked, asking = read_pairs(attempt.objects, questions, self.part)
        place = np.searchsorted(document, asked)
        known = np.append(document, -1)[place] == asked
        answers = asked[known], least[place[known]]
        write_pairs(attempt, "pairs", answers, asking[known], self.ranges)
        attempt.facts = {"answered": len(answers[0])}
