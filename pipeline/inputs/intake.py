"""What count and tokenize share: the documents of a unit, and a record of those that were refused."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.inputs.readers import DeadLetter, read
from pairloom.pipeline.inputs.units import Slice, Unit
from pairloom.pipeline.phases import in_phase
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["DEAD_LETTERS", "Documents", "Intake", "slice_identity"]

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Documents:
    """Documents that hold text. `slice` is the slice's place in the unit; `rows` counts records within the slice."""

    slice: int
    texts: pa.LargeStringArray
    ids: pa.LargeStringArray | None
    rows: pa.Int64Array


@dataclass(slots=True)
class Intake:
    """Reads a unit slice by slice, from its start to its end, and keeps a ledger of each."""

    unit: Unit
    max_record_bytes: int
    rejected: list[DeadLetter] = field(default_factory=list)
    ledgers: list[Ledger] = field(default_factory=list)

    def documents(self) -> Iterator[Documents]:
        """The documents that hold text, batch by batch, in order."""
        for number in range(len(self.unit.slices)):
            yield from self.slice(number)

    def slice(self, number: int) -> Iterator[Documents]:
        """The documents of the next slice that hold text, batch by batch, in order.

        Its ledger takes them for kept, with no tokens: `reject` and `add_tokens` say what else became of them.
        """
        assert number == len(self.ledgers)
        self.ledgers.append(Ledger())
        batches = read(
            self.unit.slices[number],
            text=self.unit.text,
            id=self.unit.id,
            max_record_bytes=self.max_record_bytes,
        )
        for batch in in_phase("parse", batches):
            texts, ids, rows = batch.texts, batch.ids, pa.array(batch.rows)
            lengths = pc.binary_length(texts)
            size = pc.sum(lengths).as_py() or 0
            filled = pc.greater(lengths, 0)
            missing = len(texts) - (pc.sum(filled).as_py() or 0)
            if missing:
                texts, rows = texts.filter(filled), rows.filter(filled)
                ids = None if ids is None else ids.filter(filled)
            self.rejected += batch.rejected
            self.ledgers[-1] += Ledger(
                documents_in=batch.records,
                documents_out=len(texts),
                empty=missing,
                rejected=Counter(letter.reason for letter in batch.rejected),
                bytes_in=batch.bytes_read,
                text_bytes=size,
            )
            if len(texts):
                yield Documents(slice=number, texts=texts, ids=ids, rows=rows)

    def take(self, ledger: Ledger) -> None:
        """The next slice need not be read: what becomes of it is known."""
        self.ledgers.append(ledger)

    def add_tokens(self, tokens: int) -> None:
        """Tokens were made of documents of the slice that is being read."""
        self.ledgers[-1] += Ledger(tokens=tokens)

    def reject(self, documents: Documents, index: int, reason: str, detail: str) -> None:
        """Refuse a document after it was read, as `reason` says."""
        uri, row = self.unit.slices[documents.slice].file.uri, documents.rows[index].as_py()
        excerpt = documents.texts[index].as_py()[:200]
        self.rejected.append(
            DeadLetter(uri=uri, position=f"row {row}", row=row, reason=reason, detail=detail, excerpt=excerpt)
        )
        self.ledgers[-1] += Ledger(documents_out=-1, rejected={reason: 1})

    def ledger(self) -> Ledger:
        """What became of every record."""
        return Ledger.sum(self.ledgers)

    def slices(self) -> tuple[tuple[str, int], ...]:
        """The inputs that were read, in order, and how many records each slice of them had."""
        uris = [piece.file.uri for piece in self.unit.slices]
        return tuple(zip(uris, (ledger.documents_in for ledger in self.ledgers), strict=True))

    def write_rejected(self, attempt: Attempt) -> None:
        """Write the unit's dead-letter file, if it has any dead letters."""
        if not self.rejected:
            return
        with attempt.arrow("rejected", DEAD_LETTERS) as writer:
            columns = [
                pa.array([getattr(letter, name) for letter in self.rejected], DEAD_LETTERS.field(name).type)
                for name in DEAD_LETTERS.names
            ]
            writer.write(pa.RecordBatch.from_arrays(columns, schema=DEAD_LETTERS))


def slice_identity(piece: Slice) -> list[object]:
    """Everything about a slice that decides its bytes."""
    file = piece.file
    return [file.uri, file.size, file.version, file.format, file.compression, piece.start, piece.stop]
