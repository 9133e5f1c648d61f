"""Examples of what steps have left out, read again from the sources: the first, of as many units as are needed for them.

The ledgers say which units a step has left something out of. Nothing of it is kept in a root.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pairloom.operators.documents import DocumentBatch, DocumentStep, apply_step
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.audit.expected import shards
from pairloom.pipeline.audit.sources import tasks_again
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.recipe import Recipe

__all__ = ["Dropped", "find_dropped"]

WHERE = "where"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A document that a step left out: of which source, where it is, why, and its text as the step got it."""

    source: str
    uri: str
    row: int
    id: str | None
    step: str
    reason: str
    text: str


def find_dropped(dataset: Dataset, step: str, count: int) -> Iterator[Dropped]:
    """The first documents that a step left out, `count` at most.

    `step` is its name, what the ledger calls it, or that with a reason ("length: too few words"); or `where`, for records for
    which the condition of their source is false. Raises RecipeError where nothing was left out by that, and for sources that are
    not as they were.
    """
    ledger = dataset.manifest.stage("tokenize").ledger.filtered
    if not any(_is_of(step, key) for key in ledger):
        said = ", ".join(f"{key} ({found:,})" for key, found in sorted(ledger.items())) or "nothing"
        raise RecipeError(
            f"generation {dataset.manifest.generation} of {dataset.objects.root} left out nothing by {step!r}; what was: {said}"
        )
    recipe = Recipe.model_validate(dataset.manifest.recipe)
    tasks = tasks_again(dataset, recipe, dataset.vocabulary(), "Run the recipe again, and look then")
    for shard in shards(dataset):
        if count > 0 and any(_is_of(step, key) for key in shard.receipt.ledger.filtered):
            task = tasks[shard.receipt.unit]
            unit = task.input
            if step == WHERE:
                unit = replace(
                    unit,
                    fields=replace(unit.fields, where=f"not ({unit.fields.where})"),
                    steps=(),
                    shaping=(),
                    lists=(),
                )
            for found in _of_intake(Intake(unit, task.max_record_bytes), step):
                yield found
                count -= 1
                if not count:
                    return


def _is_of(step: str, key: str) -> bool:
    """Whether a key of a ledger is of a step: its label, its name, or exactly that."""
    label = key.partition(": ")[0]
    return step in (key, label, label.partition(" ")[0])


def _of_intake(intake: Intake, wanted: str) -> Iterator[Dropped]:
    """What a step leaves out of a unit."""
    unit = intake.unit
    if wanted == WHERE:
        for batch in intake.documents():
            for i in range(len(batch)):
                yield _dropped(unit.source, batch, i, WHERE, "the condition is false")
        return
    for step, batch, after in intake.steps_taken():
        if not _is_of(wanted, step.label) and not wanted.startswith(f"{step.label}: "):
            continue
        rejected = [letter.row for letter in after.rejected]
        left = np.isin(
            batch.row.to_numpy(), np.concatenate([after.row.to_numpy(), np.array(rejected, np.int64)])
        )
        for i in map(int, np.flatnonzero(~left)):
            reason = _reason(step, batch.take([i]))
            if _is_of(wanted, f"{step.label}: {reason}" if reason else step.label):
                yield _dropped(unit.source, batch, i, step.label, reason)


def _reason(step: DocumentStep, one: DocumentBatch) -> str:
    """Why a step leaves out a document, of which alone that depends."""
    dropped: Mapping[str, int] = apply_step(step, one).dropped
    return next(iter(dropped), "")


def _dropped(source: str, batch: DocumentBatch, i: int, step: str, reason: str) -> Dropped:
    return Dropped(
        source=source,
        uri=batch.uri,
        row=batch.row[i].as_py() if batch.groups is None else batch.groups[i]["record"].as_py(),
        id=None if batch.id is None else batch.id[i].as_py(),
        step=step,
        reason=reason,
        text=batch.content[i].as_py(),
    )
