"""Statistics of a corpus: exact counts of keys, from documents or from tokens, that add up over any parts of it.

    batch ── Statistic.add ──▶ KeyCounter ── by hash of the key ──▶ partitions, merged over all units ── finish ──▶ table

A statistic says which keys a batch holds; counting, merging and storing them is the same engine that counts words. Keys are
bytes, counts are int64, and sums are exact, so that no table depends on units, workers or order.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pairloom.operators.counts import KeyCounter, WordCounts
from pairloom.operators.registry import Registry
from pairloom.operators.steps import step_identity
from pairloom.operators.tokens import TokenBatch

__all__ = ["STATISTICS", "Partitions", "Statistic"]

Partitions = Callable[[], Iterator[WordCounts]]
"""The merged counts of a whole corpus, partition by partition, as often as they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic(ABC):
    """One table about a corpus. The fields of a subclass are its keys in a recipe.

    `name` is its name in recipes, `version` is raised with every change of what it counts or how it finishes.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1

    def identity(self) -> object:
        """Everything that decides the table, as JSON."""
        return step_identity(self)

    @abstractmethod
    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count the keys of a batch of documents, each document by itself."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """The columns of the table."""

    @abstractmethod
    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table, in an order that does not depend on how keys are spread over partitions."""


STATISTICS: Registry[Any] = Registry(
    kind="statistic",
    package="pairloom.operators.statistics",
    base="pairloom.operators.statistics:Statistic",
    group="pairloom.statistics",
)
