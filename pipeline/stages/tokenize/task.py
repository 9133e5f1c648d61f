"""tokenize: text to token shards, one a unit, documents in the order of the input.

A shard is an Arrow file with a row for each document that holds text: which record it is (`slice`, `row`), its `id` if
the input has one, and `input_ids`, with the tokens that the recipe prepends and appends; then the columns that the source
asks for. What no shard holds is in the unit's ledger. Its receipt has the strings that the columns have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.documents import LOSS_MASK, SPECIAL, DocumentBatch
from pairloom.operators.encode import Encoded, Tokenizer, tokenizer_of
from pairloom.operators.encode.spans import token_values
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.operators.given import Beside, filled, surrounded
from pairloom.operators.schema import INPUT_IDS, columns_of, shard_schema
from pairloom.operators.text.arrays import text_of
from pairloom.operators.vocabulary.tokens import TokenTable
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job, dead_letters
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.inputs.intake import Intake, slice_identity
from pairloom.pipeline.inputs.shaping.attributes import COLUMN_TYPE
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.phases import elapsed, phase
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.agreement import NOTHING_TRAINED, SPECIAL_TOKEN_IN_TEXT, check_tokenized
from pairloom.pipeline.stages.learn.files import read_memo
from pairloom.pipeline.stages.tokenize.carried import Strings
from pairloom.pipeline.stages.tokenize.cost import TOKENIZE_MEMORY
from pairloom.pipeline.stages.tokenize.reuse import Known, earlier_shards, known_slices
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Piece, Receipt, committed_receipts

__all__ = ["TokenizeTask", "tokenize", "tokenize_task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeTask(UnitTask):
    """Tokenize one unit with the tokenizer that all tasks share."""

    input: Unit
    vocabulary: str  # its fingerprint
    prepend: tuple[int, ...]
    append: tuple[int, ...]
    special_tokens_in_text: str
    max_record_bytes: int
    strict: bool = False  # whether no record may be rejected
    columns: tuple[Beside, ...] = ()  # that documents of some source have
    memo: str | None = None  # the SHA-256 of the file of the memo that the vocabulary comes with
    known: Mapping[str, Known] = field(
        default_factory=dict
    )  # slices that need not be read, by their identity
    step = "tokenize"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {"slices": [slice_identity(piece) for piece in self.input.slices], **self._settings()}

    @property
    def label(self) -> str:
        """The first input of the unit."""
        return self.input.slices[0].file.uri

    def need(self) -> int:
        """The memo, the table of further words, a few batches of text and tokens, and the lists of steps."""
        return TOKENIZE_MEMORY + self.input.list_memory

    def work(self, attempt: Attempt, shared: Tokenizer) -> None:
        """Read, encode, write."""
        intake = Intake(self.input, self.max_record_bytes, strict=self.strict)
        made: list[Piece] = []
        beside, attributes = [one.column for one in self.columns], self.input.fields.attributes
        schema = shard_schema(
            shared.vocabulary.dtype, shared.vocabulary.fingerprint, beside, attributes=attributes
        )
        strings = Strings(of=self.label)
        with attempt.arrow("tokens", schema) as writer:
            for batch in self._batches(attempt.objects, intake, shared, schema, made):
                writer.write(batch)
                strings.add_batch(batch, attributes)
            writer.facts.update(tokens=intake.ledger().tokens)
        intake.write_rejected(attempt)
        attempt.ledger, attempt.slices, attempt.read = intake.ledger(), intake.slices(), tuple(intake.read)
        attempt.pieces, attempt.payload = self._finished(made), strings.payload()

    def _batches(
        self, objects: Objects, intake: Intake, tokenizer: Tokenizer, schema: pa.Schema, made: list[Piece]
    ) -> Iterator[pa.RecordBatch]:
        """The record batches of the shard, each of one slice; `made` receives what they are of."""
        named = tuple(column.name for column in columns_of(schema))
        with earlier_shards(objects) as earlier:
            for number, identity in enumerate(self.identities()):
                known, count = self.known.get(identity), 0
                began = elapsed()
                met: list[Coverage] = []
                if known is None:
                    batches = self._fresh(intake, number, tokenizer, schema, named, met)
                else:
                    intake.take(known.piece.ledger, known.read)
                    batches = earlier.batches(known, number)
                for batch in batches:
                    count += 1
                    yield batch
                made.append(
                    Piece(
                        identity=identity,
                        ledger=intake.ledgers[number],
                        batches=count,
                        coverage=Coverage.sum(met) if known is None else known.piece.coverage,
                        seconds=elapsed() - began,
                    )
                )

    def _finished(self, made: list[Piece]) -> tuple[Piece, ...]:
        """The pieces, with the seconds since then shared out by documents.

        A slice that was taken over keeps what it took before.
        """
        rest = elapsed() - sum(piece.seconds for piece in made)
        documents = max(1, sum(piece.ledger.documents_in for piece in made))
        out = []
        for piece in made:
            known = self.known.get(piece.identity)
            seconds = piece.seconds + rest * piece.ledger.documents_in / documents
            seconds = round(seconds, 4) if known is None else known.piece.seconds
            out.append(piece.model_copy(update={"seconds": seconds}))
        return tuple(out)

    def identities(self) -> list[str]:
        """A hash for each slice of everything that decides its tokens, whatever unit it is in."""
        settings = self._settings()
        return [unit_id("slice", [slice_identity(piece), settings]) for piece in self.input.slices]

    def _settings(self) -> dict[str, object]:
        columns = {"columns": [one.identity() for one in self.columns]} if self.columns else {}
        return columns | {
            **self.input.identity(),
            "vocabulary": self.vocabulary,
            "prepend": self.prepend,
            "append": self.append,
            "special_tokens_in_text": self.special_tokens_in_text,
        }

    def _fresh(
        self,
        intake: Intake,
        number: int,
        tokenizer: Tokenizer,
        schema: pa.Schema,
        named: tuple[str, ...],
        met: list[Coverage],
    ) -> Iterator[pa.RecordBatch]:
        """A slice that is read and encoded, of which columns are `named`; `met` receives how the vocabulary met its text."""
        for batch, found in self._encoded(intake, number, tokenizer, met):
            mask = found.get(LOSS_MASK)
            trained = 0 if mask is None else int(np.count_nonzero(mask.flatten().to_numpy()))
            intake.add_tokens(len(found[INPUT_IDS].flatten()), trained)
            ids = batch.id if batch.id is not None else pa.nulls(len(batch), pa.large_string())
            where = pa.array(np.full(len(batch), number, np.int32))
            columns = [where, batch.row, ids, *(found[name].cast(schema.field(name).type) for name in named)]
            columns += [batch.columns[one.name] for one in self.input.fields.attributes]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def documents(self, intake: Intake, number: int, tokenizer: Tokenizer) -> Iterator[DocumentBatch]:
        """The documents of a slice that are tokenized, batch by batch; the others go to the intake's ledger."""
        if any(one.needed for one in self.input.spanned):  # whether they are is known by their tokens
            yield from (batch for batch, _ in self._encoded(intake, number, tokenizer, []))
        else:
            yield from self._read(intake, number, tokenizer)

    def _encoded(
        self, intake: Intake, number: int, tokenizer: Tokenizer, met: list[Coverage]
    ) -> Iterator[tuple[DocumentBatch, dict[str, pa.LargeListArray]]]:
        """The documents of a slice and their columns; those that teach nothing, where they ought to, are rejected."""
        needed = [one.column.name for one in self.input.spanned if one.needed]
        for batch in self._read(intake, number, tokenizer):
            with phase("encode"):
                found = self.tokens(batch, tokenizer, met)
            lost = np.zeros(len(batch), np.bool_)
            for name in needed:
                offsets, values = found[name].offsets.to_numpy(), found[name].values.to_numpy()
                lost |= np.diff(np.concatenate([[0], np.cumsum(values != 0)])[offsets]) == 0
            if not lost.any():
                yield batch, found
                continue
            kept = intake.lose(batch.reject(lost, NOTHING_TRAINED, "none of its tokens is to be predicted"))
            if len(kept):
                yield kept, {name: column.filter(pa.array(~lost)) for name, column in found.items()}

    def _read(self, intake: Intake, number: int, tokenizer: Tokenizer) -> Iterator[DocumentBatch]:
        for batch in intake.slice(number):
            kept = batch
            if self.input.giver is not None:
                kept = intake.lose(self.input.giver.placed(kept, tokenizer, self.special_tokens_in_text))
            if self.special_tokens_in_text == "error" and (
                self.input.giver is None or self.input.giver.of_any_id
            ):
                kept = intake.lose(_without_special_tokens(kept, tokenizer))
            if kept.refused:
                kept = intake.lose(_without_refused(kept))
            if len(kept):
                yield kept

    def tokens(
        self, batch: DocumentBatch, tokenizer: Tokenizer, met: list[Coverage]
    ) -> dict[str, pa.LargeListArray]:
        """The ids of documents and what stands beside them, encoded or given; `met` receives how text was met."""
        if batch.given:
            dtype = tokenizer.vocabulary.dtype
            met.append(Coverage(memo=self.memo))
            return surrounded(batch.given, self.columns, dtype, self.prepend, self.append)
        found = self._encode(batch, tokenizer)
        met.append(self._coverage(batch.content, found))
        others = [one for one in self.columns if one.column.name not in batch.spans]
        spanned = self.spanned_values(batch, found.ids, tokenizer)
        return {INPUT_IDS: found.ids, **filled(found.ids, others), **spanned}

    def spanned_values(
        self, batch: DocumentBatch, ids: pa.LargeListArray, tokenizer: Tokenizer
    ) -> dict[str, pa.LargeListArray]:
        """The columns that spans of documents become, of the ids that the documents were encoded to."""
        found = {}
        for one in self.input.spanned:
            values = token_values(
                ids,
                TokenTable.of(tokenizer.vocabulary.tokens),
                batch.content,
                batch.spans[one.column.name],
                outside=one.outside,
                rule=one.rule,
                around=(len(self.prepend), len(self.append)),
                normalizer=tokenizer.vocabulary.normalizer,
                special=batch.spans.get(SPECIAL),
            )
            column = pa.array(values.astype(one.column.dtype))
            found[one.column.name] = pa.LargeListArray.from_arrays(ids.offsets, column)
        return found

    def _encode(self, batch: DocumentBatch, tokenizer: Tokenizer) -> Encoded:
        """The tokens of texts. Where spans say which special tokens stand in them, what else spells one is text."""
        special = batch.spans.get(SPECIAL)
        parse = self.special_tokens_in_text == "parse" and special is None
        encoded = tokenizer.encode_column(
            batch.content,
            prepend=self.prepend,
            append=self.append,
            special_tokens_in_text="parse" if parse else "text",
            special=special,
        )
        self._check_range(encoded.ids, len(tokenizer.vocabulary))
        return encoded

    def _coverage(self, texts: pa.LargeStringArray, encoded: Encoded) -> Coverage:
        around = len(texts) * (len(self.prepend) + len(self.append))
        return Coverage(
            bytes=text_of(texts).bytes,
            tokens=len(encoded.ids.values) - around,
            words=encoded.words,
            unknown_words=0 if self.memo is None else encoded.unknown_words,
            memo=self.memo,
        )

    def _check_range(self, encoded: pa.LargeListArray, size: int) -> None:
        values = encoded.values.to_numpy()
        if len(values) and int(values.max()) >= size:
            raise CorruptionError(
                f"{self.label}: id {values.max()} is not in the vocabulary of {size} tokens: this is a bug"
            )


