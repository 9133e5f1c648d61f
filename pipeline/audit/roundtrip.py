"""The round trip: units are read again from their sources, and compared with what was made of them, byte for byte.

    source ── read, normalize ──▶ text ═══ decoded tokens of the unit's shard        every unit that is looked at
                                   text ═══ decoded tokens of the packed rows         the sampled units

Documents are found in rows by their number and put together by their offsets. Memory is bounded by a unit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Vocabulary
from pairloom.operators.documents import SPECIAL, DocumentBatch
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.errors import CorruptionError
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.pack import kept_of
from pairloom.operators.schema import INPUT_IDS, ROW, SLICE
from pairloom.operators.text.normalize import normalize
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.audit.expected import Taken, flat, own_segments, segments, shards
from pairloom.pipeline.audit.rows import plain_rows
from pairloom.pipeline.audit.sources import tasks_again
from pairloom.pipeline.audit.verify import STAGE, Proof
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.flow.events import Doing, Event, StepFinished, StepStarted, UnitDone, hearing
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.notes import noting
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.stages.tokenize.task import TokenizeTask
from pairloom.pipeline.store.files import open_arrow, read_batches
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["round_trip"]

_ADVICE = "Verify the rest with --sample 0, or run the recipe again"


def round_trip(
    dataset: Dataset,
    proof: Proof,
    *,
    sample: int,
    seed: int = 0,
    everything: bool = False,
    observe: Callable[[Event], None] = lambda _: None,
) -> None:
    """Compare `sample` units, chosen by `seed`, with their sources, through their shards and through the rows.

    With `everything`, the shards of all the other units are compared too. Adds to `proof` what was proved. Raises
    CorruptionError for the first document that differs, DataError or RecipeError for a source that is not as it was.
    """
    made = list(shards(dataset))
    order = sorted(made, key=lambda shard: hash_bytes(shard.receipt.unit.encode(), seed))
    chosen = {shard.receipt.unit for shard in order[:sample]}
    recipe, vocabulary = Recipe.model_validate(dataset.manifest.recipe), dataset.vocabulary()
    observe(Doing(stage=STAGE, step="sources", what="listing the sources"))
    tasks, taken = tasks_again(dataset, recipe, vocabulary, _ADVICE), Taken(dataset)
    units = [shard for shard in made if everything or shard.receipt.unit in chosen]
    weight = {shard.receipt.unit: tasks[shard.receipt.unit].input.bytes for shard in units}
    size = sum(weight.values())
    observe(StepStarted(stage=STAGE, step="sources", units=len(units), reused=0, bytes=size))
    for shard in units:
        name, before = shard.receipt.unit, proof.source_documents
        unit = _Unit(dataset, recipe, vocabulary, tasks, shard, taken)
        with hearing(observe, "sources", weight), noting("sources", name):
            unit.check(proof, rows=name in chosen)
        read = proof.source_documents - before
        ledger = Ledger(documents_in=read, documents_out=read)
        observe(UnitDone(step="sources", unit=name, bytes=weight[name], ledger=ledger))
    observe(StepFinished(step="sources", ledger=Ledger()))


class _Unit:
    """One unit on its way from its source to its rows."""

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        vocabulary: Vocabulary,
        tasks: dict[str, TokenizeTask],
        shard: PlacedShard,
        taken: Taken,
    ) -> None:
        self._dataset, self._recipe, self._vocabulary, self._shard = dataset, recipe, vocabulary, shard
        self._task, self._taken = tasks[shard.receipt.unit], taken
        self._uri = dataset.objects.uri(shard.stored.path)

    def check(self, proof: Proof, *, rows: bool) -> None:
        """Compare source and shard, and source and rows if asked."""
        with open_arrow(self._dataset.objects, self._shard.stored) as reader:
            table = reader.read_all().combine_chunks()
            batches = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        (shard,) = batches
        packed = self._packed(shard) if rows and "pack" in self._dataset.manifest.stages else None
        done = 0
        intake = Intake(self._task.input, self._task.max_record_bytes)
        for read in self._documents(intake):
            part = shard.slice(done, len(read))
            where = np.full(len(read), read.slice, np.int32)
            if len(part) < len(read) or not (
                np.array_equal(part.column(SLICE).to_numpy(), where) and part.column(ROW).equals(read.row)
            ):
                raise CorruptionError(
                    f"{self._uri}, from row {done} on: these are not the documents of {self._task.label}"
                )
            self._check_attributes(read, part, done)
            proof.source_documents += len(read)
            special = read.spans.get(SPECIAL)
            if read.given:
                found = self._task.given_tokens(read, tokenizer_of(self._vocabulary))
                proof.source_bytes += self._compare_given(found, part, done)
            else:
                texts = normalize(read.content, self._vocabulary.normalizer)
                proof.source_bytes += self._compare(
                    texts, part.column(INPUT_IDS), done, self._uri, special=special
                )
                self._check_columns(read, part, done)
            if packed is not None:
                lists, complete = packed
                kept = lists.slice(done, len(part))
                whole = np.flatnonzero(complete[done : done + len(part)])
                pick = pa.array(whole)
                what = f"packed rows of {self._dataset.objects.root}, document"
                if read.given:
                    chosen, rows = found[INPUT_IDS].take(pick), kept.take(pick)
                    proof.row_bytes += self._same_ids(chosen, rows, done, what)
                else:
                    proof.row_bytes += self._compare(
                        texts.take(pick),
                        kept.take(pick),
                        done,
                        what,
                        respelled=self._respelled,
                        special=None if special is None else special.take(pick),
                    )
                proof.row_documents += len(whole)
            done += len(read)
        if done != len(shard):
            raise CorruptionError(f"{self._uri} has {len(shard)} documents, {self._task.label} has {done}")
        ledger = self._shard.receipt.ledger
        counted = {"tokens": ledger.tokens, "trained": ledger.trained}  # which were compared one by one
        if intake.ledger().model_copy(update=counted) != ledger:
            raise CorruptionError(
                f"{self._uri}: {self._task.label} reads with another ledger than when it was tokenized"
            )
        proof.source_units += 1
        proof.decoded = self._vocabulary.model.spells

    def _check_columns(self, read: DocumentBatch, part: pa.RecordBatch, first: int) -> None:
        """Raise CorruptionError unless the columns beside the ids are what the spans of the source say."""
        if not self._task.input.spanned:
            return
        ids = part.column(INPUT_IDS)
        lists = pa.LargeListArray.from_arrays(pc.subtract(ids.offsets, ids.offsets[0]), ids.flatten())
        for name, column in self._task.spanned_values(read, lists, tokenizer_of(self._vocabulary)).items():
            if not np.array_equal(part.column(name).flatten().to_numpy(), column.values.to_numpy()):
                raise CorruptionError(
                    f"{self._uri}: {name} of the documents from {first} on is not what the spans of their texts in "
                    f"{self._task.label} say"
                )

    def _check_attributes(self, read: DocumentBatch, part: pa.RecordBatch, first: int) -> None:
        """Raise CorruptionError unless the columns of documents are what their records have."""
        for name, values in read.columns.items():
            if name not in part.schema.names or not part.column(name).equals(values):
                there = part.column(name).to_pylist() if name in part.schema.names else [None] * len(values)
                at = next((i for i, one in enumerate(values.to_pylist()) if one != there[i]), 0)
                raise CorruptionError(
                    f"{self._uri}, row {first + at}: its column {name} is {there[at]!r}, and {values[at].as_py()!r} in "
                    f"{self._task.label}"
                )

    def _documents(self, intake: Intake) -> Iterator[DocumentBatch]:
        for number in range(len(self._task.input.slices)):
            yield from self._task.documents(intake, number, tokenizer_of(self._vocabulary))

    def _compare_given(self, found: Mapping[str, pa.LargeListArray], part: pa.RecordBatch, first: int) -> int:
        """Compare what documents bring with the columns of the shard; the bytes of ids that were equal."""
        for name, lists in found.items():
            if name != INPUT_IDS:
                self._same_ids(lists, part.column(name), first, f"column {name} of {self._uri}")
        return self._same_ids(found[INPUT_IDS], part.column(INPUT_IDS), first, self._uri)

    def _same_ids(self, wanted: pa.LargeListArray, there: pa.LargeListArray, first: int, what: str) -> int:
        """The bytes of two columns that are equal; raises CorruptionError where they are not."""
        values, size = wanted.flatten().to_numpy(), np.diff(wanted.offsets.to_numpy())
        other, again = there.flatten().to_numpy(), np.diff(there.offsets.to_numpy())
        if np.array_equal(size, again) and np.array_equal(values, other):
            return int(values.nbytes)
        lists = zip(wanted.to_pylist(), there.to_pylist(), strict=True)
        at = next(i for i, (one, two) in enumerate(lists) if one != two)
        raise CorruptionError(
            f"{what} {first + at}: has not the tokens that its record brings in {self._task.label}"
        )

    @property
    def _respelled(self) -> bool:
        return any(step.respells for step in self._taken.steps.steps)

    def _compare(
        self,
        texts: pa.Array,
        ids: pa.LargeListArray,
        first: int,
        what: str,
        *,
        respelled: bool = False,
        special: pa.LargeListArray | None = None,
    ) -> int:
        """Compare texts with decoded ids, the tokens around each document included; the bytes that were equal.

        Where decoding need not give back the text, ids are compared with those of a new encoding, and what is `respelled` with
        what those decode to.
        """
        if not len(texts):
            return 0
        vocabulary, task = self._vocabulary, self._task
        if not vocabulary.model.spells:  # decoding need not give back the text
            again = (
                tokenizer_of(vocabulary)
                .encode_column(
                    texts,
                    prepend=task.prepend,
                    append=task.append,
                    special_tokens_in_text=self._policy if special is None else "text",
                    special=special,
                )
                .ids
            )
            pair = (again.to_pylist(), ids.to_pylist())
            if respelled:
                pair = (vocabulary.decode(again).to_pylist(), vocabulary.decode(ids).to_pylist())
            equal = np.array([a == b for a, b in zip(*pair, strict=True)])
        else:
            before, after = (
                pa.scalar(b"".join(vocabulary.tokens[i] for i in around), pa.large_binary())
                for around in (task.prepend, task.append)
            )
            bare = pa.scalar(b"", pa.large_binary())
            wanted = pc.binary_join_element_wise(before, texts.cast(pa.large_binary()), after, bare)
            decoded = vocabulary.decode(ids)
            equal = _same(wanted, decoded, vocabulary.normalizer) & self._surrounded(ids)
        if not np.all(equal):
            at = int(np.flatnonzero(~np.asarray(equal))[0])
            wrong = (
                "does not decode to" if vocabulary.model.spells else "has other ids than a new encoding of"
            )
            raise CorruptionError(f"{what} {first + at}: {wrong} its text in {self._task.label}")
        return int(pc.sum(pc.binary_length(texts)).as_py())

    @property
    def _policy(self) -> str:
        return "parse" if self._task.special_tokens_in_text == "parse" else "text"

    def _surrounded(self, ids: pa.LargeListArray) -> npt.NDArray[np.bool_]:
        """Which documents begin and end with the tokens that the recipe puts around them."""
        values, starts, lengths = flat(ids)
        out = lengths >= len(self._task.prepend) + len(self._task.append)
        for place, token in enumerate(self._task.prepend):
            out[out] = values[(starts + place)[out]] == token
        for place, token in enumerate(reversed(self._task.append), start=1):
            out[out] = values[(starts + lengths - place)[out]] == token
        return out

    def _packed(self, shard: pa.RecordBatch) -> tuple[pa.LargeListArray, npt.NDArray[np.bool_]]:
        """What the rows hold of each document of the shard, with steps undone, and whether that is the whole document.

        It is not where its number is not its own, where it is not taken, and where steps cannot be undone.
        """
        numbers, taken = self._shard.numbers(shard), self._taken
        documents = TokenBatch.of_table(shard, numbers)
        made = taken.steps.apply(documents).batch
        values, lengths = made.flat(INPUT_IDS), made.length
        starts = np.cumsum(lengths) - lengths
        choice = self._recipe.pack
        kept = kept_of(made, self._dataset.manifest.stage("pack").facts["seq_len"], choice.overflow)
        _, _, copies = taken.splits(self._shard, shard, taken.duplicates(self._shard))
        unique, index, count = np.unique(numbers, return_index=True, return_counts=True)
        count[self._elsewhere(unique)] += 1
        own = np.zeros(len(numbers), np.bool_)
        own[index[count == 1]] = True
        if taken.steps.steps:  # which make another document of each copy
            own &= copies <= 1
        begins = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum(np.where(own, kept, 0), out=begins[1:])
        out, seen = np.zeros(begins[-1], values.dtype), np.zeros(begins[-1], np.int32)
        for path, row, tokens, length, document, offset in self._segments(unique[own[index]]):
            at = index[np.searchsorted(unique, document)]
            for s in range(len(at)):
                place = begins[at[s]] + offset[s]
                piece = tokens[s]
                if offset[s] + length[s] > kept[at[s]]:
                    raise CorruptionError(
                        f"{path}, row {row[s]}: document {document[s]} has {kept[at[s]]} tokens to pack, a segment ends at "
                        f"{offset[s] + length[s]}"
                    )
                source = values[starts[at[s]] + offset[s] : starts[at[s]] + offset[s] + length[s]]
                if not np.array_equal(piece, source):
                    raise CorruptionError(
                        f"{path}, row {row[s]}: the segment of document {document[s]} from its token {offset[s]} on is not "
                        f"that of {self._task.label}"
                    )
                out[place : place + length[s]] = piece
                seen[place : place + length[s]] += 1
        most = choice.strategy.most_rows if choice.predict_every_token else 1
        times = np.repeat(copies, np.diff(begins))
        if len(wrong := np.flatnonzero((seen < times) | (seen > most * times))):
            at_fault = int(np.searchsorted(begins, wrong[0], side="right")) - 1
            raise CorruptionError(
                f"document {numbers[at_fault]} of {self._task.label}: its token {wrong[0] - begins[at_fault]} is "
                f"{seen[wrong[0]]} times in rows, the recipe takes it {copies[at_fault]} times"
            )
        lists = pa.LargeListArray.from_arrays(pa.array(begins), pa.array(out))
        whole = own & (copies > 0) & (kept == lengths)
        return self._undone(documents, made, lists, whole) if taken.steps.steps else (lists, whole)

    def _undone(
        self,
        documents: TokenBatch,
        made: TokenBatch,
        lists: pa.LargeListArray,
        whole: npt.NDArray[np.bool_],
    ) -> tuple[pa.LargeListArray, npt.NDArray[np.bool_]]:
        """What rows hold, with steps undone, and which documents that is the whole of.

        A document that steps have left as it was is not undone. One whose text spells special tokens, if these are parsed,
        may look like what a step makes, and is left to the comparison of its tokens.
        """
        keys = np.zeros(len(documents), np.uint64)
        same = documents.fingerprints(keys)[:, 0] == made.fingerprints(keys)[:, 0]
        back = self._taken.steps.undo(TokenBatch.of({INPUT_IDS: lists}, number=documents.number))
        if back is None:
            return lists, whole & same
        if self._policy == "parse" or self._task.input.spanned or self._vocabulary.plain_tokens:
            special = np.isin(documents.flat(INPUT_IDS), list(self._vocabulary.special_ids))
            count = np.add.reduceat(np.append(special, False), np.cumsum(documents.length) - documents.length)
            count = np.where(documents.length > 0, count, 0)
            whole = whole & (same | (count == len(self._task.prepend) + len(self._task.append)))
        both = TokenBatch.of({INPUT_IDS: pa.chunked_array([lists, back.gathered(INPUT_IDS)])})
        chosen = np.arange(len(same)) + np.where(same, 0, len(same))
        return both.take(chosen).gathered(INPUT_IDS), whole

    def _elsewhere(self, unique: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of these numbers documents of other shards have too: documents with one id cannot be told apart in rows."""
        found = np.zeros(len(unique), np.bool_)
        for shard in shards(self._dataset):
            if shard.first_record != self._shard.first_record:
                for batch in read_batches(self._dataset.objects, shard.stored):
                    found |= np.isin(unique, shard.numbers(batch))
        return found

    def _segments(
        self, wanted: npt.NDArray[np.int64]
    ) -> Iterator[
        tuple[str, npt.NDArray[Any], Sequence[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
    ]:
        """The segments of the wanted documents, batch by batch of the packed files."""
        for stored, first, batch in plain_rows(self._dataset, self._taken.row_steps):
            row, found = segments(batch)
            start, length, document, offset, which = own_segments(batch, found)
            row = row[which]
            hits = np.flatnonzero(np.isin(document, wanted))
            if len(hits):
                values = batch.column(INPUT_IDS).flatten().to_numpy()
                pieces = [values[a : a + n] for a, n in zip(start[hits], length[hits], strict=True)]
                path = self._dataset.objects.uri(stored.path)
                yield path, first + row[hits], pieces, length[hits], document[hits], offset[hits]


def _same(wanted: pa.Array, decoded: pa.Array, normalizer: str) -> npt.NDArray[np.bool_]:
    """Which texts are equal: as they are, or once the seams of added tokens are normalized, at which encoding does not."""
    equal: npt.NDArray[np.bool_] = pc.equal(wanted, decoded).to_numpy(zero_copy_only=False).copy()
    for at in np.flatnonzero(~equal) if normalizer != "none" else ():
        try:
            one, other = (array.slice(int(at), 1).cast(pa.large_string()) for array in (wanted, decoded))
        except pa.ArrowInvalid:  # not UTF-8, which the text is
            continue
        equal[at] = normalize(one, normalizer).equals(normalize(other, normalizer))
    return equal
