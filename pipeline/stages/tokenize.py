"""tokenize: text to token shards, one a unit, documents in the order of the input.

A shard is an Arrow file with a row for each document that holds text: which record it is (`slice`, `row`), its `id` if
the input has one, and `input_ids`, with the tokens that the recipe prepends and appends. What no shard holds is in the
unit's ledger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.corpus import Unit
from pairloom.pipeline.job import Job, dead_letters
from pairloom.pipeline.phases import phase
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.agreement import SPECIAL_TOKEN_IN_TEXT, check_tokenized
from pairloom.pipeline.stages.known import Known, earlier_shards, known_slices
from pairloom.pipeline.stages.learned import read_memo
from pairloom.pipeline.stages.reading import Documents, Intake, slice_identity
from pairloom.pipeline.store.files import attempt_path, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Piece, Receipt, claim, committed_receipts, unit_id

__all__ = ["TokenizeTask", "shard_schema", "tokenize", "tokenize_task"]


def shard_schema(vocabulary: Vocabulary) -> pa.Schema:
    """The columns of a token shard."""
    ids = pa.large_list(pa.field("item", pa.from_numpy_dtype(vocabulary.dtype)))
    return pa.schema(
        [
            pa.field("slice", pa.int32(), nullable=False),
            pa.field("row", pa.int64(), nullable=False),
            pa.field("id", pa.large_string()),
            pa.field("input_ids", ids, nullable=False),
        ],
        metadata={"pairloom.vocabulary": vocabulary.fingerprint},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeTask:
    """Tokenize one unit with the vocabulary that all tasks share."""

    root: str
    input: Unit
    vocabulary: str  # its fingerprint
    prepend: tuple[int, ...]
    append: tuple[int, ...]
    special_tokens_in_text: str
    max_record_bytes: int
    known: Mapping[str, Known] = field(
        default_factory=dict
    )  # slices that need not be read, by their identity
    stage: str = "tokenize"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(
            self.stage,
            {"slices": [slice_identity(piece) for piece in self.input.slices], **self._settings()},
        )

    @property
    def label(self) -> str:
        """The first input of the unit."""
        return self.input.slices[0].file.uri

    @property
    def memory(self) -> int:
        """The memo, the table of further words, and a few batches of text and tokens."""
        return 800_000_000

    def run(self, shared: Vocabulary) -> Receipt:
        """Read, encode, write."""
        objects = open_objects(self.root)
        intake = Intake(self.input, self.max_record_bytes)
        made: list[Piece] = []
        path = attempt_path(self.stage, self.unit, "tokens.arrow")
        schema = shard_schema(shared)
        with write_arrow(objects, path, schema, role="tokens") as writer:
            for batch in self._batches(objects, intake, shared, schema, made):
                writer.write(batch)
            writer.facts.update(tokens=intake.ledger().tokens)
        assert writer.stored is not None
        receipt = Receipt(
            stage=self.stage,
            unit=self.unit,
            files=(writer.stored, *intake.write_rejected(objects, self.stage, self.unit)),
            ledger=intake.ledger(),
            slices=intake.slices(),
            pieces=tuple(made),
        )
        return claim(objects, receipt)

    def _batches(
        self, objects: Objects, intake: Intake, vocabulary: Vocabulary, schema: pa.Schema, made: list[Piece]
    ) -> Iterator[pa.RecordBatch]:
        """The record batches of the shard, each of one slice; `made` receives what they are of."""
        with earlier_shards(objects) as earlier:
            for number, identity in enumerate(self.identities()):
                known, count = self.known.get(identity), 0
                if known is None:
                    batches = self._fresh(intake, number, vocabulary, schema)
                else:
                    intake.take(known.piece.ledger)
                    batches = earlier.batches(known, number)
                for batch in batches:
                    count += 1
                    yield batch
                made.append(Piece(identity=identity, ledger=intake.ledgers[number], batches=count))

    def identities(self) -> list[str]:
        """A hash for each slice of everything that decides its tokens, whatever unit it is in."""
        settings = self._settings()
        return [unit_id("slice", [slice_identity(piece), settings]) for piece in self.input.slices]

    def _settings(self) -> dict[str, object]:
        return {
            "text": self.input.text,
            "id": self.input.id,
            "vocabulary": self.vocabulary,
            "prepend": self.prepend,
            "append": self.append,
            "special_tokens_in_text": self.special_tokens_in_text,
        }

    def _fresh(
        self, intake: Intake, number: int, vocabulary: Vocabulary, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """A slice that is read and encoded."""
        for batch in self.documents(intake, number, vocabulary):
            with phase("encode"):
                encoded = self._encode(batch.texts, vocabulary)
            intake.add_tokens(len(encoded.values))
            ids = batch.ids if batch.ids is not None else pa.nulls(len(batch.texts), pa.large_string())
            where = pa.array(np.full(len(batch.texts), number, np.int32))
            columns = [where, batch.rows, ids, encoded.cast(schema.field("input_ids").type)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def documents(self, intake: Intake, number: int, vocabulary: Vocabulary) -> Iterator[Documents]:
        """The documents of a slice that are tokenized, batch by batch; the others go to the intake's ledger."""
        for batch in intake.slice(number):
            refusing = self.special_tokens_in_text == "error"
            kept = self._without_special_tokens(batch, vocabulary, intake) if refusing else batch
            if len(kept.texts):
                yield kept

    def _without_special_tokens(self, batch: Documents, vocabulary: Vocabulary, intake: Intake) -> Documents:
        found = vocabulary.find_special_tokens(batch.texts)
        for index in np.flatnonzero(found.to_numpy(zero_copy_only=False)):
            intake.reject(batch, int(index), SPECIAL_TOKEN_IN_TEXT, "the text spells a special token")
        keep = pc.invert(found)
        return Documents(
            slice=batch.slice,
            texts=batch.texts.filter(keep),
            ids=None if batch.ids is None else batch.ids.filter(keep),
            rows=batch.rows.filter(keep),
        )

    def _encode(self, texts: pa.LargeStringArray, vocabulary: Vocabulary) -> pa.LargeListArray:
        parse = self.special_tokens_in_text == "parse"
        encoded = vocabulary.encode(
            texts,
            prepend=self.prepend,
            append=self.append,
            special_tokens_in_text="parse" if parse else "text",
        )
        self._check_range(encoded, vocabulary)
        return encoded

    def _check_range(self, encoded: pa.LargeListArray, vocabulary: Vocabulary) -> None:
        values = encoded.values.to_numpy()
        if len(values) and int(values.max()) >= len(vocabulary):
            raise CorruptionError(
                f"{self.label}: id {values.max()} is not in the vocabulary of {len(vocabulary)} tokens: this is a bug"
            )


