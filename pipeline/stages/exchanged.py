"""Exchange files: documents on their way to their partitions, and the index that says what each file has for each.

An exchange file has a record batch for each partition that it has documents for. Its index, in the receipt, holds for
every partition the documents, the tokens and a 128-bit sum over (key, number, tokens) of each document. The sums of all
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
from pairloom.pipeline.phases import phase
from pairloom.pipeline.store.files import StoredFile, attempt_path, open_arrow_at, write_arrow
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Exchanged", "Spread", "write_spread"]

ROWS, TOKENS, SUMS = 0, 1, slice(2, 4)  # the columns of an index
READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Documents to be spread. `key` (uint64) orders them, `number` (int64) names them, `part` (int64) is where they go."""

    documents: Documents
    key: npt.NDArray[np.uint64]
    number: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    prints: npt.NDArray[np.uint64]  # their `fingerprints`


def write_spread(
    objects: Objects, stage: str, unit: str, spread: Spread, parts: int, width: int = 1
) -> tuple[StoredFile, bytes]:
    """Write an exchange file with a batch for `width` partitions each, and give its index.

    Documents keep their order within a batch.
    """
    batches = -(-parts // width)
    with phase("sort"):
        batch_of = spread.part // width
        order = np.argsort(batch_of, kind="stable")
        edges = np.searchsorted(batch_of[order], np.arange(batches + 1))
    schema = pa.schema(
        [
            pa.field("key", pa.uint64(), nullable=False),
            pa.field("document", pa.int64(), nullable=False),
            pa.field("part", pa.int64(), nullable=False),
            pa.field("tokens", pa.large_list(pa.from_numpy_dtype(spread.documents.dtype)), nullable=False),
        ]
    )
    index = np.zeros((batches, 4), np.uint64)
    with write_arrow(
        objects, attempt_path(stage, unit, "exchange.arrow"), schema, role="exchange", check=False
    ) as writer:
        for b in range(batches):
            here = order[edges[b] : edges[b + 1]]
            if not len(here):
                continue
            documents = spread.documents.take(here)
            with phase("gather"):
                tokens = documents.gathered().cast(schema.field("tokens").type)
            index[b, ROWS], index[b, TOKENS] = len(here), documents.tokens
            index[b, SUMS] = spread.prints[here, 1:].sum(axis=0, dtype=np.uint64)
            columns = [pa.array(spread.key[here]), pa.array(spread.number[here]), pa.array(spread.part[here])]
            columns.append(tokens)
            writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
        writer.facts.update(tokens=int(index[:, TOKENS].sum()))
    assert writer.stored is not None
    return writer.stored, index.tobytes()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exchanged:
    """Exchange files: their paths, and their indexes, uint64[files, batches, 4].

    Tasks share this: a corpus may have several 100,000 of these files, and every worker holds all their paths.
    """

    files: tuple[str, ...]
    index: npt.NDArray[np.uint64]

    @staticmethod
    def of(receipts: Sequence[Receipt], batches: int) -> "Exchanged":
        """What tasks have exchanged."""
        rows = [np.frombuffer(receipt.parts, np.uint64).reshape(batches, 4) for receipt in receipts]
        return Exchanged(
            files=tuple(receipt.file("exchange").path for receipt in receipts),
            index=np.stack(rows) if rows else np.zeros((0, batches, 4), np.uint64),
        )

    def total(self, batch: int) -> tuple[int, int, str]:
        """Documents and tokens of a batch over all files, and the sum of what they are, in hexadecimal."""
        rows, tokens, first, second = self.index[:, batch].sum(axis=0, dtype=np.uint64).tolist()
        return rows, tokens, f"{first:016x}{second:016x}"

    def read(self, objects: Objects, batch: int, start: int = 0, stop: int | None = None) -> Spread:
        """The documents of a batch, file by file from file `start` to before `stop`, where they were read.

        Raises CorruptionError for a file that does not hold what was written to it.
        """
        wanted = range(start, len(self.files) if stop is None else stop)
        having = [number for number in wanted if self.index[number, batch, ROWS]]

        def one(number: int) -> pa.RecordBatch:
            with open_arrow_at(objects, self.files[number]) as reader:
                return reader.get_batch(int(np.count_nonzero(self.index[number, :batch, ROWS])))

        with phase("read"), ThreadPoolExecutor(READS_AT_ONCE) as pool:
            batches = list(pool.map(one, having))
        if not batches:
            return _nothing()
        table = pa.Table.from_batches(batches)
        documents = Documents.of(table.column("tokens"))
        key, number, part = (table.column(name).to_numpy() for name in ("key", "document", "part"))
        with phase("re-read"):
            prints = fingerprints(documents, key, number)
        at = 0
        for file, found in zip(having, batches, strict=True):
            here = prints[at : at + len(found), 1:].sum(axis=0, dtype=np.uint64)
            if not np.array_equal(here, self.index[file, batch, SUMS]):
                raise CorruptionError(
                    f"{objects.uri(self.files[file])}: batch {batch} is not what was written to it; remove the "
                    f"receipts of its stage below {objects.uri('receipts')} and run again"
                )
            at += len(found)
        return Spread(documents=documents, key=key, number=number, part=part, prints=prints)


def _nothing() -> Spread:
    none = np.zeros(0, np.int64)
    documents = Documents.of(pa.array([], pa.large_list(pa.uint16())))
    key, prints = none.view(np.uint64), np.zeros((0, 3), np.uint64)
    return Spread(documents=documents, key=key, number=none, part=none, prints=prints)
