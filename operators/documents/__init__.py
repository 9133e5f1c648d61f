"""Documents, and what is done to them before anybody counts or encodes them."""

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._letters import DeadLetter, excerpt_of

__all__ = ["DeadLetter", "DocumentBatch", "excerpt_of"]
