"""What orders share: the hash of each document, or of each copy."""

from typing import TYPE_CHECKING, TypeVar

from pairloom.pipeline.stages.exchange.orders import Copies, Standing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["hashes", "of_copies"]

T = TypeVar("T", bound="np.generic")


def hashes(found: Standing, copies: Copies | None) -> "npt.NDArray[np.uint64]":
    """The seeded hash of the id of each document, or what becomes of it for each copy."""
    from pairloom.operators.selection.mixture import copy_keys
    from pairloom.operators.selection.order import document_keys

    key = document_keys(found.ids, found.seed)
    return key if copies is None else copy_keys(key[copies.index], copies.copy)


def of_copies(values: "npt.NDArray[T]", copies: Copies | None) -> "npt.NDArray[T]":
    """The value of the document of each copy."""
    return values if copies is None else values[copies.index]
