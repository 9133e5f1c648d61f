"""count: text to word counts.

Each unit's words are counted and written in partitions by a hash of the word, one record batch a partition. Then each
partition is merged over all units by a task of its own (in two steps, where there are very many units), which also adds up
the partition's pairs of adjacent bytes. No process ever holds more than one unit's or one partition's words. A unit is of one
source, so that sources get their weights in the merge, and other weights need no other counting. For superwords, pieces are
counted besides words in the same pass. Where groups are to be treated alike, the words of each group are counted, and written
behind its name besides.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from pairloom.operators import WordCounter, WordCounts, count_pairs, merge_counts
from pairloom.operators.counts.groups import behind, by_name, groups_of, joined, prefix_of
from pairloom.operators.documents import SPECIAL, DocumentBatch
from pairloom.operators.encode.spans import texts_between
from pairloom.operators.errors import RecipeError
from pairloom.operators.text.normalize import normalize, normalizer_identity
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job, dead_letters
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.inputs.intake import Intake, slice_identity
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import in_phase, phase
from pairloom.pipeline.recipe import Cut
from pairloom.pipeline.stages.count.combine import combine
from pairloom.pipeline.stages.count.cost import count_memory, merge_memory
from pairloom.pipeline.stages.count.files import PAIRS, WORDS, word_batch, words_of
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Receipt, committed_receipts

__all__ = ["CountTask", "MergeTask", "count", "merged", "recount"]

SOURCE = "source"  # what groups that are the sources of the recipe are by
GATHERED = 1 << 20  # bytes of small texts that are counted together
MERGED_ROWS = 1 << 20  # words in a record batch of a merged partition


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTask(UnitTask):
    """Count the words of one unit into `parts` partitions."""

    input: Unit
    cut: Cut
    normalizer: str
    parts: int
    max_record_bytes: int
    strict: bool = False  # whether no record may be rejected
    by: str | None = None  # what words are grouped by: `source`, or a column
    step = "count"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {
            "slices": [slice_identity(piece) for piece in self.input.slices],
            **self.input.identity(id=False),
            "cut": self.cut.counted,
            "normalizer": normalizer_identity(self.normalizer),
            "parts": self.parts,
            **self._grouped,
        }

    @property
    def _grouped(self) -> dict[str, object]:
        if self.by is None:
            return {}
        source = {"source": self.input.source} if self.by == SOURCE else {}
        return {"groups": self.by, **source}

    @property
    def label(self) -> str:
        """The first input of the unit."""
        return self.input.slices[0].file.uri

    def need(self) -> int:
        """A table of words and a few batches of text; pieces hardly repeat and are held whole."""
        return count_memory(self.input.bytes, repeats=self.cut.repeats) + self.input.list_memory

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read, normalize, count, partition, write."""
        intake = Intake(self.input, self.max_record_bytes, strict=self.strict)
        words: dict[str | None, WordCounter] = {}
        pieces = None if self.cut.weaker is None else WordCounter(self.cut.weaker)
        for name, contents in _gathered(self._by_group(intake.documents())):
            with phase("count"):
                texts = normalize(contents, self.normalizer)
                if name not in words:
                    words[name] = WordCounter(self.cut.first)
                words[name].add(texts)
                if pieces is not None:
                    pieces.add(texts)
        with phase("count"):
            counted = {name: words.pop(name).finish() for name in sorted(words, key=prefix_of)}
        self._write(attempt, "words", merge_counts(counted.values()))
        if self.by is not None:
            self._write(attempt, "groups", joined(behind(prefix_of(name), counted[name]) for name in counted))
        if pieces is not None:
            with phase("count"):
                found = pieces.finish()
            self._write(attempt, "pieces", found)
        intake.write_rejected(attempt)
        attempt.ledger, attempt.slices, attempt.read = intake.ledger(), intake.slices(), tuple(intake.read)

    def _by_group(
        self, batches: Iterator[DocumentBatch]
    ) -> Iterator[tuple[str | None, pa.LargeStringArray, int]]:
        """The texts of the documents of each group, and their bytes."""
        for batch in batches:
            if self.by in (None, SOURCE):
                texts, size = _texts(batch), batch.bytes
                del batch  # a large one is needed by nobody else
                yield None if self.by is None else self.input.source, texts, size
                del texts
                continue
            names = batch.columns.get(self.by)
            names = pa.nulls(len(batch), pa.large_string()) if names is None else names
            for part, name in by_name(batch, names):
                yield name, _texts(part), part.bytes

    def _write(self, attempt: Attempt, role: str, counts: WordCounts) -> None:
        with attempt.arrow(role, WORDS) as writer:
            for part in counts.partition(self.parts):
                writer.write(word_batch(part))
            writer.facts.update(words=len(counts), pretokens=counts.total)


