"""The index of a generation: what each of its token shards has for each partition, kept so that the next one need not ask.

Where a shard has documents for few partitions, as with shuffle `block` and `none`, its index is small, and stays: the sums
of all indexes say what each partition is made of, so that only shards that are new are read to find out. Documents that
are held out come from every shard. Each shard's are kept in a file of their own, for the partitions for validation are
few, and each change changes most of them.

    index.arrow      one row a shard: its unit, the index of its documents for training, that of those held out, their file
    *.held.arrow     the documents of a shard that are held out, one record batch a partition
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.stages.exchange.files import INDEX
from pairloom.pipeline.store.files import StoredFile, attempt_path, check_stored, read_batches, write_arrow
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt
from pairloom.pipeline.store.remedy import remedy

__all__ = ["ShardIndex", "earlier_indexes", "index_of", "write_index"]

SCHEMA = pa.schema(
    [
        pa.field("unit", pa.string(), nullable=False),
        pa.field("train", pa.large_binary(), nullable=False),
        pa.field("held", pa.large_binary(), nullable=False),
        pa.field("held_path", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShardIndex:
    """What a shard has: for training and held out, INDEX[partitions] each; `held_file` has the latter's documents.

    `unit` is that of the task that exchanges the whole shard: everything that decides its index.
    """

    unit: str
    train: npt.NDArray[np.void]
    held: npt.NDArray[np.void]
    held_file: StoredFile | None

    @property
    def rows(self) -> int:
        """Documents of the shard."""
        return int(self.train["rows"].sum() + self.held["rows"].sum())

    @property
    def tokens(self) -> int:
        """Tokens of the shard."""
        return int(self.train["tokens"].sum() + self.held["tokens"].sum())


def index_of(receipt: Receipt) -> ShardIndex:
    """The index of a shard that has been exchanged, in two parts."""
    entries = np.frombuffer(receipt.payload, INDEX)
    edge = len(entries) - receipt.facts["held"]
    held = [file for file in receipt.files if file.role == "held"]
    return ShardIndex(
        unit=receipt.unit,
        train=entries[:edge],
        held=entries[edge:],
        held_file=held[0] if held else None,
    )


def write_index(objects: Objects, unit: str, indexes: Sequence[ShardIndex]) -> StoredFile:
    """Write the index of a generation, whose shards these are, in their order."""
    columns = [
        pa.array([index.unit for index in indexes], pa.string()),
        pa.array([index.train.tobytes() for index in indexes], pa.large_binary()),
        pa.array([index.held.tobytes() for index in indexes], pa.large_binary()),
        pa.array([index.held_file and index.held_file.path for index in indexes], pa.string()),
    ]
    with write_arrow(objects, attempt_path("index", unit, "index.arrow"), SCHEMA, role="index") as writer:
        writer.write(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    assert writer.stored is not None
    return writer.stored


def earlier_indexes(objects: Objects, packed: StageRecord | None) -> Mapping[str, ShardIndex]:
    """The indexes of a generation's shards, by unit; none where it has not kept any.

    Raises CorruptionError where their file is not what was written.
    """
    if packed is None or packed.index is None:
        return {}
    try:
        check_stored(objects, packed.index)
    except FileNotFoundError as error:
        raise CorruptionError(
            f"{objects.uri(packed.index.path)} is committed but missing: {remedy(objects)}"
        ) from error
    held = {file.path: file for file in packed.held}
    found = {}
    for batch in read_batches(objects, packed.index):
        for unit, train, apart, path in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            found[unit] = ShardIndex(
                unit=unit,
                train=np.frombuffer(train, INDEX),
                held=np.frombuffer(apart, INDEX),
                held_file=None if path is None else held[path],
            )
    return found
