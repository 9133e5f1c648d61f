"""Exchange files: documents on their way to their partitions, and the index that says what each file has for each.

An exchange file has a record batch for each partition that it has documents for. Its index, in the receipt, holds for
each of these the documents, the tokens and a 128-bit sum over (key, number, copy, all columns) of each document. The sums of all
files add up to what a partition is made of, however the corpus was cut; and whoever reads a batch compares it with its
sum, so that an exchange file need not be read again when it has been written.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.schema import (
    COPY,
    DOCUMENT,
    KEY,
    PART,
    Column,
    columns_of,
    document_columns,
    exchange_schema,
    ids_column,
    token_columns,
)
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import phase
from pairloom.pipeline.store.files import StoredFile, open_parts
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.remedy import remedy
from pairloom.pipeline.store.sums import Parts

__all__ = ["INDEX", "Exchanged", "Made", "Spread", "write_spread"]

# What a file has for one batch of partitions, in their order; batches without documents are not mentioned.
INDEX = np.dtype([("batch", "<u4"), ("rows", "<u4"), ("tokens", "<u8"), ("first", "<u8"), ("second", "<u8")])
READS_AT_ONCE = 8
NO_PARTS = Parts.parse("").table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Documents to be spread. `key` (uint64) orders them, `part` (int64) is where they go.

    `columns` say what the documents have, in files; `prints` are their `fingerprints` (uint64[n, 3]).
    """

    documents: TokenBatch
    columns: tuple[Column, ...]
    key: npt.NDArray[np.uint64]
    part: npt.NDArray[np.int64]
    prints: npt.NDArray[np.uint64]

    @staticmethod
    def of(
        documents: TokenBatch,
        columns: Sequence[Column],
        key: npt.NDArray[np.uint64],
        part: npt.NDArray[np.int64],
    ) -> "Spread":
        """Documents with their fingerprints."""
        prints = documents.fingerprints(key, columns)
        return Spread(documents=documents, columns=tuple(columns), key=key, part=part, prints=prints)

    def take(self, order: npt.NDArray[np.int64]) -> "Spread":
        """The documents `order`, in that order; no token is moved."""
        return Spread(
            documents=self.documents.take(order),
            columns=self.columns,
            key=self.key[order],
            part=self.part[order],
            prints=self.prints[order],
        )

    def parts(self, start: int, stop: int) -> "Spread":
        """The documents of the partitions from `start` to before `stop`, which are counted from `start` on."""
        found = self.take(np.flatnonzero((self.part >= start) & (self.part < stop)))
        return replace(found, part=found.part - start)

    def ordered(self) -> "Spread":
        """The documents in the order of their keys.

        Those with one key, which only those with one id have, are ordered by a hash of their ids, and then by one of all
        that they are.
        """
        order = np.argsort(self.key, kind="stable")
        if len(self.key) and (np.diff(self.key[order].view(np.int64)) == 0).any():
            order = np.lexsort((self.prints[:, 1], self.prints[:, 0], self.key))
        return self.take(order)


def write_spread(
    attempt: Attempt, spread: Spread, width: int = 1, *, role: str = "exchange", folder: str | None = None
) -> npt.NDArray[np.void]:
    """Write a file with a batch for `width` partitions each, and give its index, INDEX[batches with documents].

    Documents keep their order within a batch. Exchange files are scratch (`store.files`), compared as they are read; those
    of other roles stay, and are read again at once.
    """
    with phase("sort"):
        batch_of = spread.part // width
        order = np.argsort(batch_of, kind="stable")
        batches, starts = np.unique(batch_of[order], return_index=True)
        edges = [*starts.tolist(), len(order)]
    schema = exchange_schema(spread.columns)
    index = np.zeros(len(batches), INDEX)
    with attempt.arrow(role, schema, folder=folder, scratch=role == "exchange") as writer:
        for i, batch in enumerate(batches.tolist()):
            note(i, len(batches))
            here = spread.take(order[edges[i] : edges[i + 1]])
            first, second = here.prints[:, 1:].sum(axis=0, dtype=np.uint64)
            index[i] = batch, len(here.key), here.documents.tokens, first, second
            writer.write(_record_batch(here, schema))
        writer.facts.update(tokens=int(index["tokens"].sum()))
    return index


def _record_batch(spread: Spread, schema: pa.Schema) -> pa.RecordBatch:
    documents = spread.documents
    arrays = {KEY: spread.key, DOCUMENT: documents.number, COPY: documents.copy, PART: spread.part}
    columns = [pa.array(values) for values in arrays.values()]
    with phase("gather"):
        columns += [documents.array(c) for c in document_columns(spread.columns)]
        columns += [documents.array(c) for c in token_columns(spread.columns)]
    cast = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(cast, schema=schema)