def _without_special_tokens(batch: DocumentBatch, tokenizer: Tokenizer) -> DocumentBatch:
    """The documents whose text spells no special token, or that were given none; the others are rejected."""
    if batch.given:
        lists = batch.given[INPUT_IDS]
        offsets = lists.offsets.to_numpy()
        reserved = np.isin(lists.flatten().to_numpy(), tokenizer.vocabulary.reserved_ids)
        many = np.diff(np.concatenate([[0], np.cumsum(reserved)])[offsets - offsets[0]])
        return batch.reject(
            many > 0, SPECIAL_TOKEN_IN_TEXT, "the ids of a special token are among its tokens"
        )
    found = tokenizer.find_special_tokens(batch.content, batch.spans.get(SPECIAL))
    return batch.reject(found, SPECIAL_TOKEN_IN_TEXT, "the text spells a special token")


def _without_refused(batch: DocumentBatch) -> DocumentBatch:
    """The documents whose columns are what the recipe says; the others are rejected."""
    wrong = [batch.refused.get(row) for row in batch.row.to_pylist()]
    details = [detail for detail in wrong if detail is not None]
    return batch.reject([detail is not None for detail in wrong], COLUMN_TYPE, details)


def tokenize_task(
    recipe: Recipe, unit: Unit, vocabulary: Vocabulary, memo: str | None = None
) -> TokenizeTask:
    """The task of a unit; `memo` is the SHA-256 of the memo's file."""
    whole = unit.giver is not None and unit.giver.whole
    prepend, append = ((), ()) if whole else (recipe.tokenize.prepend, recipe.tokenize.append)
    return TokenizeTask(
        root=recipe.root,
        input=unit,
        vocabulary=vocabulary.fingerprint,
        prepend=tuple(vocabulary.special_id(token) for token in prepend),
        append=tuple(vocabulary.special_id(token) for token in append),
        special_tokens_in_text=recipe.tokenize.special_tokens_in_text,
        max_record_bytes=recipe.max_record_bytes,
        strict=recipe.max_rejected == 0,
        columns=recipe.given_columns,
        memo=memo,
    )


