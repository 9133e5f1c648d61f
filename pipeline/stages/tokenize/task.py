"""tokenize: text to token shards, one a unit, documents in the order of the input.

A shard is an Arrow file with a row for each document that holds text: which record it is (`slice`, `row`), its `id` if
the input has one, and `input_ids`, with the tokens that the recipe prepends and appends; then the columns that the source
asks for. What no shard holds is in the unit's ledger. Its receipt has the strings that the columns have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.documents import LOSS_MASK, SPECIAL, DocumentBatch
from pairloom.operators.encode import Encoded, Tokenizer
from pairloom.operators.encode.span_values import span_values
from pairloom.operators.errors import CorruptionError, DataError
from pairloom.operators.given import Beside, filled, surrounded
from pairloom.operators.given.giver import rejected
from pairloom.operators.models import Located
from pairloom.operators.schema import INPUT_IDS, columns_of, shard_schema
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.identity import unit_ids
from pairloom.pipeline.inputs.intake import Intake, slice_identity
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.phases import elapsed, phase
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.tokenize.carried import Strings
from pairloom.pipeline.stages.tokenize.cost import TOKENIZE_MEMORY
from pairloom.pipeline.stages.tokenize.encoded import EncodedBatch, coverages, remaining, without_untaught
from pairloom.pipeline.stages.tokenize.gathering import cut_lists, edges_of, gathered
from pairloom.pipeline.stages.tokenize.refusing import without_refused, without_special_tokens
from pairloom.pipeline.stages.tokenize.reuse import Known, earlier_shards
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Piece

__all__ = ["TokenizeTask", "tokenize_task"]


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
        made = [_Made(identity=identity) for identity in self.identities()]
        beside, attributes = [one.column for one in self.columns], self.input.attributes
        schema = shard_schema(
            shared.vocabulary.dtype, shared.vocabulary.fingerprint, beside, attributes=attributes
        )
        strings = Strings(of=self.label)
        with attempt.arrow("tokens", schema) as writer:
            for batch in self._batches(attempt.objects, intake, shared, schema, made):
                writer.write(batch)
                strings.add_batch(batch, attributes)
            attempt.ledger = intake.ledger()
            writer.facts.update(tokens=attempt.ledger.tokens)
        intake.write_rejected(attempt)
        attempt.slices, attempt.read = intake.slices(), tuple(intake.read)
        attempt.pieces, attempt.payload = self._pieces(intake, made), strings.payload()

    def _batches(
        self,
        objects: Objects,
        intake: Intake,
        tokenizer: Tokenizer,
        schema: pa.Schema,
        made: Sequence["_Made"],
    ) -> Iterator[pa.RecordBatch]:
        """The record batches of the shard, each of one slice; `made` is told what they are of."""
        with earlier_shards(objects) as earlier:
            for here, run in groupby(range(len(made)), lambda number: made[number].identity in self.known):
                if not here:
                    yield from self._fresh(intake, list(run), tokenizer, schema, made)
                    continue
                for number in run:
                    known = self.known[made[number].identity]
                    intake.take(known.piece.ledger, known.read)
                    for batch in earlier.batches(known, number):
                        made[number].batches += 1
                        yield batch

    def _pieces(self, intake: Intake, made: Sequence["_Made"]) -> tuple[Piece, ...]:
        """What became of each slice, with the seconds since then shared out by documents.

        A slice that was taken over keeps what it took before.
        """
        rest = elapsed() - sum(one.seconds for one in made)
        each = rest / max(1, sum(ledger.documents_in for ledger in intake.ledgers))
        pieces = []
        for one, ledger in zip(made, intake.ledgers, strict=True):
            known = self.known.get(one.identity)
            seconds = round(one.seconds + each * ledger.documents_in, 4)
            pieces.append(
                Piece(
                    identity=one.identity,
                    ledger=ledger,
                    batches=one.batches,
                    coverage=Coverage.sum(one.met) if known is None else known.piece.coverage,
                    seconds=seconds if known is None else known.piece.seconds,
                )
            )
        return tuple(pieces)

    def identities(self) -> list[str]:
        """A hash for each slice of everything that decides its tokens, whatever unit it is in."""
        return unit_ids("slice", map(slice_identity, self.input.slices), self._settings())

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
        numbers: Sequence[int],
        tokenizer: Tokenizer,
        schema: pa.Schema,
        made: Sequence["_Made"],
    ) -> Iterator[pa.RecordBatch]:
        """Slices that are read and encoded; `made` is told what they are, and how the vocabulary met their text."""
        named = tuple(column.name for column in columns_of(schema))
        since = elapsed()
        for group in self._encoded(intake, numbers, tokenizer):
            for batch, found, met in group:
                one = made[batch.slice]
                one.met.append(met)
                if not len(batch):
                    continue
                one.batches += 1
                mask = found.get(LOSS_MASK)
                trained = 0 if mask is None else int(np.count_nonzero(mask.flatten().to_numpy()))
                intake.add_tokens(batch.slice, _count(found[INPUT_IDS]), trained)
                ids = batch.id if batch.id is not None else pa.nulls(len(batch), pa.large_string())
                where = pa.repeat(pa.scalar(batch.slice, pa.int32()), len(batch))
                columns = [
                    where,
                    batch.row,
                    ids,
                    *(_typed(found[name], schema.field(name)) for name in named),
                ]
                columns += [batch.columns[attribute.name] for attribute in self.input.attributes]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
            since, before = elapsed(), since
            for batch, _, _ in group:
                made[batch.slice].seconds += (since - before) / len(group)

    def documents(self, intake: Intake, number: int, tokenizer: Tokenizer) -> Iterator[DocumentBatch]:
        """The documents of a slice that are tokenized, batch by batch; the others go to the intake's ledger."""
        if any(one.needed for one in self.input.spanned):  # whether they are is known by their tokens
            for group in self._encoded(intake, [number], tokenizer):
                yield from (batch for batch, _, _ in group if len(batch))
        else:
            yield from self._read(intake, [number], tokenizer)

    def _encoded(
        self, intake: Intake, numbers: Sequence[int], tokenizer: Tokenizer
    ) -> Iterator[list[EncodedBatch]]:
        """The documents of slices with their columns; those that teach nothing, where they ought to, are rejected."""
        needed = [one.column.name for one in self.input.spanned if one.needed]
        for group in gathered(self._read(intake, numbers, tokenizer), self._fits(tokenizer)):
            with phase("encode"):
                encoded = self._tokens(group, tokenizer)
            yield (
                [without_untaught(intake, self._usable(intake, one), needed) for one in encoded]
                if needed
                else encoded
            )

    def _usable(self, intake: Intake, one: EncodedBatch) -> EncodedBatch:
        """The documents that can be used now that their tokens are known; the others are rejected."""
        giver = self.input.giver
        faults = None if giver is None else giver.unusable(one.batch, one.found)
        return one if not faults else remaining(intake, one, rejected(one.batch, faults))

    def _read(self, intake: Intake, numbers: Sequence[int], tokenizer: Tokenizer) -> Iterator[DocumentBatch]:
        for number in numbers:
            for batch in intake.slice(number):
                kept = batch if batch.slice == number else replace(batch, slice=number)
                if self.input.giver is not None:
                    kept = intake.lose(self.input.giver.placed(kept, tokenizer, self.special_tokens_in_text))
                if self.special_tokens_in_text == "error" and (
                    self.input.giver is None or self.input.giver.of_any_id
                ):
                    kept = intake.lose(without_special_tokens(kept, tokenizer))
                if kept.refused:
                    kept = intake.lose(without_refused(kept))
                if len(kept):
                    yield kept

    def _fits(self, tokenizer: Tokenizer) -> Callable[[DocumentBatch], bool]:
        """Whether documents may be encoded with those of other batches: they are texts alone, of which words are counted."""
        may = tokenizer.counts_each and not self.input.spanned
        return lambda batch: may and not batch.given and not batch.spans

    def _tokens(self, group: list[DocumentBatch], tokenizer: Tokenizer) -> list[EncodedBatch]:
        """Batches with their columns, encoded or given."""
        first = group[0]
        if first.given:
            return [EncodedBatch(first, self.given_tokens(first, tokenizer), Coverage(memo=self.memo))]
        edges, special = edges_of(group), first.spans.get(SPECIAL)
        texts = first.content if len(group) == 1 else pa.concat_arrays([one.content for one in group])
        try:
            encoded = self._encode(texts, special, tokenizer)
        except DataError:
            for batch in group:  # the document that the error names is one of its batch
                self._encode(batch.content, special, tokenizer)
            raise
        others = [one for one in self.columns if one.column.name not in first.spans]
        spanned = self.spanned_values(first, encoded.ids, tokenizer, encoded.located)
        found = {INPUT_IDS: encoded.ids, **filled(encoded.ids, others), **spanned}
        parts = zip(*(cut_lists(column, edges) for column in found.values()), strict=True)
        met = coverages(texts, encoded, edges, around=len(self.prepend) + len(self.append), memo=self.memo)
        return [
            EncodedBatch(batch, dict(zip(found, columns, strict=True)), coverage)
            for batch, columns, coverage in zip(group, parts, met, strict=True)
        ]

    def tokens(self, batch: DocumentBatch, tokenizer: Tokenizer) -> Mapping[str, pa.LargeListArray]:
        """The ids of documents and what stands beside them."""
        (made,) = self._tokens([batch], tokenizer)
        return made.found

    def given_tokens(self, batch: DocumentBatch, tokenizer: Tokenizer) -> dict[str, pa.LargeListArray]:
        """The ids that documents bring, and what stands beside them."""
        dtype = tokenizer.vocabulary.dtype
        return surrounded(batch.given, self.columns, dtype, self.prepend, self.append)

    def spanned_values(
        self,
        batch: DocumentBatch,
        ids: pa.LargeListArray,
        tokenizer: Tokenizer,
        located: Located | None = None,
    ) -> dict[str, pa.LargeListArray]:
        """The columns that spans of documents become, of the ids that the documents were encoded to.

        `located` is where the tokens are from, which is asked for once more where it has to be known and is not.
        """
        special = batch.spans.get(SPECIAL)
        if located is None and self._apart(tokenizer):
            located = self._encode(batch.content, special, tokenizer).located
        found = {}
        for one in self.input.spanned:
            values = span_values(
                tokenizer,
                ids,
                batch.content,
                batch.spans[one.column.name],
                outside=one.outside,
                rule=one.rule,
                around=(len(self.prepend), len(self.append)),
                special=special,
                dtype=one.column.dtype,
                located=located,
            )
            found[one.column.name] = pa.LargeListArray.from_arrays(ids.offsets, pa.array(values))
        giver = self.input.giver
        return found if giver is None else found | giver.valued(batch, ids, found)

    def _encode(
        self, texts: pa.LargeStringArray, special: pa.LargeListArray | None, tokenizer: Tokenizer
    ) -> Encoded:
        """The tokens of texts. Where spans say which special tokens stand in them, what else spells one is text."""
        parse = self.special_tokens_in_text == "parse" and special is None
        encoded = tokenizer.encode_column(
            texts,
            prepend=self.prepend,
            append=self.append,
            special_tokens_in_text="parse" if parse else "text",
            special=special,
            offsets=self._apart(tokenizer),
        )
        self._check_range(encoded.ids, len(tokenizer.vocabulary))
        return encoded

    def _apart(self, tokenizer: Tokenizer) -> bool:
        """Whether it has to be asked for where tokens are from: spans become columns, and tokens do not spell the text."""
        return bool(self.input.spanned) and not tokenizer.vocabulary.model.spells

    def _check_range(self, encoded: pa.LargeListArray, size: int) -> None:
        values = encoded.values.to_numpy()
        if len(values) and int(values.max()) >= size:
            raise CorruptionError(
                f"{self.label}: id {values.max()} is not in the vocabulary of {size} tokens: this is a bug"
            )


@dataclass(slots=True, kw_only=True)
class _Made:
    """What was made of a slice so far; `met` is how the vocabulary met the text of each of its batches."""

    identity: str
    batches: int = 0
    seconds: float = 0.0
    met: list[Coverage] = field(default_factory=list)


def _count(lists: pa.LargeListArray) -> int:
    """How many values lists have together; `flatten` takes as long as encoding a small file."""
    offsets = lists.offsets
    return int(offsets[len(lists)].as_py() - offsets[0].as_py())


def _typed(lists: pa.LargeListArray, field: pa.Field) -> pa.LargeListArray:
    return lists if lists.type == field.type else lists.cast(field.type)


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
