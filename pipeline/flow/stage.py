"""What a stage is: everything that anybody asks of one, in one object.

    recipe ── wanted ──▶ plan ── key, cost ──▶ forecast
                          └── run ──▶ record ── check ──▶ verify
                               └── steps ─▶ progress         └── summary, lines ──▶ what people read

Plan, run, forecast, the command line, progress, the closing summary and `verify` know no stage by its name: they ask these
objects (`pairloom.pipeline.stages.stages`). So a stage is added by adding its class: in a folder of its own below
`pipeline/stages`, or by an entry point of the group `pairloom.stages`.

A module that defines a stage is imported for a line of help, so it imports nothing heavy: no kernels, no Arrow. What it
needs to work is imported by the methods that work.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.operators.errors import CorruptionError

if TYPE_CHECKING:
    from pairloom.pipeline.dataset.dataset import Dataset
    from pairloom.pipeline.flow.job import Job
    from pairloom.pipeline.flow.plan import Asked, Plan
    from pairloom.pipeline.forecast.cost import Cluster, Cost
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.store.files import StoredFile
    from pairloom.pipeline.store.manifest import StageRecord
    from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Stage", "check_filed"]


class Stage(ABC):
    """One stage of a run. Units of its record are filed under its name.

    `after` is the name of the stage that it follows, None for a first one: a run up to a stage runs those that lead to it.
    `help` is the line that the stage's command says about itself, and `unless` why a recipe that has no such stage has none,
    after "the recipe". `steps` are its steps, with what each does; one whose name has more words, as `merge pieces`, is that
    of its first word. Wherever anybody reads of a step it is called `count: merge` (`pipeline.flow.events.called`). A stage that
    `reads_inputs` has a unit for each unit of the plan, in its order; of one with `files_of_units`, every file of the record's
    roles that a unit makes is in the record.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    after: ClassVar[str | None]
    steps: ClassVar[Mapping[str, str]]
    unless: ClassVar[str] = "does not ask for it"
    reads_inputs: ClassVar[bool] = False
    files_of_units: ClassVar[bool] = False

    def wanted(self, recipe: "Recipe") -> bool:
        """Whether a run of the recipe has this stage: by default, where it is listed under `stages`.

        There a stage is written as a step is, with keys if its class is a dataclass; `recipe.stages` has it with them.
        """
        return any(one.name == self.name for one in recipe.stages)

    @abstractmethod
    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The hash of everything that decides what the stage makes, given the keys of the stages `before` it.

        Where the last generation has this key, the stage is done. Neither workers nor units are part of it.
        """

    @abstractmethod
    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """What the stage asks of a cluster, from nothing."""

    @abstractmethod
    def run(self, job: "Job") -> "StageRecord":
        """Do the stage; what it made. `job.records` has the stages before it."""

    def remake(self, job: "Job", record: "StageRecord", lost: Set[str]) -> "Iterable[StoredFile]":
        """Make again what `record` names and is lost, at the paths `lost`; the files that were made of it.

        `job.step` does nothing but what is lost, so that by default this is to run the stage. Of a stage that `reads_inputs`,
        the plan has those units alone that have lost something, and the receipts of the others are `committed_receipts`.
        """
        return self.run(job).stored

    def check(self, dataset: "Dataset", receipts: Sequence["Receipt"]) -> None:
        """Raise CorruptionError unless what is committed agrees with the receipts of its units.

        That each unit's ledger balances, and that they add up to that of the stage, is known by then.
        """
        check_filed(dataset, self.name, receipts)

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """What the closing summary knows of a run's stage, as JSON."""
        return {self.name: record.facts | {"files": len(record.files)}}

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What people read of `summary`, which has that of all stages: (label, text)."""
        facts = summary[self.name]
        yield self.name, ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in facts.items())


def check_filed(dataset: "Dataset", stage: str, receipts: Iterable["Receipt"]) -> None:
    """Raise CorruptionError unless every committed file of a stage is in a receipt of one of its units."""
    record = dataset.manifest.stages[stage]
    made = {file.sha256 for receipt in receipts for file in receipt.files}
    for file in (*record.files, *record.rejected, *record.leftovers):
        if file.sha256 not in made:
            raise CorruptionError(
                f"{dataset.objects.uri(file.path)} is in the manifest but in no receipt of {stage}"
            )
