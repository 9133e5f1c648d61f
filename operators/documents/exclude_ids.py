"""The step that leaves out documents that are on a list."""

from dataclasses import dataclass

from pairloom.operators.documents._by_ids import ByIds

__all__ = ["ExcludeIds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludeIds(ByIds):
    """Leaves out the documents whose ids are on a list: opt-outs, what a licence forbids, decisions of another tool.

    `ids` is a path, a glob or a URI: the `column` of Parquet, Arrow, JSON Lines or CSV, or plain text with an id to a line.
    With `field`, that field of a record is looked up instead of its id. An entry takes eight bytes of memory, of any length.
    Entries are compared by 63 bits of a hash, as documents are everywhere. `pairloom verify` proves that none of them is left.
    """

    name = "exclude_ids"
    keeps = False
