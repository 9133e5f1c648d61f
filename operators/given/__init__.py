"""Tokens that a record brings, instead of a text: codes of speech and images, or text that somebody else has tokenized.

A `Giver` says which fields of a record hold them, reads these into documents (`DocumentBatch.given`), and puts them into the
ids of a vocabulary. `Plain` is one list of ids a record, with other lists beside it.
"""

from pairloom.operators.given.columns import Beside, filled, surrounded
from pairloom.operators.given.giver import Giver, Ranges
from pairloom.operators.given.lists import Faults, lists_of
from pairloom.operators.given.plain import Plain

__all__ = ["Beside", "Faults", "Giver", "Plain", "Ranges", "filled", "lists_of", "surrounded"]
