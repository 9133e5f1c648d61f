"""Verifying a root: that what is committed is whole, agrees with itself, and is what the sources say.

    manifest, checksums         every committed file has the bytes that it must have
    ledgers                     every unit balances and agrees with the stage before it
    vocabulary                  its golden documents encode as when it was made; every id is in it
    lists                       no document is there that is on a list to leave out, or not on one to keep
    rows                        segments fit, padding is padding
    tokens                      the rows of each split hold every token of every document exactly once, or as often as the
                                mixture and its duplicates say, or it is counted as left out
    round trip (`roundtrip`)    the rows of sampled units decode to the text of their sources, byte for byte

Memory is bounded by a record batch here and by a unit in the round trip. The first thing that is wrong raises
CorruptionError with the file, and the row where there is one.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack.tally import tally_documents, tally_tokens, tally_values
from pairloom.operators.schema import (
    DOCUMENT,
    INPUT_IDS,
    OFFSET,
    SEGMENT_LENGTHS,
    SOURCE,
    Column,
    columns_of,
    document_columns,
    seq_len_of,
    token_columns,
)
from pairloom.operators.shown import Shown
from pairloom.pipeline.audit.expected import (
    Expected,
    Segments,
    Taken,
    own_segments,
    receipt_of,
    segments,
    shard_segments,
    without_repeats,
)
from pairloom.pipeline.audit.joined import check_joined
from pairloom.pipeline.audit.lists import check_lists
from pairloom.pipeline.audit.rows import plain_rows
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.flow.events import Doing, Event, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.flow.stage import check_filed
from pairloom.pipeline.stages import STAGES
from pairloom.pipeline.stages.select.mixed import TAKEN
from pairloom.pipeline.store.files import StoredFile, check_stored, open_arrow
from pairloom.pipeline.store.receipts import Ledger
from pairloom.pipeline.store.remedy import remedy

__all__ = ["STAGE", "Proof", "verify"]

STAGE = "verify"  # what its steps are steps of

BUCKETS = 1 << 12  # of the tally: a difference is looked for among a 4096th of the documents

# What earlier versions normalized by is not known: the tables of whatever Arrow was installed.
_HINT = (
    ". It normalizes, and was perhaps learned before the tables of normalization were a part of the package: rows open and load "
    "as ever, and the next run makes a generation that can be verified"
)


@dataclass(slots=True, kw_only=True, repr=False)
class Proof(Shown):
    """What was proved: how many of each were found to be right.

    Texts of sources are what their tokens are `decoded` to; else, where a vocabulary's decoding is not the text, they were encoded
    once more to the same tokens.
    """

    generation: int
    files: int = 0
    bytes: int = 0
    units: int = 0
    documents: int = 0
    tokens: int = 0
    selected: bool = False
    taken_documents: int = 0
    taken_tokens: int = 0
    rows: int = 0
    left_out_tokens: int = 0
    looked_up: int = 0
    added_tokens: int = 0
    removed_tokens: int = 0
    source_units: int = 0
    source_documents: int = 0
    source_bytes: int = 0
    decoded: bool = True
    row_documents: int = 0
    row_bytes: int = 0

    def _shown(self) -> tuple[str, dict[str, str]]:
        facts = {
            name: value
            for name, value in self.facts().items()
            if value and name not in ("generation", "selected", "decoded")
        }
        return f"Proof of generation {self.generation}", {
            name.replace("_", " "): f"{value:,}" for name, value in facts.items()
        }

    def facts(self) -> dict[str, Any]:
        """The numbers, for JSON."""
        return asdict(self)


def verify(dataset: Dataset, observe: Callable[[Event], None] = lambda _: None) -> Proof:
    """Prove everything that does not need the sources; `observe` is told how far that is."""
    proof = Proof(generation=dataset.manifest.generation)
    _check_files(dataset, proof, observe)
    observe(Doing(stage=STAGE, step="ledgers", what="adding up the units of each stage"))
    _check_ledgers(dataset, proof)
    stages = dataset.manifest.stages
    if "tokenize" in stages:
        proof.looked_up = check_lists(dataset, STAGE, observe)
    if dataset.manifest.vocabulary is not None:
        observe(Doing(stage=STAGE, step="vocabulary", what="encoding its golden documents"))
        vocabulary = dataset.vocabulary()  # its golden documents are encoded again
        if vocabulary.fingerprint != dataset.manifest.fingerprint:
            raise CorruptionError(
                f"{dataset.objects.uri(dataset.manifest.vocabulary.path)} has the fingerprint {vocabulary.fingerprint}, the "
                f"manifest says {dataset.manifest.fingerprint}{_HINT if vocabulary.normalizer != 'none' else ''}"
            )
        if "pack" in stages and "tokenize" in stages:
            observe(Doing(stage=STAGE, step="rows", what="comparing the tokens of rows and of shards"))
            taken = Taken(dataset)
            columns = _columns(dataset, taken)
            _Tokens(dataset=dataset, taken=taken, columns=columns, observe=observe).check(vocabulary, proof)
    return proof


def _check_files(dataset: Dataset, proof: Proof, observe: Callable[[Event], None]) -> None:
    manifest = dataset.manifest
    given = () if manifest.vocabulary is None else (manifest.vocabulary,)
    stored = {file.path: file for record in manifest.stages.values() for file in record.stored}
    files = list((stored | {file.path: file for file in given}).values())
    size = sum(file.bytes for file in files)
    observe(StepStarted(stage=STAGE, step="checksums", units=len(files), reused=0, bytes=size))
    for file in files:
        _check_stored(dataset, file)
        proof.files += 1
        proof.bytes += file.bytes
        observe(UnitDone(step="checksums", unit=file.path, bytes=file.bytes, ledger=Ledger()))
    observe(StepFinished(step="checksums", ledger=Ledger()))


def _check_stored(dataset: Dataset, file: StoredFile) -> None:
    how = remedy(dataset.objects, dataset.manifest.generation)
    try:
        check_stored(dataset.objects, file)
    except FileNotFoundError as error:
        raise CorruptionError(f"{dataset.objects.uri(file.path)} is missing: {how}") from error
    except CorruptionError as error:
        raise CorruptionError(f"{error}; {how}") from error


def _check_ledgers(dataset: Dataset, proof: Proof) -> None:
    stages = dataset.manifest.stages
    for stage, record in stages.items():
        receipts = [receipt_of(dataset, stage, unit) for unit in record.units]
        named = {file.path for file in record.stored}
        for receipt in receipts:
            receipt.ledger.check(f"{stage} unit {receipt.unit}")
            for file in receipt.files:
                if file.path not in named:  # which later runs build upon, though no reader needs it
                    _check_stored(dataset, file)
        if Ledger.sum(receipt.ledger for receipt in receipts) != record.ledger:
            raise CorruptionError(
                f"the ledgers of {len(receipts)} units of {stage} do not add up to that of the stage"
            )
        proof.units += len(receipts)
        if stage in STAGES.names():
            STAGES.get(stage)().check(dataset, receipts)
        else:  # of a distribution that is not installed here
            check_filed(dataset, stage, receipts)
    if "tokenize" in stages:
        proof.documents = stages["tokenize"].ledger.documents_out
        proof.tokens = stages["tokenize"].ledger.tokens


def _check_ids(dataset: Dataset, stored: StoredFile, values: npt.NDArray[Any], size: int) -> None:
    if len(values) and int(values.max()) >= size:
        raise CorruptionError(
            f"{dataset.objects.uri(stored.path)} holds id {values.max()}, the vocabulary has {size} tokens"
        )


def _check_rows(dataset: Dataset, stored: StoredFile, batch: pa.RecordBatch, first: int) -> None:
    """Segments are as many as their documents and offsets, not empty, and fit; what they leave is padding."""
    seq_len, columns = seq_len_of(batch.schema), columns_of(batch.schema)
    lists = [SEGMENT_LENGTHS, DOCUMENT, OFFSET, *(column.name for column in document_columns(columns))]
    counts = [batch.column(name).value_lengths().to_numpy() for name in lists]
    wrong = np.logical_or.reduce([counts[0] != count for count in counts]) | (counts[0] < 1)
    if not wrong.any():
        row, (_, length, _, offset, _) = segments(batch)
        used = np.bincount(row, length, len(batch)).astype(np.int64)
        wrong = used > seq_len
        wrong[row[(length < 1) | (offset < 0)]] = True
        padding = np.arange(seq_len) >= used[:, None]
        for column in token_columns(columns):
            values = batch.column(column.name).flatten().to_numpy().reshape(-1, seq_len)
            wrong |= (padding & (values != column.dtype.type(column.pad))).any(axis=1)
    if wrong.any():
        said = ", ".join(f"{column.name} {column.pad}" for column in token_columns(columns))
        at = first + int(np.flatnonzero(wrong)[0])
        raise CorruptionError(
            f"{dataset.objects.uri(stored.path)}, row {at}: its segments are not positive, do not fit {seq_len} tokens, do "
            f"not match their {', '.join(lists[1:])}, or leave something else than padding ({said})"
        )


@dataclass(slots=True, kw_only=True)
class _Tokens:
    """The tally of the rows against that of the shards, less what the recipe leaves out or repeats."""

    dataset: Dataset
    taken: Taken
    columns: tuple[Column, ...]  # what rows hold of documents
    observe: Callable[[Event], None]
    singles: list[npt.NDArray[np.int64]] = field(default_factory=lambda: [np.zeros(0, np.int64)])

    def check(self, vocabulary: Vocabulary, proof: Proof) -> None:
        """Raise CorruptionError unless every token is in the rows of its split exactly as often as it must be."""
        record = self.dataset.manifest.stage("pack")
        expected, found = np.zeros((2, BUCKETS), np.uint64), np.zeros((2, BUCKETS), np.uint64)
        left_out = repeated = added = removed = 0
        counts: dict[str, Counter[str]] = {}
        done, of = 0, self.dataset.manifest.stage("tokenize").ledger.tokens + record.facts["tokens"]
        for one in shard_segments(self.dataset, self.taken):
            _check_ids(self.dataset, one.shard.stored, one.ids, len(vocabulary))
            self.singles.append(one.documents.number[one.kept == 1])
            for side in (0, 1):
                self._tally_documents(expected[side], one, np.flatnonzero(one.held_out == side))
            left_out += int((one.documents.length - one.kept).sum())
            added, removed = added + one.added, removed + one.removed
            counts.setdefault(one.shard.source, Counter()).update(one.counts)
            done += len(one.ids)
            self.observe(Doing(stage=STAGE, step="rows", what="tokens", done=done, of=of))
        for stored, first, batch in plain_rows(self.dataset, self.taken.row_steps):
            _check_ids(self.dataset, stored, batch.column(INPUT_IDS).flatten().to_numpy(), len(vocabulary))
            _check_rows(self.dataset, stored, batch, first)
            if not first:
                self._check_meanings(stored, batch.schema)
            if self.taken.joining is not None:
                added += check_joined(self.dataset, stored, first, batch, self.taken)
            once, again = self._once(batch)
            self._tally_rows(found[_side(stored)], batch, once)
            done += int(once.length.sum())
            self.observe(Doing(stage=STAGE, step="rows", what="tokens", done=done, of=of))
            repeated += again
            proof.rows += batch.num_rows
        if proof.rows != record.facts["rows"]:
            raise CorruptionError(f"there are {proof.rows} rows, the manifest says {record.facts['rows']}")
        counted = [record.facts[name] for name in ("truncated_tokens", "dropped_tokens", "repeated_tokens")]
        if [left_out, repeated] != [counted[0] + counted[1], counted[2]]:
            raise CorruptionError(
                f"{left_out} tokens are left out and {repeated} repeated, but {counted[0]} were counted as truncated, "
                f"{counted[1]} as dropped and {counted[2]} as repeated"
            )
        counted = [record.facts.get(name, 0) for name in ("added_tokens", "removed_tokens")]
        if [added, removed] != counted:
            raise CorruptionError(
                f"steps and joining add {added} tokens and remove {removed}, but {counted[0]} were counted as added and "
                f"{counted[1]} as removed"
            )
        proof.left_out_tokens = left_out
        proof.added_tokens, proof.removed_tokens = added, removed
        self._check_sources(counts, proof)
        if not np.array_equal(expected, found):
            self._name(expected != found)

    def _check_meanings(self, stored: StoredFile, schema: pa.Schema) -> None:
        """The numbers of a file's columns stand for what those of all others stand for, and of the token shards."""
        there = {column.name: column.identity() for column in columns_of(schema)}
        for column in self.taken.carried.columns:
            if there.get(column.name) != column.identity():
                raise CorruptionError(
                    f"{self.dataset.objects.uri(stored.path)}: what its column {column.name} says of its values is not what the "
                    "token shards have"
                )

    def _check_sources(self, counts: Mapping[str, Counter[str]], proof: Proof) -> None:
        """What the manifest says of each source is what its shards hold, and what is taken of them."""
        proof.selected = self.taken.mixed is not None
        for what in ("documents", "tokens"):
            total = sum(c[f"validation_{what}"] + c[f"delivered_{what}"] for c in counts.values())
            setattr(proof, f"taken_{what}", total)
        for source in self.dataset.manifest.stage("pack").sources:
            there = counts.get(source.name, Counter())
            for name in TAKEN:
                if getattr(source, name) != there[name]:
                    raise CorruptionError(
                        f"source {source.name} has {there[name]} {name.replace('_', ' ')}, the manifest says "
                        f"{getattr(source, name)}"
                    )

    def _once(self, batch: pa.RecordBatch) -> tuple[Segments, int]:
        found = own_segments(batch, segments(batch)[1])
        if not self.taken.choice.predict_every_token:
            return found, 0
        return without_repeats(found, np.concatenate(self.singles))

    def _tally_documents(
        self, tally: npt.NDArray[np.uint64], one: Expected, which: npt.NDArray[np.int64]
    ) -> None:
        """Add some documents of a shard, with all columns that are to be in rows."""
        tally_documents(tally, one.documents.take(which), one.kept[which], self.columns)

    def _tally_rows(self, tally: npt.NDArray[np.uint64], batch: pa.RecordBatch, some: Segments) -> None:
        """Add some segments of rows, with all columns that documents have."""
        for column in self.columns:
            values = batch.column(column.name).flatten().to_numpy(zero_copy_only=False)
            if column.of == "token":
                tally_tokens(tally, values, *some[:4], column.name)
            else:
                tally_values(tally, values[some.which], some.length, some.document, column.name)

    def _name(self, buckets: npt.NDArray[np.bool_]) -> None:
        """Find the first row with a document whose tokens are not its shard's, or else the first document in no row."""
        tallies: dict[tuple[int, int], list[npt.NDArray[np.uint64]]] = {}

        def of(side: int, document: int) -> list[npt.NDArray[np.uint64]]:
            return tallies.setdefault((side, document), [np.zeros(1, np.uint64), np.zeros(1, np.uint64)])

        for one in shard_segments(self.dataset, self.taken):
            number, side = one.documents.number, one.held_out.astype(np.int64)
            for i in np.flatnonzero(buckets[side, number & (BUCKETS - 1)]):
                self._tally_documents(of(int(side[i]), int(number[i]))[0], one, np.array([i]))
        for stored, _, batch in plain_rows(self.dataset, self.taken.row_steps):
            once = self._once(batch)[0]
            for i in np.flatnonzero(buckets[_side(stored), once.document & (BUCKETS - 1)]):
                tally = of(_side(stored), int(once.document[i]))[1]
                self._tally_rows(tally, batch, Segments(*(field[i : i + 1] for field in once)))
        wrong = [
            np.array(sorted(n for (s, n), (a, b) in tallies.items() if s == side and a[0] != b[0]), np.int64)
            for side in (0, 1)
        ]
        many = len(np.union1d(*wrong))
        often = ", as often as the recipe takes it" if self.taken.mixed is not None else ""
        for stored, first, batch in plain_rows(self.dataset, self.taken.row_steps):
            row, (_, _, document, _, _) = segments(batch)
            if len(hits := np.flatnonzero(np.isin(document, wrong[_side(stored)]))):
                raise CorruptionError(
                    f"{self.dataset.objects.uri(stored.path)}, row {first + int(row[hits[0]])}: the tokens of document "
                    f"{document[hits[0]]} are not exactly those of its token shard{often} ({many} such documents in all)"
                )
        raise CorruptionError(
            f"document {np.concatenate(wrong)[0]} is in a token shard but in no row ({many} such documents in all)"
        )


def _side(stored: StoredFile) -> int:
    """0 for training, 1 for validation."""
    return int(stored.role == "validation")


def _columns(dataset: Dataset, taken: Taken) -> tuple[Column, ...]:
    """What the rows have of what documents have, after token steps. Rows of early versions have no source.

    Raises CorruptionError for a column of token shards that rows have not.
    """
    stored = {stage: dataset.manifest.stage(stage).files[:1] for stage in ("tokenize", "pack")}
    there: dict[str, tuple[Column, ...]] = {}
    for stage, files in stored.items():
        for file in files:
            with open_arrow(dataset.objects, file) as reader:
                there[stage] = columns_of(reader.schema)
    wanted, rows = {column.name for column in there["tokenize"]}, there.get("pack", ())
    wanted |= {column.name for step in taken.steps.steps for column in step.columns}
    wanted |= {one.name for one in taken.carried.attributes}
    if rows and (missing := wanted - {column.name for column in rows}):
        raise CorruptionError(
            f"{dataset.objects.uri(stored['pack'][0].path)} has no column {', '.join(sorted(missing))}, token shards have"
        )
    return tuple(column for column in rows if column.name in wanted | {SOURCE})
