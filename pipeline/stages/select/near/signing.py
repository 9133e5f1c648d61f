"""sign: a key for each band of every document of a token shard, and what is to be known of it to keep or drop it.

Nothing in it depends on where in the corpus the shard stands: one that has not changed is not signed again.

    keys       a record batch for each band and range of keys: key, record (counted from the first of the shard);
               where pairs are compared, all runs together are one more band
    signed     a row a document: record, tokens, validation, rank (of those that hang together the lowest is kept)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode import Tokenizer
from pairloom.operators.encode.decode import flat_lists
from pairloom.operators.errors import CapacityError
from pairloom.operators.near import Hashes, Shingles, token_shingles, word_shingles
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.selection.order import in_validation
from pairloom.operators.selection.ranking import value_keys
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import phase
from pairloom.pipeline.recipe.near import Near
from pairloom.pipeline.stages.select.near.cost import sign_memory
from pairloom.pipeline.stages.select.survey import split_counts
from pairloom.pipeline.stages.tokenize.carried import Carried
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import open_arrow

__all__ = ["KEYS", "SIGNED", "SignTask", "shingled"]

KEYS = pa.schema(
    [pa.field("key", pa.uint64(), nullable=False), pa.field("record", pa.int32(), nullable=False)]
)
SIGNED = pa.schema(
    [
        pa.field("record", pa.int32(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("validation", pa.bool_(), nullable=False),
        pa.field("rank", pa.uint64(), nullable=False),
    ]
)
MOST_RECORDS = 1 << 31


def shingled(near: Near, ids: pa.LargeListArray, tokenizer: Tokenizer) -> Shingles:
    """The shingles of documents: of their tokens, or of the text that these stand for, without special tokens."""
    values, offsets = flat_lists(ids)
    special = np.zeros(len(tokenizer.vocabulary), np.bool_)
    special[list(tokenizer.vocabulary.reserved_ids)] = True
    kept = ~special[values]
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    values, offsets = values[kept], before[offsets]
    if near.of == "tokens":
        return token_shingles(values, offsets, near.ngram)
    with phase("decode"):
        spelled = tokenizer.tables.decode(values, offsets)
        try:
            texts = spelled.cast(pa.large_string())
        except pa.ArrowInvalid:  # given tokens may be cut within a character
            texts = pa.array(
                [one.decode("utf-8", "replace") for one in spelled.to_pylist()], pa.large_string()
            )
    return word_shingles(texts, near.ngram)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignTask(UnitTask):
    """Sign the documents of one shard; the tasks share the tokenizer and the columns of documents."""

    shard: PlacedShard
    share: float  # of documents that are held out
    near: Near
    vocabulary: str
    splits: int  # ranges of the keys of a band
    null: int | None = None  # what stands for a missing value of the column that decides which is kept
    step = "select"

    def identity(self) -> object:
        """The shard's bytes, where its records begin, and how documents are compared; not its place in the corpus."""
        near = self.near.model_dump(exclude={"verify"}) | {"keys": self.near.keys}
        return self.shard.identity(placed=False) | {
            "records": [count for _, count in self.shard.receipt.slices],
            "share": self.share,
            "near": near,
            "vocabulary": self.vocabulary,
            "splits": self.splits,
        }

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.shard.slices[0].uri

    def need(self) -> int:
        """A batch of tokens and its shingles, and all keys twice."""
        return sign_memory(self.shard.stored.bytes, self.shard.stored.rows, self.near.keys)

    def work(self, attempt: Attempt, shared: tuple[Tokenizer, Carried]) -> None:
        """Read, sign, write."""
        tokenizer, carried = shared
        if self.shard.end_record - self.shard.first_record >= MOST_RECORDS:
            raise CapacityError(
                f"{self.label}: a unit of 2^31 records or more cannot be signed: make execution.unit_bytes smaller"
            )
        hashes = Hashes(bands=self.near.bands, rows=self.near.rows, seed=self.near.seed)
        keys = [np.zeros((0, self.near.keys), np.uint64)]
        found: list[list[npt.NDArray[np.generic]]] = [[] for _ in SIGNED]
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            for number in range(reader.num_record_batches):
                note(number, reader.num_record_batches)
                batch = reader.get_batch(number)
                shingles = shingled(self.near, batch.column(INPUT_IDS), tokenizer)
                with phase("sign"):
                    keys.append(hashes.keys(shingles, whole=self.near.verify is not None))
                for column, values in zip(found, self._facts(batch, carried), strict=True):
                    column.append(values)
        columns = [
            np.concatenate([np.zeros(0, field.type.to_pandas_dtype()), *parts])
            for field, parts in zip(SIGNED, found, strict=True)
        ]
        record, tokens, held_out, _ = columns
        with attempt.arrow("signed", SIGNED) as writer:
            writer.write(pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=SIGNED))
        self._write(attempt, np.concatenate(keys), record)
        attempt.facts = split_counts(tokens, held_out)

    def _facts(self, batch: pa.RecordBatch, carried: Carried) -> list[npt.NDArray[np.generic]]:
        ids, ordinal = self.shard.documents(batch)
        tokens = np.diff(batch.column(INPUT_IDS).offsets.to_numpy()).astype(np.int64)
        if self.near.by is not None:
            rank = value_keys(carried.of(batch)[self.near.by], self.null, descending=True)
        elif self.near.keep == "longest":
            rank = value_keys(tokens, None, descending=True)
        else:
            rank = np.zeros(len(tokens), np.uint64)
        held_out = in_validation(self.shard.choosing(batch, ids), self.share)
        return [(ordinal - self.shard.first_record).astype(np.int32), tokens, held_out, rank]

    def _write(self, attempt: Attempt, keys: npt.NDArray[np.uint64], record: npt.NDArray[np.int32]) -> None:
        with attempt.arrow("keys", KEYS) as writer:
            for band in range(self.near.keys):
                mine = keys[:, band]
                order = np.argsort(mine, kind="stable")
                ranked = mine[order]
                width = (1 << 64) // self.splits
                inner = np.array([split * width for split in range(1, self.splits)], np.uint64)
                edges = [0, *np.searchsorted(ranked, inner).tolist(), len(ranked)]
                whole = pa.RecordBatch.from_arrays([pa.array(ranked), pa.array(record[order])], schema=KEYS)
                for a, b in zip(edges[:-1], edges[1:], strict=True):
                    writer.write(whole.slice(a, b - a))
