"""Typed entries over a base vocabulary: what spells a concept has ids of the concept's semantic type, all else the base's."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.typed.concepts import Concept, read_concepts
    from pairloom.operators.models.typed.learning import learn_typed
    from pairloom.operators.models.typed.model import Typed

__all__ = ["Concept", "Typed", "learn_typed", "read_concepts"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.models.typed.concepts": ("Concept", "read_concepts"),
            "pairloom.operators.models.typed.learning": ("learn_typed",),
            "pairloom.operators.models.typed.model": ("Typed",),
        },
    )
