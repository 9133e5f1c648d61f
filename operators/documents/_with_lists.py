"""What a step becomes when its lists have been read."""

from dataclasses import dataclass

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._step import DocumentStep
from pairloom.operators.errors import RecipeError

__all__ = ["StepWithLists"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepWithLists(DocumentStep):
    """A step that knows what its lists hold: it is called, and known by, what the step of the recipe is."""

    step: DocumentStep

    @property
    def label(self) -> str:
        """That of the step."""
        return self.step.label

    def identity(self) -> object:
        """That of the step."""
        return self.step.identity()

    def check_texts(self, batch: DocumentBatch) -> None:
        """Raise RecipeError for documents that bring tokens instead of texts."""
        if batch.given:
            raise RecipeError(
                f"{batch.uri}: the step {self.label} reads texts, and these documents bring tokens"
            )
