"""Verifying a root: that what is committed is whole, agrees with itself, and is what the sources say.

    manifest, checksums         every committed file has the bytes that it must have
    ledgers                     every unit balances and agrees with the stage before it
    vocabulary                  its golden documents encode as when it was made; every id is in it
    rows                        segments fit, padding is padding
    tokens                      the rows hold every token of every document exactly once, or it is counted as left out
    round trip (`roundtrip`)    the rows of sampled units decode to the text of their sources, byte for byte

Memory is bounded by a record batch here and by a unit in the round trip. The first thing that is wrong raises
CorruptionError with the file, and the row where there is one.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError
from pairloom.operators.order import document_ids, document_numbers
from pairloom.operators.tally import tally_tokens
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.agreement import check_tokenized
from pairloom.pipeline.store.dataset import Dataset
from pairloom.pipeline.store.files import StoredFile, check_stored, read_batches
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Ledger, Receipt, find_receipt

__all__ = ["Proof", "Shard", "flat", "kept_lengths", "segments", "shards", "verify"]

BUCKETS = 1 << 12  # of the tally: a difference is looked for among a 4096th of the documents


@dataclass(slots=True, kw_only=True)
class Proof:
    """What was proved: how many of each were found to be right."""

    generation: int
    files: int = 0
    bytes: int = 0
    units: int = 0
    documents: int = 0
    tokens: int = 0
    rows: int = 0
    left_out_tokens: int = 0
    source_units: int = 0
    source_documents: int = 0
    source_bytes: int = 0
    row_documents: int = 0
    row_bytes: int = 0

    def facts(self) -> dict[str, Any]:
        """The numbers, for JSON."""
        return asdict(self)


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


def verify(dataset: Dataset, say: Callable[[str], None] = lambda _: None) -> Proof:
    """Prove everything that does not need the sources; `say` is told what is being looked at."""
    proof = Proof(generation=dataset.manifest.generation)
    say("checksums")
    _check_files(dataset, proof)
    say("ledgers")
    _check_ledgers(dataset, proof)
    stages = dataset.manifest.stages
    if dataset.manifest.vocabulary is not None:
        say("vocabulary")
        vocabulary = dataset.vocabulary()  # its golden documents are encoded again
        if vocabulary.fingerprint != dataset.manifest.fingerprint:
            raise CorruptionError(
                f"{dataset.objects.uri(dataset.manifest.vocabulary.path)} has the fingerprint {vocabulary.fingerprint}, the "
                f"manifest says {dataset.manifest.fingerprint}"
            )
        if "pack" in stages and "tokenize" in stages:
            say("rows")
            _check_tokens(dataset, vocabulary, proof)
    return proof


def shards(dataset: Dataset) -> Iterator[Shard]:
    """The token shards of a dataset, in the order of the corpus."""
    record = dataset.manifest.stage("tokenize")
    rows: dict[str, int] = {}
    for unit, stored in zip(record.units, record.files, strict=True):
        receipt = _receipt(dataset, "tokenize", unit)
        uris, first = [], []
        for uri, count in receipt.slices:
            uris.append(uri)
            first.append(rows.get(uri, 0))
            rows[uri] = first[-1] + count
        yield Shard(receipt=receipt, stored=stored, uris=tuple(uris), first_rows=tuple(first))


def segments(batch: pa.RecordBatch) -> tuple[npt.NDArray[Any], ...]:
    """Of a batch of packed rows: row, start among the batch's tokens, length, document and offset of each segment."""
    lists = batch.column("segment_lengths")
    counts = lists.value_lengths().to_numpy()
    length = lists.flatten().to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(batch)), counts)
    ends = np.cumsum(length)
    begins = np.concatenate([np.zeros(1, np.int64), ends])[
        np.cumsum(counts) - counts
    ]  # tokens before each row
    start = row * batch.column("input_ids").type.list_size + (ends - length) - begins[row]
    return (
        row,
        start,
        length,
        batch.column("document").flatten().to_numpy(),
        batch.column("offset").flatten().to_numpy(),
    )


