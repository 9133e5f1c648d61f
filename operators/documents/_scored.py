"""Documents with their perplexity."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._measures import with_measure
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.documents.perplexity import Perplexity
from pairloom.operators.ngram.texts import TextModel

__all__ = ["Scored"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored(StepWithLists):
    """The step and its model."""

    name = "scored"

    step: Perplexity
    model: TextModel

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that are likely enough, and not too likely."""
        self.check_texts(batch)
        found = self.model.perplexities(batch.content, self.step.kind)
        low, high = (np.zeros(len(batch), np.bool_) for _ in range(2))
        if self.step.min is not None:
            low = found < self.step.min
        if self.step.max is not None:
            high = found > self.step.max
        measured = with_measure(batch, self.step.field, pa.array(found, mask=np.isnan(found)))
        return measured.drop(low, "too likely").drop(high[~low], "too unlikely")
