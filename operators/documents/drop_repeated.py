"""The step that takes out lines and paragraphs that a corpus has again and again."""

from dataclasses import dataclass
from typing import Literal

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["SHOWN", "DropRepeated"]

SHOWN = 160
"""Bytes of a line or paragraph that are compared, to a whole character: as the statistic `duplicates` shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRepeated(DocumentStep):
    """Takes the lines (`of: line`), or paragraphs, out of texts that are on the list `pieces`.

    `pieces` is a path, a glob or a URI: the `column` of Parquet, Arrow, JSON Lines or CSV, as the statistic `duplicates`
    gives it, or plain text with a piece to a line. White space around a piece does not matter; of longer ones the first 160
    bytes are compared, by 63 bits of a hash. Lines are what is between newlines, paragraphs what is between blank lines. A
    text that has none of them stays as it is; of another, paragraphs have one blank line between them afterwards, and one of
    which nothing but white space is left is empty.
    """

    name = "drop_repeated"
    source = "Lee et al., Deduplicating Training Data Makes Language Models Better (arXiv 2107.06499)"

    pieces: str
    column: str = "text"
    of: Literal["line", "paragraph"] = "line"

    def __post_init__(self) -> None:
        if not self.pieces or not self.column:
            raise ValueError("pieces must be a path, glob or URI, and column the name of one")
        if self.of not in ("line", "paragraph"):
            raise ValueError(f"of must be line or paragraph, not {self.of!r}")

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The pieces, as they are written."""
        return (Wanted(self.pieces, self.column, names=True),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that knows the pieces."""
        from pairloom.operators.documents._repeated import Repeated

        return Repeated.of(self, lists[0])

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without the list: see `with_lists`."""
        raise TypeError(f"{self.name} was called without its list: this is a bug")
