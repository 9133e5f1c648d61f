"""What keeping and leaving out by a list of ids share."""

from dataclasses import dataclass
from typing import ClassVar

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._step import DocumentStep, Entries, Wanted

__all__ = ["ByIds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByIds(DocumentStep):
    """A step that looks the ids of documents up in a list; `keeps` says what becomes of those that are on it."""

    keeps: ClassVar[bool]

    ids: str
    column: str = "id"
    field: str | None = None

    def __post_init__(self) -> None:
        for key in ("ids", "column", "field"):
            if getattr(self, key) == "":
                raise ValueError(f"{key} must not be empty")

    @property
    def needs(self) -> tuple[str, ...]:
        """The field, if it is not the id."""
        return () if self.field is None else (self.field,)

    @property
    def reads_ids(self) -> bool:
        """Unless a field is looked up."""
        return self.field is None

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The one list."""
        return (Wanted(self.ids, self.column),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that knows its list."""
        from pairloom.operators.documents._listed import Listed

        return Listed(step=self, field=self.field, numbers=lists[0].numbers, keep=self.keeps)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without the list: see `with_lists`."""
        raise TypeError(f"{self.name} was called without its list: this is a bug")
