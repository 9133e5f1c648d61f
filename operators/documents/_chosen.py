"""What CDAS keeps, once all scores are known."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xxhash

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._listed import in_list
from pairloom.operators.documents._step import DocumentStep, Entries
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.selection.cdas import cdas

if TYPE_CHECKING:
    from pairloom.operators.documents.cdas import Cdas

__all__ = ["Chosen", "chosen_by"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen(StepWithLists):
    """A step that knows which documents are kept, which are usable, and which have scores: ascending numbers."""

    name = "chosen"

    kept: npt.NDArray[np.int64]
    usable: npt.NDArray[np.int64]
    scored: npt.NDArray[np.int64]

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that are kept; the others are left out by what they lack."""
        for numbers, reason in (
            (self.scored, "no scores"),
            (self.usable, "ifd of 1 or more"),
            (self.kept, "lower ifd"),
        ):
            if batch.id is None:
                raise RecipeError(
                    f"{batch.uri}: the step {self.label} looks documents up by their ids, which these have not"
                )
            batch = batch.drop(~in_list(batch.id, numbers), reason)
        return batch


@dataclass(frozen=True, slots=True)
class _Scores:
    """What is given of all documents; equal where its hash is."""

    digest: str
    ifd: Entries = field(compare=False)
    embeddings: Entries = field(compare=False)


def chosen_by(step: "Cdas", ifd: Entries, embeddings: Entries) -> DocumentStep:
    """The step that keeps what these scores choose, which is found once a process; raises DataError for scores that are none."""
    digest = xxhash.xxh3_128()
    for one in (ifd, embeddings):
        assert one.values is not None
        digest.update(np.ascontiguousarray(one.numbers).data)
        digest.update(np.ascontiguousarray(one.values).data)
    return _chosen(step, _Scores(digest.hexdigest(), ifd, embeddings))


@lru_cache(maxsize=2)
def _chosen(step: "Cdas", scores: _Scores) -> Chosen:
    ifd, embeddings = scores.ifd.values, scores.embeddings.values
    assert ifd is not None
    assert embeddings is not None
    if not len(ifd):
        raise DataError(
            f"{step.name}: {step.scores} has no scores: name the table that has a row for each document"
        )
    try:
        found = cdas(
            embeddings.reshape(len(ifd), -1), ifd, clusters=step.clusters, share=step.share, seed=step.seed
        )
    except ValueError as error:
        raise DataError(f"{step.name}: {step.scores}: {error}") from error
    numbers = scores.ifd.numbers
    return Chosen(step=step, kept=numbers[found.kept], usable=numbers[found.cluster >= 0], scored=numbers)
