"""Some rows of an Arrow file, for as many bytes as they take: record batches by ranged reads, where the footer says."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.store.files import StoredFile, decoded, open_arrow, parts_of
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.remedy import remedy
from pairloom.pipeline.store.sums import Parts

__all__ = ["RowFile", "open_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """Random access to the rows of an Arrow file. It holds no handle and no data, only where what is.

    A record batch is compared with its sum of `parts` when it is read for the first time; then it is `known`, bool[batches].
    """

    objects: Objects
    stored: StoredFile
    schema: pa.Schema
    blocks: npt.NDArray[np.void]
    starts: npt.NDArray[np.int64]  # the first row of each record batch, and the number of rows in all
    parts: Parts | None
    known: npt.NDArray[np.bool_]

    def read(self, start: int, stop: int) -> pa.RecordBatch:
        """The rows from `start` to `stop`: mapped where the store can, else the bytes of their record batches, fetched.

        Raises CorruptionError when the file is not there or is not what it was.
        """
        first = int(np.searchsorted(self.starts, start, side="right")) - 1
        last = int(np.searchsorted(self.starts, stop, side="left"))
        parts = []
        try:
            with self.objects.open(self.stored.path) as file:
                for i in range(first, last):
                    batch = self._read_batch(file, i)
                    at = int(self.starts[i])
                    parts.append(
                        batch.slice(max(0, start - at), min(stop - at, len(batch)) - max(0, start - at))
                    )
        except FileNotFoundError as error:
            raise CorruptionError(
                f"{self.objects.uri(self.stored.path)} is missing: {remedy(self.objects)}"
            ) from error
        if len(parts) == 1:
            return parts[0]
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]

    def _read_batch(self, file: pa.NativeFile, number: int) -> pa.RecordBatch:
        offset, header, _, body = self.blocks[number].tolist()
        rows = int(self.starts[number + 1] - self.starts[number])
        start, stop = offset, offset + header + body
        if self.parts is not None and not self.known[number]:
            start, stop = self.parts.bounds(number)
        file.seek(start)
        data = file.read_buffer(stop - start)
        if self.parts is not None and not self.known[number]:
            if not self.parts.holds(number, data):
                raise CorruptionError(
                    f"{self._place(number)} (bytes {start} to {stop}) is not what was written: it does not have its sum; "
                    f"{remedy(self.objects)}"
                )
            self.known[number] = True
        batch = decoded(data.slice(offset - start), self.schema, self._place(number))
        if batch.num_rows != rows:
            raise CorruptionError(f"{self._place(number)} has {batch.num_rows} rows, expected {rows}")
        return batch

    def _place(self, number: int) -> str:
        return f"record batch {number} of {self.objects.uri(self.stored.path)}"


def open_rows(objects: Objects, stored: StoredFile, *, compare: bool = True) -> RowFile:
    """Read a file's footer, and the headers of its record batches where there are several.

    Raises CorruptionError when the file is not there or not whole, or, where it is to `compare`, is not what was written.
    """
    with open_arrow(objects, stored, compare=compare) as reader:
        blocks = reader.blocks
        lengths = [stored.rows] if len(blocks) == 1 else reader.lengths()
    starts = np.cumsum([0, *lengths], dtype=np.int64)
    if starts[-1] != stored.rows:
        raise CorruptionError(f"{objects.uri(stored.path)} has {starts[-1]} rows, expected {stored.rows}")
    return RowFile(
        objects=objects,
        stored=stored,
        schema=reader.schema,
        blocks=blocks,
        starts=starts,
        parts=parts_of(objects, stored) if compare else None,
        known=np.zeros(len(blocks), np.bool_),
    )