def tokenize(job: Job) -> StageRecord:
    """Tokenize every unit; of what the last generation knows, a unit that is new gets the slices that it has."""
    vocabulary = job.vocabulary()
    _check_spells(job.plan.units, vocabulary)
    last = None if job.last is None else job.last.stages.get("tokenize")
    before = list(committed_receipts(job.objects, "tokenize", () if last is None else last.units))
    job.tokenized.update((receipt.unit, receipt) for receipt in before)
    known = known_slices(before)
    memo = job.records["learn"].file("memo") if "learn" in job.records else None
    label = memo.sha256 if memo is not None and vocabulary.model.by_words else None
    tasks = [tokenize_task(job.plan.recipe, unit, vocabulary, label) for unit in job.plan.units]
    if known:
        tasks = [task if task.unit in job.tokenized else _knowing(task, known) for task in tasks]
    tokenizer = tokenizer_of(vocabulary)
    if memo is not None:
        tokenizer = tokenizer.with_memo(read_memo(job.objects, memo))
    receipts = job.step(
        "tokenize",
        tasks,
        shared=tokenizer.prepared(),
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
        coverage=_coverage(job.plan.units, receipts),
    )
    _check_any(job, receipts)
    check_tokenized(job.objects, receipts, None if job.plan.kept else job.records.get("count"))
    return record