def _receipt(dataset: Dataset, stage: str, unit: str) -> Receipt:
    receipt = find_receipt(dataset.objects, stage, unit)
    if receipt is None:
        raise CorruptionError(
            f"the receipt of {stage} {unit} is committed but missing below {dataset.objects.root}"
        )
    return receipt


def _check_files(dataset: Dataset, proof: Proof) -> None:
    manifest = dataset.manifest
    given = () if manifest.vocabulary is None else (manifest.vocabulary,)
    stored = {
        file.path: file for record in manifest.stages.values() for file in (*record.files, *record.rejected)
    }
    for file in (stored | {file.path: file for file in given}).values():
        try:
            check_stored(dataset.objects, file)
        except FileNotFoundError as error:
            raise CorruptionError(f"{dataset.objects.uri(file.path)} is missing") from error
        proof.files += 1
        proof.bytes += file.bytes


def _check_ledgers(dataset: Dataset, proof: Proof) -> None:
    stages = dataset.manifest.stages
    for stage, record in stages.items():
        receipts = [_receipt(dataset, stage, unit) for unit in record.units]
        for receipt in receipts:
            receipt.ledger.check(f"{stage} unit {receipt.unit}")
        if Ledger.sum(receipt.ledger for receipt in receipts) != record.ledger:
            raise CorruptionError(
                f"the ledgers of {len(receipts)} units of {stage} do not add up to that of the stage"
            )
        proof.units += len(receipts)
        if stage != "count":  # whose files are merged ones
            made = {file.sha256 for receipt in receipts for file in receipt.files}
            for file in (*record.files, *record.rejected):
                if file.sha256 not in made:
                    raise CorruptionError(
                        f"{dataset.objects.uri(file.path)} is in the manifest but in no receipt of {stage}"
                    )
        if stage == "tokenize":
            check_tokenized(dataset.objects, receipts, stages.get("count"))
            proof.documents = record.ledger.documents_out
            proof.tokens = record.ledger.tokens


def _check_tokens(dataset: Dataset, vocabulary: Vocabulary, proof: Proof) -> None:
    """The tally of the rows is that of the shards, less what the recipe leaves out."""
    record, choice = dataset.manifest.stage("pack"), Recipe.model_validate(dataset.manifest.recipe).pack
    seq_len, left_out = record.facts["seq_len"], 0
    expected, found = np.zeros(BUCKETS, np.uint64), np.zeros(BUCKETS, np.uint64)
    for shard in shards(dataset):
        for batch in read_batches(dataset.objects, shard.stored):
            values, starts, lengths = flat(batch.column("input_ids"))
            _check_ids(dataset, shard.stored, values, len(vocabulary))
            kept = kept_lengths(lengths, seq_len, choice.overflow)
            left_out += int((lengths - kept).sum())
            tally_tokens(
                expected, values, starts, kept, shard.numbers(batch), np.zeros(len(lengths), np.int64)
            )
    for stored in record.files:
        first = 0
        for batch in read_batches(dataset.objects, stored):
            values = batch.column("input_ids").flatten().to_numpy()
            _check_ids(dataset, stored, values, len(vocabulary))
            _check_rows(dataset, stored, batch, first)
            _, start, length, document, offset = segments(batch)
            tally_tokens(found, values, start, length, document, offset)
            first += batch.num_rows
        if first != stored.rows:
            raise CorruptionError(
                f"{dataset.objects.uri(stored.path)} has {first} rows, the manifest says {stored.rows}"
            )
        proof.rows += first
    if left_out != record.facts["truncated_tokens"] + record.facts["dropped_tokens"]:
        raise CorruptionError(
            f"overflow {choice.overflow!r} leaves out {left_out} tokens, but {record.facts['truncated_tokens']} were counted as "
            f"truncated and {record.facts['dropped_tokens']} as dropped"
        )
    proof.left_out_tokens = left_out
    if not np.array_equal(expected, found):
        _name_difference(dataset, record, np.flatnonzero(expected != found), choice.overflow)


