"""survey: what a token shard has for training and validation, and the digests of its documents where they are asked for.

A file of digests has one record batch a partition, as the exchange of tokens has, with 33 bytes a document: 16 of digest,
8 each for its place in the corpus and its tokens, 1 for its split.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.selection.duplicates import digest_parts, digests
from pairloom.operators.selection.order import in_validation
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.notes import note
from pairloom.pipeline.stages.select.cost import survey_memory
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import open_arrow
from pairloom.pipeline.store.receipts import Ledger

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
class SurveyTask(UnitTask):
    """Survey one shard. With `parts`, its digests are written in so many partitions; with 0, no document is hashed.

    Then there is nothing more to `select`, and it is a unit of that stage; otherwise of the step `survey` before it.
    """

    shard: PlacedShard
    share: float
    parts: int

    @property
    def step(self) -> str:
        """The step before `select`, or `select` itself."""
        return "survey" if self.parts else "select"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        # Digests name documents by their place in the corpus; without them no place is asked for.
        shard = self.shard.identity(placed=self.parts > 0)
        return shard | {"share": self.share, "parts": self.parts}

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.shard.slices[0].uri

    def need(self) -> int:
        """A batch of tokens, and the digests twice."""
        return survey_memory(self.shard.stored.bytes, self.shard.stored.rows if self.parts else 0)

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Measure every document, hash it if asked, partition, write."""
        ordinals, lengths, splits, hashed = [], [], [], []
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            for i in range(reader.num_record_batches):
                note(i, reader.num_record_batches)
                batch = reader.get_batch(i)
                ids, ordinal = self.shard.documents(batch)
                tokens = batch.column(INPUT_IDS)
                ordinals.append(ordinal)
                lengths.append(np.diff(tokens.offsets.to_numpy()))
                splits.append(in_validation(self.shard.choosing(batch, ids), self.share))
                if self.parts:
                    hashed.append(digests(tokens))
        length = np.concatenate([np.zeros(0, np.int64), *lengths])
        held_out = np.concatenate([np.zeros(0, np.bool_), *splits])
        if self.parts:
            digest = np.concatenate([np.zeros((0, 2), np.uint64), *hashed])
            ordinal = np.concatenate([np.zeros(0, np.int64), *ordinals])
            self._write(attempt, digest, ordinal, length, held_out)
        attempt.ledger = Ledger(documents_in=len(length), documents_out=len(length), tokens=int(length.sum()))
        attempt.facts = split_counts(length, held_out)

    def _write(
        self,
        attempt: Attempt,
        digest: npt.NDArray[np.uint64],
        ordinal: npt.NDArray[np.int64],
        length: npt.NDArray[np.int64],
        held_out: npt.NDArray[np.bool_],
    ) -> None:
        part = digest_parts(digest, self.parts)
        order = np.argsort(part, kind="stable")
        edges = np.searchsorted(part[order], np.arange(self.parts + 1))
        columns = (digest[:, 0], digest[:, 1], ordinal, length, held_out)
        whole = pa.RecordBatch.from_arrays([pa.array(column[order]) for column in columns], schema=DIGESTS)
        with attempt.arrow("digests", DIGESTS) as writer:
            for p in range(self.parts):
                writer.write(whole.slice(edges[p], edges[p + 1] - edges[p]))