def _check_spells(units: Sequence[Unit], vocabulary: Vocabulary) -> None:
    """Raise RecipeError where spans are to be mapped to tokens of which nobody knows the bytes."""
    if vocabulary.model.spells:
        return
    for unit in units:
        if unit.spanned:
            raise RecipeError(
                f"source {unit.source!r} has spans of texts, which become {', '.join(one.column.name for one in unit.spanned)} by "
                f"the bytes of each token, and this vocabulary is {vocabulary.slow_path or vocabulary.model.name}: use one that "
                "is read here"
            )


def _check_any(job: Job, receipts: Sequence[Receipt]) -> None:
    """Raise DataError for a source that gave no text at all, unless its recipe says that it may."""
    ledgers: dict[str, list[Ledger]] = {source.name: [] for source in job.plan.recipe.corpus}
    for unit, receipt in zip(job.plan.units, receipts, strict=True):
        ledgers[unit.source].append(receipt.ledger)
    for source in job.plan.recipe.corpus:
        ledger = Ledger.sum(ledgers[source.name])
        if not ledger.documents_out and not source.allow_empty:
            left = sum(ledger.filtered.values())
            raise DataError(
                f"source {source.name!r} gave no text: of {ledger.documents_in:,} records {ledger.empty:,} are empty, "
                f"{ledger.rejects:,} were rejected and {left:,} left out by steps; correct the source, or set its "
                "allow_empty: true"
            )


def _knowing(task: TokenizeTask, known: Mapping[str, Known]) -> TokenizeTask:
    return replace(task, known={name: known[name] for name in task.identities() if name in known})


def _coverage(units: Sequence[Unit], receipts: Sequence[Receipt]) -> dict[str, Coverage]:
    """How the vocabulary met the text of each source; of one with units from before it was counted, nothing."""
    found: dict[str, list[Coverage | None]] = {}
    for unit, receipt in zip(units, receipts, strict=True):
        found.setdefault(unit.source, []).extend(piece.coverage for piece in receipt.pieces)
    return {
        source: Coverage.sum(part for part in parts if part is not None)
        for source, parts in found.items()
        if None not in parts
    }