def _texts(batch: DocumentBatch) -> pa.LargeStringArray:
    special = batch.spans.get(SPECIAL)
    return batch.content if special is None else texts_between(batch.content, special)


def _gathered(
    parts: Iterator[tuple[str | None, pa.LargeStringArray, int]],
) -> Iterator[tuple[str | None, pa.LargeStringArray]]:
    """The texts of each group, those of many small files in one array: counting has costs of its own for each array."""
    held: dict[str | None, list[pa.LargeStringArray]] = {}
    sizes: dict[str | None, int] = {}
    for name, texts, size in parts:
        held.setdefault(name, []).append(texts)
        sizes[name] = sizes.get(name, 0) + size
        del texts  # a large one is needed by nobody else
        if sizes[name] >= GATHERED:
            yield name, _joined(held.pop(name))
            sizes[name] = 0
    for name in list(held):
        yield name, _joined(held.pop(name))


def _joined(arrays: list[pa.LargeStringArray]) -> pa.LargeStringArray:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeTask(UnitTask):
    """Merge one partition of the counts over all units, weighted, and count its pairs of adjacent bytes.

    `role` is what is counted; only of words are `pairs` counted. The tasks of a role share (file, weight) of the units.
    """

    role: str
    part: int
    counts: str  # the fingerprint of all units' files and weights
    expected_bytes: int
    pairs: bool = False
    step = "merge"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {"role": self.role, "part": self.part, "counts": self.counts}

    @property
    def label(self) -> str:
        """The partition."""
        return f"partition {self.part} of {self.role}"

    def need(self) -> int:
        """The partition's words, twice."""
        return merge_memory(self.expected_bytes)

    def work(self, attempt: Attempt, shared: "Weighted") -> None:
        """Merge, write the words, write the pairs."""
        with phase("sort"):
            counts = merge_counts(in_phase("read", self._parts(attempt.objects, shared)))
        with attempt.arrow(self.role, WORDS) as words:
            whole = word_batch(counts)
            for start in range(0, len(counts), MERGED_ROWS):
                words.write(whole.slice(start, MERGED_ROWS))
            words.facts.update(words=len(counts), pretokens=counts.total)
            if self.role == "groups":
                words.facts.update(groups=sum(1 for _ in groups_of(counts.words)))
        if self.pairs:
            self._write_pairs(attempt, counts)

    def _write_pairs(self, attempt: Attempt, counts: WordCounts) -> None:
        with attempt.arrow("pairs", PAIRS) as pairs:
            table = count_pairs(counts)
            left, right = np.nonzero(table)
            columns = [left.astype(np.uint8), right.astype(np.uint8), table[left, right]]
            pairs.write(pa.RecordBatch.from_arrays([pa.array(c) for c in columns], schema=PAIRS))

    def _parts(self, objects: Objects, inputs: "Weighted") -> Iterator[WordCounts]:
        for number, (stored, weight) in enumerate(inputs):
            note(number, len(inputs))
            if weight:
                with open_arrow(objects, stored) as reader:
                    yield words_of(reader.get_batch(self.part)).times(weight)


# The units' files, and how often each one's counts are taken.
Weighted: TypeAlias = tuple[tuple[StoredFile, int], ...]