class Made(NamedTuple):
    """An exchange file, and the entries of its index. Its documents are of the first `sources` of the recipe.

    There is no file where no documents are to be read, only what there is of them is to be known.
    """

    file: StoredFile | None
    entries: npt.NDArray[np.void]
    sources: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exchanged:
    """Exchange files: their paths, and what they hold, batch by batch.

    `index` has the entries of all files, by batch and then by file: those of batch b are [edges[b], edges[b + 1]). Beside
    each, `file` is the number of the file and `place` which of its record batches it is; `sources` has the sources of each
    file, as `Made` does. `parts` has the sums of all files, by which a batch is compared as it is read: those of file f are
    [starts[f], starts[f + 1]), none of a file that was written before there were any. Tasks share this: a corpus may have
    several 100,000 of these files, and every worker holds all their paths.
    """

    files: tuple[str, ...]
    parts: npt.NDArray[np.void]
    starts: npt.NDArray[np.int64]
    sources: npt.NDArray[np.int32]
    index: npt.NDArray[np.void]
    file: npt.NDArray[np.uint32]
    place: npt.NDArray[np.uint32]
    edges: npt.NDArray[np.int64]

    @staticmethod
    def of(made: Sequence[Made], batches: int) -> "Exchanged":
        """The files of some tasks, for so many batches of partitions."""
        counts = [len(one.entries) for one in made]
        index = np.concatenate([np.zeros(0, INDEX), *(one.entries for one in made)])
        order = np.argsort(index["batch"], kind="stable")
        parts = [Parts.parse("" if one.file is None else one.file.sums).table for one in made]
        places = [np.arange(count, dtype=np.uint32) for count in counts]
        return Exchanged(
            files=tuple("" if one.file is None else one.file.path for one in made),
            parts=np.concatenate([NO_PARTS, *parts]),
            starts=np.cumsum([0, *map(len, parts)]),
            sources=np.array([one.sources for one in made], np.int32),
            index=index[order],
            file=np.repeat(np.arange(len(made), dtype=np.uint32), counts)[order],
            place=np.concatenate([np.zeros(0, np.uint32), *places])[order],
            edges=np.searchsorted(index["batch"][order], np.arange(batches + 1)),
        )

    def total(self, batch: int) -> tuple[int, int, str]:
        """Documents and tokens of a batch over all files, and the sum of what they are, in hexadecimal."""
        here = self.index[self.edges[batch] : self.edges[batch + 1]]
        first, second = (int(here[name].sum(dtype=np.uint64)) for name in ("first", "second"))
        return int(here["rows"].sum()), int(here["tokens"].sum()), f"{first:016x}{second:016x}"

    def sources_of(self, batch: int) -> int:
        """How many of the recipe's sources there are up to the last that has documents in a batch."""
        return int(self.sources[self.file[self.edges[batch] : self.edges[batch + 1]]].max(initial=0))

    def tokens(self, batch: int) -> npt.NDArray[np.int64]:
        """How many tokens each file has for a batch."""
        out = np.zeros(len(self.files), np.int64)
        here = slice(self.edges[batch], self.edges[batch + 1])
        out[self.file[here]] = self.index["tokens"][here]
        return out

    def read(self, objects: Objects, batch: int, start: int = 0, stop: int | None = None) -> Spread:
        """The documents of a batch, file by file from file `start` to before `stop`, where they were read.

        Raises CorruptionError for a file that does not hold what was written to it.
        """
        numbers = self.file[self.edges[batch] : self.edges[batch + 1]]
        first, last = np.searchsorted(numbers, [start, len(self.files) if stop is None else stop])
        entries = range(self.edges[batch] + first, self.edges[batch] + last)

        def one(entry: int) -> pa.RecordBatch:
            file = int(self.file[entry])
            parts = Parts(self.parts[self.starts[file] : self.starts[file + 1]])
            try:
                with open_parts(objects, self.files[file], parts if len(parts) else None) as reader:
                    return reader.get_batch(int(self.place[entry]))
            except CorruptionError as error:
                raise CorruptionError(f"{error}; {_advice(objects, self.files[file])}") from error

        with phase("read"), ThreadPoolExecutor(READS_AT_ONCE) as pool:
            batches = list(pool.map(one, entries))
        if not batches:
            return _nothing()
        table = pa.Table.from_batches(batches)
        key, part = (table.column(name).to_numpy() for name in (KEY, PART))
        with phase("re-read"):
            found = Spread.of(TokenBatch.of_table(table), columns_of(table.schema), key, part)
        at = 0
        for entry, one_batch in zip(entries, batches, strict=True):
            here = found.prints[at : at + len(one_batch), 1:].sum(axis=0, dtype=np.uint64)
            if here.tolist() != [int(self.index[name][entry]) for name in ("first", "second")]:
                path = self.files[self.file[entry]]
                raise CorruptionError(
                    f"{objects.uri(path)}: batch {batch} is not what was written to it; {_advice(objects, path)}"
                )
            at += len(one_batch)
        return found


def _advice(objects: Objects, path: str) -> str:
    if path.endswith(".exchange.arrow"):
        return f"remove the receipts of its stage below {objects.uri('receipts')} and run again"
    return f"it is part of the last generation: {remedy(objects)}"


def _nothing() -> Spread:
    ids = ids_column(np.dtype(np.uint16))
    none = np.zeros(0, np.int64)
    return Spread.of(TokenBatch.from_lists({ids.name: []}), [ids], none.view(np.uint64), none)
