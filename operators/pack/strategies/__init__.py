"""The packing strategies, one a file, and those that other distributions bring."""

from typing import TYPE_CHECKING

from pairloom.operators.registry import Registry

if TYPE_CHECKING:
    from pairloom.operators.pack.strategy import Strategy

__all__ = ["STRATEGIES"]

STRATEGIES: "Registry[Strategy]" = Registry(
    kind="packing strategy",
    package="pairloom.operators.pack.strategies",
    base="pairloom.operators.pack.strategy:Strategy",
    group="pairloom.strategies",
)
