"""The mean of what the old vocabulary made of a token."""

from dataclasses import dataclass

from pairloom.operators.embeddings.method import Given, Method
from pairloom.operators.embeddings.rows import RowMap

__all__ = ["Pieces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces(Method):
    """The mean of the rows of a token's pieces."""

    name = "pieces"
    source = "Larcher et al., 2023, arXiv:2308.11878"

    def rows(self, given: Given) -> RowMap:
        """As `row_map` made them."""
        return given.rows
