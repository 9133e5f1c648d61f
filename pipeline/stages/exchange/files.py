"""Exchange files: documents on their way to their partitions, and the index that says what each file has for each.

An exchange file has a record batch for each partition that it has documents for. Its index, in the receipt, holds for
each of these the documents, the tokens and a 128-bit sum over (key, number, tokens) of each document. The sums of all
files add up to what a partition is made of, however the corpus was cut; and whoever reads a batch compares it with its
sum, so that an exchange file need not be read again when it has been written.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack import Documents, fingerprints
from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.phases import phase
from pairloom.pipeline.store.files import open_arrow_at
from pairloom.pipeline.store.objects import Objects

__all__ = ["INDEX", "Exchanged", "Spread", "write_spread"]

# What a file has for one batch of partitions, in their order; batches without documents are not mentioned.
INDEX = np.dtype([("batch", "<u4"), ("rows", "<u4"), ("tokens", "<u8"), ("first", "<u8"), ("second", "<u8")])
READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Documents to be spread. `key` (uint64) orders them, `number` (int64) names them, `part` (int64) is where they go."""

    documents: Documents
    key: npt.NDArray[np.uint64]
    number: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    prints: npt.NDArray[np.uint64]  # their `fingerprints`

    @staticmethod
    def of(
        documents: Documents,
        key: npt.NDArray[np.uint64],
        number: npt.NDArray[np.int64],
        part: npt.NDArray[np.int64],
    ) -> "Spread":
        """Documents with their fingerprints."""
        prints = fingerprints(documents, key, number)
        return Spread(documents=documents, key=key, number=number, part=part, prints=prints)

    def parts(self, start: int, stop: int) -> "Spread":
        """The documents of the partitions from `start` to before `stop`, which are counted from `start` on."""
        here = np.flatnonzero((self.part >= start) & (self.part < stop))
        return Spread(
            documents=self.documents.take(here),
            key=self.key[here],
            number=self.number[here],
            part=self.part[here] - start,
            prints=self.prints[here],
        )


def write_spread(
    attempt: Attempt, spread: Spread, width: int = 1, *, role: str = "exchange", folder: str | None = None
) -> npt.NDArray[np.void]:
    """Write a file with a batch for `width` partitions each, and give its index, INDEX[batches with documents].

    Documents keep their order within a batch. Exchange files are compared as they are read; those of other roles stay, and
    are read again at once.
    """
    with phase("sort"):
        batch_of = spread.part // width
        order = np.argsort(batch_of, kind="stable")
        batches, starts = np.unique(batch_of[order], return_index=True)
        edges = [*starts.tolist(), len(order)]
    schema = pa.schema(
        [
            pa.field("key", pa.uint64(), nullable=False),
            pa.field("document", pa.int64(), nullable=False),
            pa.field("part", pa.int64(), nullable=False),
            pa.field("tokens", pa.large_list(pa.from_numpy_dtype(spread.documents.dtype)), nullable=False),
        ]
    )
    index = np.zeros(len(batches), INDEX)
    with attempt.arrow(role, schema, folder=folder, check=role != "exchange") as writer:
        for i, batch in enumerate(batches.tolist()):
            here = order[edges[i] : edges[i + 1]]
            documents = spread.documents.take(here)
            with phase("gather"):
                tokens = documents.gathered().cast(schema.field("tokens").type)
            first, second = spread.prints[here, 1:].sum(axis=0, dtype=np.uint64)
            index[i] = batch, len(here), documents.tokens, first, second
            columns = [pa.array(spread.key[here]), pa.array(spread.number[here]), pa.array(spread.part[here])]
            columns.append(tokens)
            writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
        writer.facts.update(tokens=int(index["tokens"].sum()))
    return index


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exchanged:
    """Exchange files: their paths, and what they hold, batch by batch.

    `index` has the entries of all files, by batch and then by file: those of batch b are [edges[b], edges[b + 1]). Beside
    each, `file` is the number of the file and `place` which of its record batches it is. Tasks share this: a corpus may
    have several 100,000 of these files, and every worker holds all their paths.
    """

    files: tuple[str, ...]
    index: npt.NDArray[np.void]
    file: npt.NDArray[np.uint32]
    place: npt.NDArray[np.uint32]
    edges: npt.NDArray[np.int64]

    @staticmethod
    def of(made: Sequence[tuple[str, npt.NDArray[np.void]]], batches: int) -> "Exchanged":
        """The files of some tasks, (path, index), for so many batches of partitions."""
        counts = [len(index) for _, index in made]
        index = np.concatenate([np.zeros(0, INDEX), *(index for _, index in made)])
        order = np.argsort(index["batch"], kind="stable")
        places = [np.arange(count, dtype=np.uint32) for count in counts]
        return Exchanged(
            files=tuple(path for path, _ in made),
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
            with open_arrow_at(objects, self.files[self.file[entry]]) as reader:
                return reader.get_batch(int(self.place[entry]))

        with phase("read"), ThreadPoolExecutor(READS_AT_ONCE) as pool:
            batches = list(pool.map(one, entries))
        if not batches:
            return _nothing()
        table = pa.Table.from_batches(batches)
        documents = Documents.of(table.column("tokens"))
        key, number, part = (table.column(name).to_numpy() for name in ("key", "document", "part"))
        with phase("re-read"):
            prints = fingerprints(documents, key, number)
        at = 0
        for entry, found in zip(entries, batches, strict=True):
            here = prints[at : at + len(found), 1:].sum(axis=0, dtype=np.uint64)
            if here.tolist() != [int(self.index[name][entry]) for name in ("first", "second")]:
                path = self.files[self.file[entry]]
                raise CorruptionError(
                    f"{objects.uri(path)}: batch {batch} is not what was written to it; {_advice(objects, path)}"
                )
            at += len(found)
        return Spread(documents=documents, key=key, number=number, part=part, prints=prints)


def _advice(objects: Objects, path: str) -> str:
    if path.endswith(".exchange.arrow"):
        return f"remove the receipts of its stage below {objects.uri('receipts')} and run again"
    return "it is part of the last generation: restore it from a copy, or run the recipe in another root"


def _nothing() -> Spread:
    none = np.zeros(0, np.int64)
    documents = Documents.of(pa.array([], pa.large_list(pa.uint16())))
    key, prints = none.view(np.uint64), np.zeros((0, 3), np.uint64)
    return Spread(documents=documents, key=key, number=none, part=none, prints=prints)