def flat(lists: pa.LargeListArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The values of a column of lists, and where each list starts in them and how long it is."""
    offsets = lists.offsets.to_numpy()
    return lists.values.to_numpy(), offsets[:-1], np.diff(offsets)


def kept_lengths(lengths: npt.NDArray[np.int64], seq_len: int, overflow: str) -> npt.NDArray[np.int64]:
    """How many tokens of each document the rows must hold."""
    if overflow == "truncate":
        return np.minimum(lengths, seq_len)
    return np.where(lengths > seq_len, 0, lengths) if overflow == "drop" else lengths


def _check_ids(dataset: Dataset, stored: StoredFile, values: npt.NDArray[Any], size: int) -> None:
    if len(values) and int(values.max()) >= size:
        raise CorruptionError(
            f"{dataset.objects.uri(stored.path)} holds id {values.max()}, the vocabulary has {size} tokens"
        )


def _check_rows(dataset: Dataset, stored: StoredFile, batch: pa.RecordBatch, first: int) -> None:
    """Segments are as many as their documents and offsets, not empty, and fit; what they leave is padding."""
    facts = json.loads(batch.schema.metadata[b"pairloom"])
    seq_len = batch.column("input_ids").type.list_size
    counts = [batch.column(n).value_lengths().to_numpy() for n in ("segment_lengths", "document", "offset")]
    wrong = (counts[0] != counts[1]) | (counts[0] != counts[2]) | (counts[0] < 1)
    if not wrong.any():
        row, _, length, _, offset = segments(batch)
        used = np.bincount(row, length, len(batch)).astype(np.int64)
        wrong = used > seq_len
        wrong[row[(length < 1) | (offset < 0)]] = True
        ids = batch.column("input_ids").flatten().to_numpy().reshape(-1, seq_len)
        padding = np.arange(seq_len) >= used[:, None]
        wrong |= (padding & (ids != facts["pad_id"])).any(axis=1)
    if wrong.any():
        at = first + int(np.flatnonzero(wrong)[0])
        raise CorruptionError(
            f"{dataset.objects.uri(stored.path)}, row {at}: its segments are not positive, do not fit {seq_len} tokens, do "
            f"not match their documents and offsets, or leave something else than padding (id {facts['pad_id']})"
        )


def _name_difference(
    dataset: Dataset, record: StageRecord, buckets: npt.NDArray[np.int64], overflow: str
) -> None:
    """Find the first row with a document whose tokens are not those of its shard, or the first document in no row."""
    tallies: dict[int, list[npt.NDArray[np.uint64]]] = {}

    def add(side: int, values: npt.NDArray[Any], *columns: npt.NDArray[np.int64]) -> None:
        starts, lengths, documents, offsets = columns
        for i in np.flatnonzero(np.isin(documents & (BUCKETS - 1), buckets)):
            one = tallies.setdefault(int(documents[i]), [np.zeros(1, np.uint64), np.zeros(1, np.uint64)])
            cut = slice(i, i + 1)
            tally_tokens(one[side], values, starts[cut], lengths[cut], documents[cut], offsets[cut])

    for shard in shards(dataset):
        for batch in read_batches(dataset.objects, shard.stored):
            values, starts, lengths = flat(batch.column("input_ids"))
            kept = kept_lengths(lengths, record.facts["seq_len"], overflow)
            add(0, values, starts, kept, shard.numbers(batch), np.zeros(len(lengths), np.int64))
    for stored in record.files:
        for batch in read_batches(dataset.objects, stored):
            add(1, batch.column("input_ids").flatten().to_numpy(), *segments(batch)[1:])
    wrong = np.array([number for number, (a, b) in tallies.items() if a[0] != b[0]], np.int64)
    for stored in record.files:
        first = 0
        for batch in read_batches(dataset.objects, stored):
            row, _, _, document, _ = segments(batch)
            if len(hits := np.flatnonzero(np.isin(document, wrong))):
                raise CorruptionError(
                    f"{dataset.objects.uri(stored.path)}, row {first + int(row[hits[0]])}: the tokens of document "
                    f"{document[hits[0]]} are not exactly those of its token shard ({len(wrong)} such documents in all)"
                )
            first += batch.num_rows
    raise CorruptionError(
        f"document {wrong[0]} is in a token shard but in no row ({len(wrong)} such documents in all)"
    )
