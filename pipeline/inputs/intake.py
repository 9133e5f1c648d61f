"""What count and tokenize share: the documents of a unit, and a record of those that were refused."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from pairloom.operators.documents import (
    DeadLetter,
    DocumentBatch,
    DocumentStep,
    apply_step,
    incomplete,
    named,
    numbered,
)
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.text.arrays import Text, text_of
from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.inputs.lists import bound
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Limits, Slice
from pairloom.pipeline.inputs.units import Unit, step_shaping
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import in_phase, phase
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["DEAD_LETTERS", "INCOMPLETE_GROUP", "Intake", "slice_identity"]

DEAD_LETTERS = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("position", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("excerpt", pa.string(), nullable=False),
    ]
)

INCOMPLETE_GROUP = "incomplete_group"
"""The reason for a document that is left out because another completion of its prompt is."""

_ENOUGH = 10_000
_SHOWN = 3


_AMOUNTS = ("documents_in", "documents_out", "empty", "bytes_in", "text_bytes", "tokens", "trained")


@dataclass(slots=True)
class _Tally:
    """The ledger of a slice while it is read."""

    amounts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_AMOUNTS, 0))
    rejected: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    sampled: Counter[str] = field(default_factory=Counter)

    def add(self, **amounts: int) -> None:
        for name, amount in amounts.items():
            self.amounts[name] += amount

    def ledger(self) -> Ledger:
        rejected, filtered = (
            dict(sorted((+one).items())) if one else {} for one in (self.rejected, self.filtered)
        )
        return Ledger(
            **self.amounts, rejected=rejected, filtered=filtered, sampled=dict(sorted(self.sampled.items()))
        )


class _Text:
    """A sum of texts, one after another, however they come in batches: of their bytes, and of their lengths."""

    def __init__(self) -> None:
        self._bytes: Any = xxhash.xxh3_64()  # takes whatever has a buffer, and does not say so
        self._lengths: Any = xxhash.xxh3_64()

    def add(self, text: Text) -> None:
        self._bytes.update(text.data[text.offsets[0] : text.offsets[-1]])
        self._lengths.update(text.offsets[1:] - text.offsets[:-1])

    def add_given(self, column: pa.Array) -> None:
        """What documents bring instead, be it lists in lists."""
        if pa.types.is_large_list(column.type):
            self._lengths.update(np.diff(column.offsets.to_numpy()))
            self.add_given(column.flatten())
        elif pa.types.is_large_string(column.type):
            self.add(text_of(column))
        else:
            self._bytes.update(np.ascontiguousarray(column.to_numpy(zero_copy_only=False)))

    def __str__(self) -> str:
        return f"{self._bytes.hexdigest()}{self._lengths.hexdigest()}"


@dataclass(slots=True)
class Intake:
    """Reads a unit slice by slice, from its start to its end, applies its steps, and keeps a ledger of each slice.

    `rejected` are the last dead letters, `packed` those before them.

    `read` has a sum of the texts of each slice as they were read, before any step: what reads the slice again must find the same.
    A file's size and time do not prove that.
    """

    unit: Unit
    max_record_bytes: int
    rejected: list[DeadLetter] = field(default_factory=list)
    packed: list[pa.RecordBatch] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    steps: tuple[DocumentStep, ...] | None = None  # those of the unit, with their lists, once they are needed
    strict: bool = False  # no record may be rejected, so that it is enough to know of some that are
    watch: Callable[[DocumentStep, DocumentBatch], None] | None = (
        None  # is told what each step is about to be given
    )
    taken: int = 0  # stored bytes of the batches that whoever reads is done with
    tallies: list[_Tally | Ledger] = field(
        default_factory=list
    )  # of the slices up to the one that is being read
    complete: list[Ledger] = field(default_factory=list)  # those of which all is known
    bytes: int = 0  # stored bytes of the unit: a sum over its slices, of which there may be thousands

    def __post_init__(self) -> None:
        self.bytes = self.unit.bytes

    def documents(self) -> Iterator[DocumentBatch]:
        """The documents that hold text, batch by batch, in order."""
        for number in range(len(self.unit.slices)):
            yield from self.slice(number)

    def slice(self, number: int) -> Iterator[DocumentBatch]:
        """The documents of the next slice that hold text, batch by batch, in order.

        Its ledger takes them for kept, with no tokens: `lose` and `add_tokens` say what else became of them.
        """
        assert number == len(self.tallies)
        tally = _Tally()
        self.tallies.append(tally)
        self._steps()
        limits, summed = Limits(max_record_bytes=self.max_record_bytes), _Text()
        for read_batch in in_phase("parse", self._read(self.unit.slices[number], limits)):
            self.rejected += read_batch.rejected
            text = text_of(read_batch.content)
            summed.add(text)
            for given in read_batch.given.values():
                summed.add_given(given)
            before = replace(read_batch, slice=number, rejected=(), dropped={}, bytes_read=0)
            before = _filled(before, text)
            after, filtered, rejected, sampled = self._shaped(before)
            batch = after if after is before else _filled(after)
            empty = len(read_batch) - len(before) + len(after) - len(batch)
            if (lost := incomplete(batch)).any():
                filtered[INCOMPLETE_GROUP] += int(np.count_nonzero(lost))
                batch = batch.filter(~lost)
            tally.add(
                documents_in=read_batch.records,
                documents_out=len(batch),
                empty=empty,
                bytes_in=read_batch.bytes_read,
                text_bytes=text.bytes if batch.content is read_batch.content else batch.bytes,
            )
            tally.rejected.update(letter.reason for letter in (*read_batch.rejected, *rejected))
            tally.filtered.update(filtered)
            tally.sampled.update(sampled)
            tally.filtered.update(read_batch.dropped)
            self.rejected += rejected
            if len(self.rejected) > _ENOUGH:
                if self.strict:
                    self._give_up()
                self.packed.append(_packed(self.rejected))
                self.rejected = []
            if len(batch):
                yield named(batch)
            self._note(read_batch.bytes_read)
        self.read.append(str(summed))

    def steps_taken(self) -> Iterator[tuple[DocumentStep, DocumentBatch, DocumentBatch]]:
        """Each step with the documents that it got and what it made of them, batch by batch, in order; without a ledger."""
        limits = Limits(max_record_bytes=self.max_record_bytes)
        for number, piece in enumerate(self.unit.slices):
            for read_batch in self._read(piece, limits):
                batch = _filled(replace(read_batch, slice=number, rejected=(), dropped={}, bytes_read=0))
                for step in self._steps():
                    if len(batch):
                        after = apply_step(step, batch)
                        yield step, batch, after
                        batch = replace(after, dropped={}, rejected=())

    def _note(self, size: int) -> None:
        self.taken += size
        note(self.taken, self.bytes)

    def _give_up(self) -> None:
        """Raise DataError: there are more dead letters than anybody would read, and one is too many."""
        shown = [f"  {one.uri}, {one.position}: {one.reason}: {one.detail}" for one in self.examples(_SHOWN)]
        raise DataError(
            f"source {self.unit.source!r}: more than {_ENOUGH:,} records were rejected, and max_rejected = 0 allows for none:\n"
            + "\n".join(shown)
            + "\nCorrect the input, or set max_rejected to the share to leave out"
        )

    def _read(self, piece: Slice, limits: Limits) -> Iterator[DocumentBatch]:
        """The records of a slice; an error about them says of which source they are."""
        extra = 0  # documents of the slice beyond one for each record
        try:
            for batch in read(piece, self.unit.fields, limits):
                if self.unit.giver is None:
                    yield batch
                    continue
                given, extra = numbered(self.unit.giver.read(batch), extra)
                yield given
        except DataError as error:
            raise DataError(f"source {self.unit.source!r}: {error}") from error

    def _shaped(
        self, batch: DocumentBatch
    ) -> tuple[DocumentBatch, Counter[str], list[DeadLetter], dict[str, int]]:
        """What the unit's steps make of documents, whom each left out, whom it rejected, and what was chosen of what."""
        sampled: dict[str, int] = {}
        filtered: Counter[str] = Counter()
        rejected: list[DeadLetter] = []
        for step in self._steps():
            if not len(batch):
                break
            there = batch
            if self.watch is not None:
                self.watch(step, batch)
            with phase("steps"):
                batch = apply_step(step, batch)
            if step.samples and not sampled:
                sampled = {"documents": len(batch), "bytes": batch.size}
                sampled |= {"of_documents": len(there), "of_bytes": there.size}
            for reason, count in batch.dropped.items():
                filtered[f"{step.label}: {reason}" if reason else step.label] += count
            rejected += batch.rejected
            batch = replace(batch, dropped={}, rejected=())
        return batch, filtered, rejected, sampled

    def _steps(self) -> tuple[DocumentStep, ...]:
        """The unit's steps with what is in their lists.

        Raises RecipeError where the code of a step is not what it was where the run was planned.
        """
        if self.steps is None:
            lists = self.unit.lists or ((),) * len(self.unit.steps)
            for step, some, planned in zip(self.unit.steps, lists, self.unit.shaping, strict=True):
                if (here := step_shaping(step, some)) != planned:
                    raise RecipeError(
                        f"the step {step.label} of source {self.unit.source!r} is not on this machine what it was where the run "
                        f"was planned: {here} here, {planned} there; install the same version on every machine"
                    )
            try:
                self.steps = tuple(map(bound, self.unit.steps, lists))
            except DataError as error:
                raise DataError(f"source {self.unit.source!r}: {error}") from error
        return self.steps

    def take(self, ledger: Ledger, read: str) -> None:
        """The next slice need not be read: what becomes of it is known, and the sum of what was read of it, or ""."""
        self.tallies.append(ledger)
        self.read.append(read)
        self._note(ledger.bytes_in)

    def add_tokens(self, number: int, tokens: int, trained: int = 0) -> None:
        """Tokens were made of documents of a slice that was read, so many of them to be predicted."""
        self._tally(number).add(tokens=tokens, trained=trained)

    def lose(self, batch: DocumentBatch) -> DocumentBatch:
        """A batch of the slice that is being read, some of whose documents were rejected since: the same without dead letters.

        Others of their groups are rejected with them.
        """
        batch = batch.reject(
            incomplete(batch), INCOMPLETE_GROUP, "another completion of its prompt cannot be used"
        )
        self.rejected += batch.rejected
        tally = self._tally(len(self.tallies) - 1)
        tally.add(documents_out=-len(batch.rejected))
        tally.rejected.update(letter.reason for letter in batch.rejected)
        return replace(batch, rejected=())

    def _tally(self, number: int) -> _Tally:
        tally = self.tallies[number]
        assert isinstance(tally, _Tally)
        assert number >= len(self.complete), "its ledger was asked for already"
        return tally

    @property
    def ledgers(self) -> list[Ledger]:
        """The ledger of each slice, to be asked for when all is known of them."""
        for tally in self.tallies[len(self.complete) :]:
            self.complete.append(tally if isinstance(tally, Ledger) else tally.ledger())
        return self.complete

    def ledger(self) -> Ledger:
        """What became of every record."""
        return Ledger.sum(self.ledgers)

    def slices(self) -> tuple[tuple[str, int], ...]:
        """The inputs that were read, in order, and how many records each slice of them had."""
        uris = [piece.file.uri for piece in self.unit.slices]
        return tuple(zip(uris, (ledger.documents_in for ledger in self.ledgers), strict=True))

    def examples(self, count: int) -> list[DeadLetter]:
        """The first dead letters, as many as that."""
        first = [DeadLetter(**row) for batch in self.packed[:1] for row in batch.slice(0, count).to_pylist()]
        return [*first, *self.rejected][:count]

    def write_rejected(self, attempt: Attempt) -> None:
        """Write the unit's dead-letter file, if it has any dead letters."""
        if not self.rejected and not self.packed:
            return
        with attempt.arrow("rejected", DEAD_LETTERS) as writer:
            for batch in self.packed:
                writer.write(batch)
            if self.rejected:
                writer.write(_packed(self.rejected))


def _packed(letters: list[DeadLetter]) -> pa.RecordBatch:
    """Dead letters as they are stored."""
    values = zip(*letters, strict=True)
    columns = [pa.array(column, kind) for column, kind in zip(values, DEAD_LETTERS.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=DEAD_LETTERS)


def _filled(batch: DocumentBatch, text: Text | None = None) -> DocumentBatch:
    """The documents that hold text, or tokens that were given."""
    if batch.given:
        return batch.filter(np.diff(next(iter(batch.given.values())).offsets.to_numpy()) > 0)
    offsets = (text or text_of(batch.content)).offsets
    full = offsets[1:] > offsets[:-1]
    return batch if full.all() else batch.filter(full)


def slice_identity(piece: Slice) -> list[object]:
    """Everything about a slice that decides its bytes."""
    return [*piece.file.identity(), piece.start, piece.stop]
