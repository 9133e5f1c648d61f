"""The columns of documents that a recipe asks for, on their way from token shards to rows.

    shard ── strings that it has, in its receipt ──▶ all strings of the corpus, sorted ──▶ the number of each

A string's number depends on which strings there are, and on nothing else: not on how the corpus was cut, nor on what was
there before.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.attributes import MOST_BYTES, MOST_VALUES, Attribute
from pairloom.operators.errors import CorruptionError, DataError
from pairloom.operators.schema import Column
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Carried", "Strings", "carried_columns"]


@dataclass(slots=True)
class Strings:
    """The strings that columns were found to have, each once. Raises DataError for a column that has too many of them."""

    of: str  # for messages
    found: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str, values: Iterable[str]) -> None:
        """More of a column."""
        known = self.found.setdefault(name, set())
        known.update(values)
        if len(known) > MOST_VALUES or sum(map(len, known)) > MOST_BYTES:
            raise DataError(
                f"{self.of}: the column {name} has more than {MOST_VALUES:,} different strings, or more than {MOST_BYTES:,} "
                f"bytes of them, such as {min(known)[:40]!r} and {max(known)[:40]!r}: a column says of what kind a document is, "
                "and its id which one; leave it out, or give it a type of number"
            )

    def add_batch(self, batch: pa.RecordBatch, attributes: Iterable[Attribute]) -> None:
        """Those of a part of a shard."""
        for one in attributes:
            if one.listed:
                self.add(one.name, pc.unique(batch.column(one.name)).drop_null().to_pylist())

    def payload(self) -> bytes:
        """For a receipt; nothing where there is no such column."""
        lists = {name: sorted(values) for name, values in sorted(self.found.items())}
        return json.dumps(lists, ensure_ascii=False).encode() if lists else b""

    def add_payload(self, payload: bytes) -> None:
        """What a receipt has."""
        for name, values in json.loads(payload or b"{}").items():
            self.add(name, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The columns that a recipe asks for, of any source, and all strings of those that have strings."""

    attributes: tuple[Attribute, ...] = ()
    strings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[Column, ...]:
        """As rows have them."""
        return tuple(one.column(self.strings.get(one.name, ())) for one in self.attributes)

    @property
    def fingerprint(self) -> str:
        """Of everything that decides the numbers of rows; empty where there are no columns."""
        return fingerprint([column.identity() for column in self.columns]) if self.attributes else ""

    def of(self, shard: pa.Table | pa.RecordBatch) -> dict[str, npt.NDArray[np.generic]]:
        """The numbers of the documents of (a part of) a shard; of columns that its source does not have, what is missing."""
        found = {}
        for one in self.attributes:
            if one.name not in shard.schema.names:
                found[one.name] = one.missing(len(shard))
                continue
            try:
                found[one.name] = one.coded(shard.column(one.name), self.strings.get(one.name, ()))
            except ValueError as error:
                raise CorruptionError(f"a token shard is not what its receipt says: {error}") from error
        return found

    def beside(self, documents: TokenBatch, shard: pa.Table | pa.RecordBatch) -> TokenBatch:
        """Documents of (a part of) a shard, with these columns."""
        return documents.with_documents(self.of(shard)) if self.attributes else documents


def carried_columns(recipe: Recipe, tokenized: Iterable[Receipt]) -> Carried:
    """The columns of a recipe, with the strings that the receipts of its tokenized units have."""
    attributes = recipe.attributes
    if not any(one.listed for one in attributes):
        return Carried(attributes=attributes)
    strings = Strings(of="the corpus")
    for receipt in tokenized:
        strings.add_payload(receipt.payload)
    return Carried(
        attributes=attributes, strings={name: tuple(sorted(values)) for name, values in strings.found.items()}
    )
