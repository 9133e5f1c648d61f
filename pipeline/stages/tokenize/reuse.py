"""What earlier units have tokenized: a slice that is known need not be read again, whatever unit it is in now.

Small inputs share units. When one of them changes, its unit is another one, and takes the others' record batches out of
the shards that they are in.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.schema import INPUT_IDS
from pairloom.pipeline.phases import phase
from pairloom.pipeline.store.files import StoredBatches, StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Piece, Receipt

__all__ = ["EarlierShards", "Known", "earlier_shards", "known_slices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A slice that was tokenized before: what became of it, where its record batches are, the sum of what was read of it."""

    piece: Piece
    shard: StoredFile
    first_batch: int
    read: str = ""


def known_slices(receipts: Iterable[Receipt]) -> dict[str, Known]:
    """The slices that units of tokenize have tokenized, by identity.

    Those with dead letters are left out: they are read again, so that the new unit has its own.
    """
    known: dict[str, Known] = {}
    for receipt in receipts:
        shard, first = receipt.file("tokens"), 0
        for piece, read in zip(receipt.pieces, receipt.read or ("",) * len(receipt.pieces), strict=True):
            if not piece.ledger.rejects:
                known[piece.identity] = Known(piece=piece, shard=shard, first_batch=first, read=read)
            first += piece.batches
    return known


@dataclass(slots=True, kw_only=True)
class EarlierShards:
    """Shards of earlier units, each opened once."""

    objects: Objects
    opened: ExitStack
    readers: dict[str, StoredBatches] = field(default_factory=dict)

    def batches(self, known: Known, number: int) -> Iterator[pa.RecordBatch]:
        """The record batches of a slice, which is slice `number` of the unit that takes it.

        Raises CorruptionError where they do not hold what the slice became.
        """
        path, piece = known.shard.path, known.piece
        if path not in self.readers:
            self.readers[path] = self.opened.enter_context(open_arrow(self.objects, known.shard))
        documents = tokens = 0
        for i in range(known.first_batch, known.first_batch + piece.batches):
            with phase("read"):
                batch = self.readers[path].get_batch(i)
            documents += len(batch)
            tokens += len(batch.column(INPUT_IDS).flatten())
            where = pa.array(np.full(len(batch), number, np.int32))
            yield pa.RecordBatch.from_arrays([where, *batch.columns[1:]], schema=batch.schema)
        if (documents, tokens) != (piece.ledger.documents_out, piece.ledger.tokens):
            raise CorruptionError(
                f"{self.objects.uri(path)} has {documents} documents with {tokens} tokens of a slice that became "
                f"{piece.ledger.documents_out} with {piece.ledger.tokens}: remove the root's receipts of tokenize, and run again"
            )


@contextmanager
def earlier_shards(objects: Objects) -> Iterator[EarlierShards]:
    """Shards to take slices from; they are closed with the block."""
    with ExitStack() as opened:
        yield EarlierShards(objects=objects, opened=opened)
