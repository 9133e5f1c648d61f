"""The step that keeps documents that are on a list."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["KeepIds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepIds(DocumentStep):
    """Leaves out the documents whose ids are not on a list.

    `ids` is a path, a glob or a URI: the `column` of Parquet, Arrow, JSON Lines or CSV, or plain text with an id to a line.
    With `field`, that field of a record is looked up instead of its id. An entry takes eight bytes of memory, of any length.
    Entries are compared by 63 bits of a hash, as documents are everywhere. `pairloom verify` proves that all that are left are
    on it.
    """

    name = "keep_ids"

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

        return Listed(step=self, field=self.field, numbers=lists[0].numbers, keep=True)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without the list: see `with_lists`."""
        raise TypeError(f"{self.name} was called without its list: this is a bug")
