"""Tokens that a record brings, instead of a text: codes of speech and images, or text that somebody else has tokenized.

A `Giver` says which fields of a record hold them, reads these into documents (`DocumentBatch.given`), and puts them into the
ids of a vocabulary. `Plain` is one list of ids a record, with other lists beside it; `Codebooks` are several codes for each
step; `Parts` are texts and codes by turns.
"""

from pairloom.operators.given.codebooks import PATTERNS, Codebooks, arranged, given_streams, restored
from pairloom.operators.given.columns import Beside, filled, surrounded
from pairloom.operators.given.giver import Giver
from pairloom.operators.given.lists import Faults, lists_of
from pairloom.operators.given.modality import Modality, with_modalities
from pairloom.operators.given.naming import reserved_tokens
from pairloom.operators.given.parts import Parts
from pairloom.operators.given.plain import Plain

__all__ = [
    "PATTERNS",
    "Beside",
    "Codebooks",
    "Faults",
    "Giver",
    "Modality",
    "Parts",
    "Plain",
    "arranged",
    "filled",
    "given_streams",
    "lists_of",
    "reserved_tokens",
    "restored",
    "surrounded",
    "with_modalities",
]
