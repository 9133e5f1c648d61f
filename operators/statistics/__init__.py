"""Statistics of a corpus: exact counts of keys, from documents or from tokens, that add up over any parts of it.

    batch ── Statistic.add ──▶ KeyCounter ── by hash of the key ──▶ partitions, merged over all units ── finish ──▶ table

A statistic says which keys a batch holds; counting, merging and storing them is the same engine that counts words. Keys are
bytes, counts are int64, and sums are exact, so that no table depends on units, workers or order.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import pyarrow as pa

from pairloom.operators.registry import Registry

if TYPE_CHECKING:
    from pairloom.operators.counts import KeyCounter, WordCounts
    from pairloom.operators.counts.groups import Counters
    from pairloom.operators.documents import DocumentBatch, DocumentStep
    from pairloom.operators.tokens import TokenBatch

__all__ = ["STATISTICS", "FirstRow", "Partitions", "Statistic", "TextStatistic"]

Partitions: TypeAlias = "Callable[[], Iterator[WordCounts]]"
"""The merged counts of a whole corpus, partition by partition, as often as they are asked for."""

FirstRow: TypeAlias = Callable[[str, int], int]
"""The row of a file at which a slice of it begins, by its URI and by where the slice starts, in bytes or in blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic(ABC):
    """One table about a corpus. The fields of a subclass are its keys in a recipe.

    `name` is its name in recipes, `version` is raised with every change of what it counts or how it finishes. With `per`, there is
    a table of each source (`per: source`), or of the documents of each value of a column of the recipe, one after another, in
    the order of their bytes, with a column of that name before the others.

    Keys begin with a byte that says their kind. Of the kinds in `sifted`, `least_share` may leave out what is rare. A statistic
    that `holds_all` has the counts of all partitions in memory while it finishes.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    holds_all: ClassVar[bool] = False

    per: str | None = None

    def identity(self) -> object:
        """Everything that decides the table, as JSON."""
        from pairloom.operators.steps import step_identity

        identity = step_identity(self)
        for name in (
            "per",
            "least_share",
            "leave_out",
        ):  # where they are not asked for, the table is what it was before there were any
            if name in identity["keys"] and not identity["keys"][name]:
                del identity["keys"][name]
        return identity

    @property
    def title(self) -> str:
        """The name of the table: that of the statistic, and what it is per."""
        return self.name if self.per is None else f"{self.name}_per_{self.per}"

    @property
    def sifted(self) -> tuple[int, ...]:
        """The kinds of keys of which those are left out that are no more than `share` of all of their kind; none by default."""
        return ()

    @property
    def share(self) -> float:
        """See `sifted`."""
        return 0.0

    @abstractmethod
    def add(self, batch: "TokenBatch", counter: "KeyCounter") -> None:
        """Count the keys of a batch of documents, each document by itself."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """The columns of the table."""

    @property
    def table_schema(self) -> pa.Schema:
        """The columns of the table, with that of what it is per before them."""
        schema = self.schema
        return schema if self.per is None else schema.insert(0, pa.field(self.per, pa.string()))

    def counters(self) -> "Counters":
        """What its keys are counted by, of everything or group by group."""
        from pairloom.operators.counts.groups import Counters

        return Counters(grouped=self.per is not None, kinds=self.sifted, share=self.share)

    @abstractmethod
    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table, in an order that does not depend on how keys are spread over partitions."""

    def facts(self, table: pa.Table) -> Mapping[str, int]:
        """Numbers that the closing summary tells of the table; by default, none."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStatistic(Statistic):
    """One table about the texts of a corpus, as its sources' steps leave them, before they are normalized and encoded.

    All statistics of text of a recipe are counted in one reading of each unit. `needs` are the fields of a record that one
    reads besides the text.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields of a record that it reads besides the text: `fields` of the batch have them."""
        return ()

    @property
    def reads_ids(self) -> bool:
        """Whether it looks at the ids of documents, or at which step does what."""
        return False

    def add(self, batch: "TokenBatch", counter: "KeyCounter") -> None:
        """Nothing is counted of tokens: see `add_text`."""
        raise TypeError(f"{self.name} counts texts and was given tokens: this is a bug")

    @abstractmethod
    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Count the keys of a batch of documents, each document by itself."""

    def watch(self, step: "DocumentStep", batch: "DocumentBatch", start: int, counter: "KeyCounter") -> None:
        """Count keys of what a step is about to be given, of a slice that starts there; by default, none."""

    @abstractmethod
    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table, as that of any statistic; keys that have rows of slices ask `first_row`."""


STATISTICS: Registry[Any] = Registry(
    kind="statistic",
    package="pairloom.operators.statistics",
    base="pairloom.operators.statistics:Statistic",
    group="pairloom.statistics",
)