def count(job: Job) -> StageRecord:
    """Count every unit, then merge every partition with the weights of its sources."""
    counted = _counted(job)
    sources = [unit.source for unit in job.plan.units]
    words = _merge(job, "words", counted, sources)
    parity = job.plan.recipe.vocabulary.parity
    groups = [] if parity is None else _merge(job, "groups", counted, sources)
    pieces = [] if job.plan.cut.weaker is None else _merge(job, "pieces", counted, sources)
    return StageRecord(
        key=job.plan.keys["count"],
        units=tuple(receipt.unit for receipt in counted),
        files=tuple(file for receipt in (*words, *groups, *pieces) for file in receipt.files),
        rejected=dead_letters(counted),
        ledger=Ledger.sum(receipt.ledger for receipt in counted),
        facts={
            "words": sum(receipt.file("words").facts["words"] for receipt in words),
            "pretokens": sum(receipt.file("words").facts["pretokens"] for receipt in counted),
        },
    )


def recount(job: Job, record: StageRecord, lost: Set[str]) -> list[StoredFile]:
    """Count the units of the plan again, and merge those of `record` again where one of its files is `lost`; what was made."""
    if job.plan.units:
        _counted(job)
    roles = {file.role for file in record.files if file.path in lost}
    if not roles:
        return []
    counted = list(committed_receipts(job.objects, "count", record.units))
    sources = _sources(job, counted)
    roles = {"words" if role == "pairs" else role for role in roles}
    made = [receipt for role in sorted(roles) for receipt in _merge(job, role, counted, sources)]
    return [file for receipt in made for file in receipt.files]


def _counted(job: Job) -> list[Receipt]:
    recipe = job.plan.recipe
    by = None if recipe.vocabulary.parity is None else recipe.vocabulary.parity.by
    tasks = [
        CountTask(
            root=recipe.root,
            input=unit.bare() if by in (None, SOURCE) else unit.only(by),
            cut=job.plan.cut,
            normalizer=job.plan.normalizer,
            parts=job.plan.partitions,
            max_record_bytes=recipe.max_record_bytes,
            strict=recipe.max_rejected == 0,
            by=by,
        )
        for unit in job.plan.units
    ]
    return job.step("count", tasks, sizes=[unit.bytes for unit in job.plan.units])


def _sources(job: Job, counted: Sequence[Receipt]) -> list[str]:
    """The sources of units that were counted once, by what was tokenized of the same inputs; raises RecipeError."""
    recipe, tokenized = job.plan.recipe, job.records.get("tokenize")
    if len(set(recipe.count_weights().values())) == 1:
        return [recipe.corpus[0].name] * len(counted)
    sources: dict[str, str] = {}
    if tokenized is not None:
        receipts = committed_receipts(job.objects, "tokenize", tokenized.units)
        for receipt, source in zip(receipts, tokenized.unit_sources, strict=True):
            sources |= dict.fromkeys((uri for uri, _ in receipt.slices), source)
    try:
        return [sources[receipt.slices[0][0]] for receipt in counted]
    except (KeyError, IndexError) as error:
        raise RecipeError(f"of which source {error} was is not known, and sources have weights") from error


def _merge(job: Job, role: str, counted: Sequence[Receipt], sources: Sequence[str]) -> list[Receipt]:
    weights = job.plan.recipe.count_weights()
    return merged(
        job,
        role,
        [receipt.file(role) for receipt in counted],
        [weights[source] for source in sources],
        pairs=role == "words",
    )


def merged(
    job: Job, role: str, files: Sequence[StoredFile], factors: Sequence[int], *, pairs: bool = False
) -> list[Receipt]:
    """Merge files of counts, a partition a task, each file as often as its factor says; combines them first where they are many.

    Words merge in the steps `combine` and `merge`, whatever else is counted in steps that have the role behind that.
    """
    steps = [step if role == "words" else f"{step} {role}" for step in ("combine", "merge")]
    files, factors = combine(job, role, files, factors, step=steps[0])
    size, parts = sum(file.bytes for file in files), job.plan.partitions
    counts = fingerprint([[file.sha256, factor] for file, factor in zip(files, factors, strict=True)])
    tasks = [
        MergeTask(
            root=job.plan.recipe.root,
            role=role,
            part=part,
            counts=counts,
            expected_bytes=size // parts,
            pairs=pairs,
        )
        for part in range(parts)
    ]
    return job.step(
        steps[1], tasks, shared=tuple(zip(files, factors, strict=True)), sizes=[size // parts] * parts
    )
