"""The documents of a split, whole.

Those are exported that the recipe takes: duplicates not, and those of a mixture as often as it takes them.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.schema import (
    ID,
    INPUT_IDS,
    SOURCE,
    SOURCE_COLUMN,
    SOURCES,
    columns_of,
    export_schema,
    ids_dtype,
)
from pairloom.pipeline.audit.expected import Taken, shards
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.source import Batch, StoredSource
from pairloom.pipeline.flow.events import Event
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import open_arrow

__all__ = ["Documents"]


class Documents(StoredSource):
    """The documents of a split, whole, in the order of the corpus.

    A document is in the split that packing would put it in, and its copies follow each other. One without tokens is left
    out, and counted.
    """

    unit = "documents"

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        observe: Callable[[Event], None] = lambda _: None,
        without: Sequence[str] = (),
    ) -> None:
        super().__init__(dataset, split, observe, without)
        self._record = self.dataset.manifest.stage("tokenize")
        self._taken = Taken(dataset)
        if self.split == "validation" and not self._taken.choice.validation:
            raise RecipeError("the recipe holds no documents out (pack.validation is 0)")
        with open_arrow(self.dataset.objects, self._record.files[0]) as reader:
            stored = [column for column in columns_of(reader.schema) if column.name != INPUT_IDS]
            dtype = ids_dtype(reader.schema)
        facts = {SOURCES: list(self._taken.recipe.sources)}
        columns = [SOURCE_COLUMN, *stored, *self._taken.carried.columns]
        self.schema = self._without(export_schema(dtype, columns, facts))

    @property
    def files(self) -> int:
        """How many token shards are read."""
        return len(self._record.files)

    def parts(self) -> Iterator[Iterator[Batch]]:
        """The documents of each token shard."""
        self._start(list(self._record.files))
        for shard in shards(self.dataset):
            yield self._read(shard)
        self._finished()

    def _read(self, shard: PlacedShard) -> Iterator[Batch]:
        rows = total = 0
        duplicates = self._taken.duplicates(shard)
        with open_arrow(self.dataset.objects, shard.stored) as reader:
            for i in range(reader.num_record_batches):
                stored = reader.get_batch(i)
                rows, total = rows + len(stored), total + int(_lengths(stored.column(INPUT_IDS)).sum())
                batch = self._chosen(shard, stored, duplicates)
                self._check_ids(shard.stored, batch.tokens)
                if len(batch):
                    yield batch
                self._part(shard.stored, rows)
        self._done(shard.stored, rows, total)

    def _chosen(self, shard: PlacedShard, stored: pa.RecordBatch, duplicates: npt.NDArray[np.int64]) -> Batch:
        lengths = _lengths(stored.column(INPUT_IDS))
        source = np.full(len(stored), self._taken.recipe.source_number(shard.source), np.uint16)
        made = {ID: shard.documents(stored)[0], SOURCE: pa.array(source)}
        made |= {name: pa.array(values) for name, values in self._taken.carried.of(stored).items()}
        columns = [made[name] if name in made else stored.column(name) for name in self.schema.names]
        table = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        held_out, _, copies = self._taken.splits(shard, stored, duplicates)
        copies = np.where(held_out if self.split == "validation" else ~held_out, copies, 0)
        self.counts.read_documents += len(lengths)
        self.counts.read_tokens += int(lengths.sum())
        self.counts.empty_documents += int(copies[lengths == 0].sum())
        copies[lengths == 0] = 0
        if not (copies == 1).all():
            chosen = np.repeat(np.arange(len(copies)), copies)
            table, lengths = table.take(pa.array(chosen)), lengths[chosen]
        self.counts.items += len(lengths)
        self.counts.tokens += int(lengths.sum())
        tokens = table.column(INPUT_IDS).flatten().to_numpy()
        return Batch(table=table, tokens=tokens, lengths=lengths, used=lengths)

    def check(self) -> None:
        """Raise CorruptionError unless all documents and tokens have passed, this split's and the other's together.

        Where rows were packed of the same documents, this split's are compared with theirs, too.
        """
        counts, ledger = self.counts, self._record.ledger
        if (counts.read_documents, counts.read_tokens) != (ledger.documents_out, ledger.tokens):
            raise CorruptionError(
                f"{counts.read_documents} documents with {counts.read_tokens} tokens were read, the manifest says "
                f"{ledger.documents_out} with {ledger.tokens}"
            )
        if not counts.items:
            raise RecipeError(f"there is no document in {self.split!r}")
        packed = self.dataset.manifest.stages.get("pack")
        if packed is None or any(packed.facts[name] for name in ("dropped_tokens", "truncated_tokens")):
            return
        # Documents are exported as they were before steps.
        facts = packed.splits.get(self.split, {})
        tokens = facts.get("removed_tokens", 0) - facts.get("added_tokens", 0)
        tokens += sum(file.facts["tokens"] for file in packed.files if file.role == self.split)
        if packed.facts["repeated_tokens"] == 0 and tokens != counts.tokens:
            raise CorruptionError(
                f"the documents of {self.split!r} have {counts.tokens} tokens, its packed rows {tokens}"
            )


def _lengths(lists: pa.LargeListArray) -> npt.NDArray[np.int64]:
    lengths: npt.NDArray[np.int64] = np.diff(lists.offsets.to_numpy()).astype(np.int64)
    return lengths
