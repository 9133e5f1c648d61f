"""Texts without words that say little."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._listed import in_list
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.documents._words import plain, punctuation, rejoined, words_in
from pairloom.operators.documents.shorten import Shorten

__all__ = ["Shortened"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shortened(StepWithLists):
    """The step `shorten`, and the numbers of frequent words if there is a list of them."""

    name = "shortened"

    step: Shorten
    frequent: npt.NDArray[np.int64] | None

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, shortened."""
        stops = frozenset(self.step.stop_words)
        return batch.with_content([self._of(text, stops) for text in batch.content.to_pylist()])

    def _of(self, text: str, stops: frozenset[str]) -> str:
        if self.step.punctuation:
            text = text.translate(punctuation())
        words = words_in(text)
        names = [plain(word) for _, word in words]
        keep = np.array([name not in stops for name in names], np.bool_)
        if self.frequent is not None and names:
            # What is punctuation alone is no word, and not rare.
            keep &= in_list(pa.array(names, pa.large_string()), self.frequent) | (np.array(names) == "")
        if self.step.repeated:
            met: set[str] = set()
            for i, name in enumerate(names):
                if keep[i] and name:
                    keep[i] = name not in met
                    met.add(name)
        if self.step.max_words is not None:
            keep[np.flatnonzero(keep)[self.step.max_words :]] = False
        return rejoined(words, keep)
