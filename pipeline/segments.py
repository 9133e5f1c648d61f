"""What is committed, as segments of tokens: of the documents in token shards, and of the documents in packed rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.order import document_ids, document_numbers
from pairloom.operators.pack import kept_lengths
from pairloom.pipeline.recipe import Pack
from pairloom.pipeline.store.dataset import Dataset
from pairloom.pipeline.store.files import StoredFile, read_batches
from pairloom.pipeline.store.receipts import Receipt, find_receipt

__all__ = [
    "Segments",
    "Shard",
    "flat",
    "receipt_of",
    "segments",
    "shard_segments",
    "shards",
    "without_repeats",
]


class Segments(NamedTuple):
    """Segments, all int64: where each starts among the tokens, how many it has, of which document, from which of its tokens."""

    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The tokens of one unit. The records of slice `i` are those of `uris[i]` from `first_rows[i]` on."""

    receipt: Receipt
    stored: StoredFile
    uris: tuple[str, ...]
    first_rows: tuple[int, ...]

    def numbers(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """The document numbers of a record batch of the shard."""
        place = batch.column("slice")
        rows = np.array(self.first_rows, np.int64)[place.to_numpy()] + batch.column("row").to_numpy()
        uris = pa.array(self.uris, pa.large_string()).take(place)
        return document_numbers(document_ids(batch.column("id"), uris, rows))


def shards(dataset: Dataset) -> Iterator[Shard]:
    """The token shards of a dataset, in the order of the corpus."""
    record = dataset.manifest.stage("tokenize")
    rows: dict[str, int] = {}
    for unit, stored in zip(record.units, record.files, strict=True):
        receipt = receipt_of(dataset, "tokenize", unit)
        uris, first = [], []
        for uri, count in receipt.slices:
            uris.append(uri)
            first.append(rows.get(uri, 0))
            rows[uri] = first[-1] + count
        yield Shard(receipt=receipt, stored=stored, uris=tuple(uris), first_rows=tuple(first))


def receipt_of(dataset: Dataset, stage: str, unit: str) -> Receipt:
    """The receipt of a committed unit; raises CorruptionError where it is gone."""
    receipt = find_receipt(dataset.objects, stage, unit)
    if receipt is None:
        raise CorruptionError(
            f"the receipt of {stage} {unit} is committed but missing below {dataset.objects.root}"
        )
    return receipt


def segments(batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], Segments]:
    """The segments of a batch of packed rows, and the row of each."""
    lists = batch.column("segment_lengths")
    counts = lists.value_lengths().to_numpy()
    length = lists.flatten().to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(batch)), counts)
    ends = np.cumsum(length)
    before = np.concatenate([np.zeros(1, np.int64), ends])[
        np.cumsum(counts) - counts
    ]  # tokens before each row
    start = row * batch.column("input_ids").type.list_size + (ends - length) - before[row]
    document, offset = (batch.column(name).flatten().to_numpy() for name in ("document", "offset"))
    return row, Segments(start, length, document, offset)


def shard_segments(
    dataset: Dataset, choice: Pack
) -> Iterator[tuple[StoredFile, npt.NDArray[Any], Segments, int]]:
    """What the rows must hold, batch by batch of the shards: file, tokens, a segment a document, tokens left out."""
    for shard in shards(dataset):
        for batch in read_batches(dataset.objects, shard.stored):
            values, starts, lengths = flat(batch.column("input_ids"))
            kept = kept_lengths(lengths, choice.seq_len, choice.overflow)
            whole = Segments(starts, kept, shard.numbers(batch), np.zeros(len(lengths), np.int64))
            yield shard.stored, values, whole, int((lengths - kept).sum())


def without_repeats(all_of_them: Segments, singles: npt.NDArray[np.int64]) -> tuple[Segments, int]:
    """Segments without the token that each repeats (`predict_every_token`), and how many repeat one.

    A segment that goes on with a document begins with the last token of the one before. One that begins a document with a
    single token is repeated whole, unless the document has no other (`singles`).
    """
    start, length, document, offset = all_of_them
    again = (offset > 0).astype(np.int64)
    whole = (offset == 0) & (length == 1) & ~np.isin(document, singles)
    keep = ~whole
    rest = Segments((start + again)[keep], (length - again)[keep], document[keep], (offset + again)[keep])
    return rest, int(again.sum() + whole.sum())


def flat(lists: pa.LargeListArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The values of a column of lists, and where each list starts in them and how long it is."""
    offsets = lists.offsets.to_numpy()
    return lists.values.to_numpy(), offsets[:-1], np.diff(offsets)
