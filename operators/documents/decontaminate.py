"""The step that takes out what evaluations ask, so that a model is not trained on its examination."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Spanned, Wanted

__all__ = ["Decontaminate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decontaminate(DocumentStep):
    """Leaves out documents that share a run of `ngram` words with a text of `against`, or does not train the run, or says so.

    `against` are paths, globs or URIs (also `hf://`): the `column` of Parquet, Arrow, JSON Lines or CSV, or plain text with an
    item to a line. Words are letters, marks and digits that follow one another, in small letters, so that neither case,
    punctuation nor white space matters; they are compared by hashes of 64 bits. Items of fewer words are not looked for. The ledger
    counts documents that are left out by the list that they share the first run with. With `mask`, `loss_mask` is 0 on every
    token of which a byte is in such a run, and elsewhere what it was: 1, or what chat, preferences or `spans` before it say. With
    `report` documents are left as they are. Whatever the action, the table `contamination` says which item is in which document.
    """

    name = "decontaminate"
    compiled = True
    source = (
        "Brown et al., Language Models are Few-Shot Learners (arXiv 2005.14165), appendix C: runs of 13 words"
    )

    against: tuple[str, ...]
    column: str = "text"
    ngram: int = 13
    action: Literal["drop", "mask", "report"] = "drop"

    def __post_init__(self) -> None:
        if not self.against or not all(self.against):
            raise ValueError("against must be paths, globs or URIs of evaluations, one or more")
        if not self.column:
            raise ValueError("column must not be empty")
        if not 1 <= self.ngram <= 1000:
            raise ValueError(f"ngram must be from 1 to 1000 words, not {self.ngram}")

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The texts of each evaluation, as they are written."""
        return tuple(Wanted(uri, self.column, names=True) for uri in self.against)

    @property
    def spanned(self) -> tuple[Spanned, ...]:
        """The mask, if it is asked for."""
        if self.action != "mask":
            return ()
        from pairloom.operators.documents.spans import mask_column

        return (Spanned(column=mask_column(), outside=1, rule="all", over=True),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that knows the texts."""
        from pairloom.operators.documents._overlaps import Decontaminated

        return Decontaminated.of(self, [PurePosixPath(uri).name for uri in self.against], lists)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without the lists: see `with_lists`."""
        raise TypeError(f"{self.name} was called without its lists: this is a bug")
