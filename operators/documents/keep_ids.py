"""The step that keeps documents that are on a list."""

from dataclasses import dataclass

from pairloom.operators.documents._by_ids import ByIds

__all__ = ["KeepIds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepIds(ByIds):
    """Leaves out the documents whose ids are not on a list.

    `ids` is a path, a glob or a URI: the `column` of Parquet, Arrow, JSON Lines or CSV, or plain text with an id to a line.
    With `field`, that field of a record is looked up instead of its id. An entry takes eight bytes of memory, of any length.
    Entries are compared by 63 bits of a hash, as documents are everywhere. `pairloom verify` proves that all that are left are
    on it.
    """

    name = "keep_ids"
    keeps = True
