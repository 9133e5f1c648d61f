"""Texts without the words of least impact."""

import math
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._step import Entries
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.documents._words import plain, rejoined, words_in
from pairloom.operators.documents.drop_words import DropWords
from pairloom.operators.selection.order import document_numbers

__all__ = ["DroppedWords"]

_NUMBER = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DroppedWords(StepWithLists):
    """The step `drop_words`, and the impact of words if there is a table of it."""

    name = "dropped_words"

    step: DropWords
    impact: Entries | None

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents without some of their words."""
        protected = frozenset(self.step.protected)
        return batch.with_content([self._of(text, protected) for text in batch.content.to_pylist()])

    def _of(self, text: str, protected: frozenset[str]) -> str:
        words = words_in(text)
        names = [plain(word) for _, word in words]
        held = [name in protected or not (name.isalpha() or _NUMBER.search(name) is None) for name in names]
        least = math.ceil(len(words) * self.step.keep - 1e-9)
        impacts = self._impacts(names)
        free = np.flatnonzero(~np.array(held, np.bool_))
        order = free[np.lexsort((-free, impacts[free]))]
        keep = np.ones(len(words), np.bool_)
        keep[order[: len(words) - least]] = False
        return rejoined(words, keep)

    def _impacts(self, names: list[str]) -> npt.NDArray[np.float64]:
        if self.impact is None or self.impact.values is None:
            counts = Counter(names)
            return np.array([-counts[name] for name in names], np.float64)
        known, values = self.impact.numbers, self.impact.values
        if not len(known):
            return np.full(len(names), np.inf)
        numbers = document_numbers(pa.array(names, pa.large_string()))
        place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        return np.where(known[place] == numbers, values[place], np.inf)
