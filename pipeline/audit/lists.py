"""What steps that look ids up have promised: of a list to leave out nothing is left, of a list to keep nothing else is there."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DocumentStep
from pairloom.operators.documents.exclude_ids import ExcludeIds
from pairloom.operators.documents.keep_ids import KeepIds
from pairloom.operators.errors import CorruptionError
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline.audit.expected import shards
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.lists import FoundList, entries_of, find_lists
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.files import read_batches

__all__ = ["check_lists"]


def check_lists(dataset: Dataset, stage: str, observe: Callable[[Event], None]) -> int:
    """Look up each document of the token shards, which rows are made of, in the lists as they are now; how many were.

    Lists on the Hub are as they were at the commits that the generation was made of.

    Raises CorruptionError for a document that should have been left out, RecipeError for a list that is not there. A list that
    is compared with a field is not looked at: fields are read in the round trip.
    """
    hub = Repositories(dataset.manifest.revisions)
    promised = {
        source.name: [
            (step, one)
            for step, lists in zip(source.steps, find_lists(source, hub), strict=True)
            for one in lists
            if _promises(step)
        ]
        for source in Recipe.model_validate(dataset.manifest.recipe).corpus
        if any(map(_promises, source.steps))
    }
    done = 0
    if not promised:
        return done
    for shard in shards(dataset):
        for step, found in promised.get(shard.source, []):
            for batch in read_batches(dataset.objects, shard.stored):
                ids = shard.record_ids(batch)
                _check(dataset, shard.source, step, found, ids, document_numbers(ids))
                done += len(ids)
                observe(Doing(stage=stage, step="lists", what="documents", done=done))
    return done


def _promises(step: DocumentStep) -> bool:
    """Whether a step goes by the ids of documents alone."""
    return isinstance(step, ExcludeIds | KeepIds) and step.reads_ids


def _check(
    dataset: Dataset,
    source: str,
    step: DocumentStep,
    found: FoundList,
    ids: pa.LargeStringArray,
    numbers: npt.NDArray[np.int64],
) -> None:
    entries = entries_of(found).numbers
    place = np.minimum(np.searchsorted(entries, numbers), max(0, len(entries) - 1))
    listed = entries[place] == numbers if len(entries) else np.zeros(len(numbers), np.bool_)
    keep = isinstance(step, KeepIds)
    if len(wrong := np.flatnonzero(listed != keep)):
        raise CorruptionError(
            f"{dataset.objects.root}: document {ids[int(wrong[0])].as_py()!r} of source {source!r} is "
            f"{'not ' if keep else ''}on the list {found.files[0].uri} of its step {step.label}, and in this generation "
            f"({len(wrong):,} such documents in one batch); "
            "`pairloom run` with the same recipe makes one that follows the list as it is now"
        )