def tokenize_task(recipe: Recipe, unit: Unit, vocabulary: Vocabulary) -> TokenizeTask:
    """The task of a unit."""
    return TokenizeTask(
        root=recipe.root,
        input=unit,
        vocabulary=vocabulary.fingerprint,
        prepend=tuple(vocabulary.special_id(token) for token in recipe.tokenize.prepend),
        append=tuple(vocabulary.special_id(token) for token in recipe.tokenize.append),
        special_tokens_in_text=recipe.tokenize.special_tokens_in_text,
        max_record_bytes=recipe.max_record_bytes,
    )


def tokenize(job: Job) -> StageRecord:
    """Tokenize every unit; of what the last generation knows, a unit that is new gets the slices that it has."""
    vocabulary = job.vocabulary()
    last = None if job.last is None else job.last.stages.get("tokenize")
    before = list(committed_receipts(job.objects, "tokenize", () if last is None else last.units))
    job.tokenized.update((receipt.unit, receipt) for receipt in before)
    known = known_slices(before)
    tasks = [tokenize_task(job.plan.recipe, unit, vocabulary) for unit in job.plan.units]
    if known:
        tasks = [task if task.unit in job.tokenized else _knowing(task, known) for task in tasks]
    if "learn" in job.records:
        vocabulary = vocabulary.with_memo(read_memo(job.objects, job.records["learn"].file("memo")))
    receipts = job.step(
        "tokenize",
        tasks,
        shared=vocabulary.prepared(),
        sizes=[unit.bytes for unit in job.plan.units],
        known=job.tokenized,
    )
    job.tokenized.update((receipt.unit, receipt) for receipt in receipts)
    record = StageRecord(
        key=job.plan.keys["tokenize"],
        units=tuple(receipt.unit for receipt in receipts),
        files=tuple(receipt.file("tokens") for receipt in receipts),
        rejected=dead_letters(receipts),
        ledger=Ledger.sum(receipt.ledger for receipt in receipts),
        unit_sources=tuple(unit.source for unit in job.plan.units),
    )
    check_tokenized(job.objects, receipts, None if job.plan.kept else job.records.get("count"))
    return record


def _knowing(task: TokenizeTask, known: Mapping[str, Known]) -> TokenizeTask:
    return replace(task, known={name: known[name] for name in task.identities() if name in known})
