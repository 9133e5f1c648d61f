"""The methods by which rows are made, one a file, and those that other distributions bring."""

from typing import TYPE_CHECKING

from pairloom.operators.registry import Registry

if TYPE_CHECKING:
    from pairloom.operators.embeddings.method import Method

__all__ = ["METHODS"]

METHODS: "Registry[Method]" = Registry(
    kind="embedding method",
    package="pairloom.operators.embeddings.methods",
    base="pairloom.operators.embeddings.method:Method",
    group="pairloom.embeddings",
)
