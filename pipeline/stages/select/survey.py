"""survey: what a token shard has for training and validation, and the digests of its documents where they are asked for.

A file of digests has one record batch a partition, as the exchange of tokens has, with 33 bytes a document: 16 of digest,
8 each for its place in the corpus and its tokens, 1 for its split.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.selection.duplicates import digest_parts, digests
from pairloom.operators.selection.order import in_validation
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import StoredFile, attempt_path, open_arrow, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Receipt, claim

__all__ = ["DIGESTS", "SurveyTask", "split_counts"]

DIGESTS = pa.schema(
    [
        pa.field("high", pa.uint64(), nullable=False),
        pa.field("low", pa.uint64(), nullable=False),
        pa.field("ordinal", pa.int64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("validation", pa.bool_(), nullable=False),
    ]
)


def split_counts(lengths: npt.NDArray[np.int64], held_out: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Documents and tokens of each split, by the names that SourceRecord has for them."""
    return {
        "train_documents": int(np.count_nonzero(~held_out)),
        "train_tokens": int(lengths[~held_out].sum()),
        "validation_documents": int(np.count_nonzero(held_out)),
        "validation_tokens": int(lengths[held_out].sum()),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyTask:
    """Survey one shard. With `parts`, its digests are written in so many partitions; with 0, no document is hashed.

    Then there is nothing more to `select`, and it is a unit of that stage; otherwise of the step `survey` before it.
    """

    root: str
    shard: PlacedShard
    share: float
    parts: int
    stage: str

    @property
    def unit(self) -> str:
        """The unit's id."""
        # Digests name documents by their place in the corpus; without them no place is asked for.
        shard = self.shard.identity(placed=self.parts > 0)
        return unit_id(self.stage, shard | {"share": self.share, "parts": self.parts})

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.shard.slices[0].uri

    @property
    def memory(self) -> int:
        """A batch of tokens, and the digests twice."""
        return 200_000_000 + self.shard.stored.bytes + 100 * self.shard.stored.rows

    def run(self, shared: Any = None) -> Receipt:
        """Measure every document, hash it if asked, partition, write."""
        objects = open_objects(self.root)
        ordinals, lengths, splits, hashed = [], [], [], []
        with open_arrow(objects, self.shard.stored) as reader:
            for i in range(reader.num_record_batches):
                batch = reader.get_batch(i)
                ids, ordinal = self.shard.documents(batch)
                tokens = batch.column("input_ids")
                ordinals.append(ordinal)
                lengths.append(np.diff(tokens.offsets.to_numpy()))
                splits.append(in_validation(ids, self.share))
                if self.parts:
                    hashed.append(digests(tokens))
        length = np.concatenate([np.zeros(0, np.int64), *lengths])
        held_out = np.concatenate([np.zeros(0, np.bool_), *splits])
        files: tuple[StoredFile, ...] = ()
        if self.parts:
            digest = np.concatenate([np.zeros((0, 2), np.uint64), *hashed])
            ordinal = np.concatenate([np.zeros(0, np.int64), *ordinals])
            files = (self._write(objects, digest, ordinal, length, held_out),)
        ledger = Ledger(documents_in=len(length), documents_out=len(length), tokens=int(length.sum()))
        facts = split_counts(length, held_out)
        return claim(
            objects, Receipt(stage=self.stage, unit=self.unit, files=files, ledger=ledger, facts=facts)
        )

    def _write(
        self,
        objects: Objects,
        digest: npt.NDArray[np.uint64],
        ordinal: npt.NDArray[np.int64],
        length: npt.NDArray[np.int64],
        held_out: npt.NDArray[np.bool_],
    ) -> StoredFile:
        part = digest_parts(digest, self.parts)
        order = np.argsort(part, kind="stable")
        edges = np.searchsorted(part[order], np.arange(self.parts + 1))
        columns = (digest[:, 0], digest[:, 1], ordinal, length, held_out)
        whole = pa.RecordBatch.from_arrays([pa.array(column[order]) for column in columns], schema=DIGESTS)
        with write_arrow(
            objects, attempt_path(self.stage, self.unit, "digests.arrow"), DIGESTS, role="digests"
        ) as writer:
            for p in range(self.parts):
                writer.write(whole.slice(edges[p], edges[p + 1] - edges[p]))
        assert writer.stored is not None
        return writer.stored
