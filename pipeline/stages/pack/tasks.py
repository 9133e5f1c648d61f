"""pack: token shards to packed rows, in two passes through storage.

    shard ─▶ exchange task: each document to its split and partition ─▶ one record batch a partition
    partition p of every exchange file ─▶ pack task: the order, the rows ─▶ a packed file, and what fills no row of it
    what fills no row in any partition ─▶ carry task ─▶ the last packed file of the split

The packed bytes are the same whatever the units and the workers were, and a partition's depend on nothing but the
documents in it: one whose documents are what they were is not packed again (`contents`). Memory is bounded by a shard in
the first pass and by a partition in the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack import PackPlan
from pairloom.operators.pack.joined import Stitched
from pairloom.operators.schema import Column
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.exchange.contents import known_contents, spread_all
from pairloom.pipeline.stages.exchange.files import Exchanged
from pairloom.pipeline.stages.exchange.orders import order_of
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.pack.carry import carry_tasks, write_leftover
from pairloom.pipeline.stages.pack.cost import pack_memory
from pairloom.pipeline.stages.pack.joining import joining_of
from pairloom.pipeline.stages.pack.rows import RowSettings, write_rows
from pairloom.pipeline.stages.select.mixed import selections, taken
from pairloom.pipeline.stages.tokenize.carried import carried_columns
from pairloom.pipeline.steps import DocumentSteps, RowSteps
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.manifest import SourceRecord, StageRecord
from pairloom.pipeline.store.receipts import Ledger, Receipt, committed_receipts

__all__ = ["PackShared", "PackTask", "pack_rows"]

# What receipts count, and what those of recipes with token steps count beside it.
COUNTED = ("splits", "truncated_tokens", "dropped_tokens", "dropped_documents", "repeated_tokens")
WINDOW = 1 << 16  # documents
CHANGED = ("added_tokens", "removed_tokens")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackShared:
    """What all tasks share: the exchange files, in groups, and the steps with what they know of the vocabulary."""

    groups: tuple[Exchanged, ...]
    documents: DocumentSteps
    rows: RowSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class PackTask(UnitTask):
    """Pack one partition: the documents that exchange files have for it.

    The unit depends on the split, the number of the partition in it and the documents: not on the rest of the corpus.
    """

    split: str
    number: int
    group: int  # of the exchange files that are shared
    batch: int
    documents: tuple[int, int, str]  # how many, their tokens, and the sum of what they are
    width: int  # bytes a token
    carries: bool  # whether what fills no row is left to a carry task
    settings: RowSettings
    sources: tuple[str, ...]  # the names of the recipe's, up to the last that has documents here
    step = "pack"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {
            "partition": [self.split, self.number],
            "documents": self.documents,
            "carries": self.carries,
            "rows": self.settings.identity(),
            "sources": self.sources,
        }

    @property
    def label(self) -> str:
        """The partition."""
        return f"{self.split} partition {self.number}"

    def need(self) -> int:
        """The partition as it is read, the plan, and a batch of rows."""
        documents, tokens, _ = self.documents
        documents *= 1 if self.settings.join is None else 2  # what is added counts as documents
        return pack_memory(tokens * self.width, documents, self.settings.steps, self.width)

    def work(self, attempt: Attempt, shared: PackShared) -> None:
        """Read, order, apply steps, plan, write."""
        exchanged = shared.groups[self.group]
        if (there := exchanged.total(self.batch)) != self.documents:
            raise CorruptionError(
                f"{self.label}: exchange files have {there}, and the index of the corpus says {self.documents}: a token "
                "shard or the index was changed, or this is a bug"
            )
        found = exchanged.read(attempt.objects, self.batch)
        with phase("sort"):
            found = found.ordered()
            found = self.settings.arranged(found, f"{self.split} {self.number}")
        documents, columns, changed = found.documents, found.columns, {}
        if self.settings.steps:
            with phase("encode"):
                made = shared.documents.apply(documents)
            documents, changed = made.batch, {"added_tokens": made.added, "removed_tokens": made.removed}
            columns = (*columns, *(column for step in self.settings.steps for column in step.columns))
        joined, whole = None, documents
        with phase("sort"):
            if self.settings.join is None:
                plans = self.settings.plans_of(documents, found.key)
            else:
                joined = Stitched.of(documents, found.key, columns, self.settings.join)
                plans, whole = joined.plans(self.settings.plans), joined.documents
                added, removed = (changed.get(name, 0) for name in CHANGED)
                changed = {"added_tokens": added + joined.added, "removed_tokens": removed}
        for plan in plans:
            self._write(attempt, plan, whole, columns, shared.rows, joined)
        dropped = sum(plan.dropped_documents for plan in plans)
        segments, begun = sum(len(plan.length) for plan in plans), np.zeros(len(whole), np.bool_)
        for plan in plans:
            begun[plan.document] = True
        names = ("truncated_tokens", "dropped_tokens", "dropped_documents", "repeated_tokens")
        facts = {name: sum(getattr(plan, name) for plan in plans) for name in names}
        attempt.ledger = Ledger(
            documents_in=len(documents),
            documents_out=len(documents) - dropped,
            rejected={"dropped_by_overflow": dropped} if dropped else {},
            tokens=sum(plan.tokens for plan in plans) - facts["repeated_tokens"],
        )
        attempt.facts = facts | changed | {"splits": segments - int(np.count_nonzero(begun))}

    def _write(
        self,
        attempt: Attempt,
        plan: PackPlan,
        documents: TokenBatch,
        columns: Sequence[Column],
        steps: RowSteps,
        joined: Stitched | None,
    ) -> None:
        settings, where = self.settings, f"{self.split} {self.number}"
        full, rest = settings.strategy.parted(plan) if self.carries else (plan, None)
        first = None if joined is None else joined.first
        if len(full):
            write_rows(
                *(attempt, full, documents, columns, settings, self.split, self.sources, steps, where),
                first=first,
                joined=joined,
            )
        if rest is not None and len(rest):
            write_leftover(attempt, rest, documents, columns, self.sources)


def pack_rows(job: Job) -> StageRecord:
    """Exchange shards, pack every partition that is not packed yet, pack what they leave."""
    recipe, choice = job.plan.recipe, job.plan.recipe.pack
    tokenized = job.records["tokenize"]
    mixed = selections(recipe, job.records["select"]) if "select" in job.records else None
    splits = Splits.of(
        tokenized.ledger.tokens if mixed is None else mixed.train_tokens,
        choice.file_tokens,
        choice.validation,
        mode=choice.shuffle.mode,
        groups=choice.shuffle.groups,
        by=choice.shuffle.by or "",
        descending=choice.shuffle.descending,
    )
    if mixed is not None:
        splits = splits.with_validation(mixed.validation_tokens)
    carried = carried_columns(
        recipe, committed_receipts(job.objects, "tokenize", tokenized.units, job.tokenized)
    )
    vocabulary = job.vocabulary()
    settings, width = _settings(job, vocabulary), vocabulary.dtype.itemsize
    groups: tuple[Exchanged, ...]
    kept: dict[str, object] = {}
    sources: tuple[SourceRecord, ...] = ()
    if mixed is None and not splits.order.scatters:
        known = known_contents(job, tokenized, splits, carried)
        tasks = [
            _task(
                job, splits, part, known.place(part), known.total(part), known.sources(part), settings, width
            )
            for part in range(len(splits))
        ]
        before = job.last and job.last.stages.get("pack")
        packed_before = set(before.units if before else ())
        changed = [part for part, task in enumerate(tasks) if task.unit not in packed_before]
        groups, kept = known.documents_of(job, changed, width), known.record(job)
    else:
        groups, sources = spread_all(job, tokenized, splits, carried, width, mixed)
        places = [(0, p) if splits.width == 1 else divmod(p, splits.width) for p in range(len(splits))]
        tasks = [
            _task(
                job,
                splits,
                part,
                (group, batch),
                groups[group].total(batch),
                groups[group].sources_of(batch),
                settings,
                width,
            )
            for part, (group, batch) in enumerate(places)
        ]
    shared = PackShared(
        groups=groups,
        documents=DocumentSteps.of(settings.steps, vocabulary, settings.seed),
        rows=RowSteps.of(settings.rows, vocabulary),
    )
    made = _pack(job, tasks, shared, splits, settings)
    wanted = tokenized.ledger.documents_out, tokenized.ledger.tokens
    if mixed is not None:
        wanted = taken(sources, "documents"), taken(sources, "tokens")
    return _record(job, wanted, settings, made).model_copy(update={"sources": sources} | kept)


def _task(
    job: Job,
    splits: Splits,
    part: int,
    place: tuple[int, int],
    documents: tuple[int, int, str],
    sources: int,
    settings: RowSettings,
    width: int,
) -> PackTask:
    return PackTask(
        root=job.plan.recipe.root,
        split=splits.name(part),
        number=splits.number(part),
        group=place[0],
        batch=place[1],
        documents=documents,
        width=width,
        carries=not splits.alone(part)
        and settings.strategy.carries
        and not splits.order.ranks  # what is carried comes last
        and not settings.related  # and apart
        and settings.join is None,
        settings=settings,
        sources=job.plan.recipe.sources[:sources],
    )


def _pack(
    job: Job, tasks: list[PackTask], shared: PackShared, splits: Splits, settings: RowSettings
) -> dict[str, list[Receipt]]:
    """Pack the partitions, and what they leave; the receipts of each split."""
    packed = job.step(
        "pack",
        tasks,
        shared=shared,
        sizes=[task.width * task.documents[1] for task in tasks],
        rejects_as_asked=True,
    )
    made: dict[str, list[Receipt]] = {"train": [], "validation": []}
    for task, receipt in zip(tasks, packed, strict=True):
        made[task.split].append(receipt)
    carries = [
        carry
        for split, receipts in made.items()
        for carry in carry_tasks(
            job.plan.recipe.root, split, _files(receipts, "leftover"), settings, splits.tokens
        )
    ]
    if carries:
        sizes = [sum(file.bytes for file in carry.leftovers) for carry in carries]
        carried = job.step("carry", carries, shared=shared.rows, sizes=sizes)
        for carry, receipt in zip(carries, carried, strict=True):
            made[carry.split].append(receipt)
    return made


def _record(
    job: Job, wanted: tuple[int, int], settings: RowSettings, made: dict[str, list[Receipt]]
) -> StageRecord:
    """What was made, split by split; raises CorruptionError unless it accounts for the documents and tokens `wanted`.

    Tokens in, and those that steps have added, less those that they have removed, are the tokens in rows and those left out.
    """
    names = COUNTED + (CHANGED if settings.steps or settings.join is not None else ())
    facts = {split: _facts(split, receipts, names) for split, receipts in made.items()}
    total = {name: sum(fact[name] for fact in facts.values()) for name in facts["train"]}
    receipts = [receipt for some in made.values() for receipt in some]
    ledger = Ledger.sum(receipt.ledger for receipt in receipts)
    tokens = ledger.tokens
    changed = total.get("added_tokens", 0) - total.get("removed_tokens", 0)
    before = tokens + total["truncated_tokens"] + total["dropped_tokens"] - changed
    if wanted != (ledger.documents_in, before) or total["tokens"] - total["repeated_tokens"] != tokens:
        raise CorruptionError(
            f"pack got {wanted[0]} documents with {wanted[1]} tokens, and made rows of "
            f"{ledger.documents_in} documents with {tokens} tokens: {total}: this is a bug"
        )
    return StageRecord(
        key=job.plan.keys["pack"],
        units=tuple(receipt.unit for receipt in receipts),
        files=tuple(file for split, some in made.items() for file in _files(some, split)),
        leftovers=tuple(_files(receipts, "leftover")),
        ledger=ledger,
        facts=total | {"seq_len": settings.seq_len},
        splits={split: fact for split, fact in facts.items() if fact["rows"]},
    )


def _facts(split: str, receipts: Sequence[Receipt], names: Sequence[str]) -> dict[str, int]:
    """How well a split is packed. `splits` are cuts inside documents, `segments` the documents of each row, added up."""
    files = _files(receipts, split)
    out = {"rows": sum(file.rows for file in files)}
    out |= {name: sum(file.facts[name] for file in files) for name in ("tokens", "padding", "segments")}
    out["documents"] = sum(receipt.ledger.documents_out for receipt in receipts)
    for name in names:
        out[name] = sum(receipt.facts.get(name, 0) for receipt in receipts)
    return out


def _files(receipts: Sequence[Receipt], role: str) -> list[StoredFile]:
    return [file for receipt in receipts for file in receipt.files if file.role == role]


def _settings(job: Job, vocabulary: Vocabulary) -> RowSettings:
    recipe, choice = job.plan.recipe, job.plan.recipe.pack
    pad = choice.pad or (recipe.tokenize.append[-1] if recipe.tokenize.append else None)
    return RowSettings(
        vocabulary=vocabulary.fingerprint,
        seq_len=choice.seq_len,
        strategy=choice.strategy,
        overflow=choice.overflow,
        predict_every_token=choice.predict_every_token,
        min_bucket=choice.smallest_bucket,
        pad_id=0 if pad is None else vocabulary.special_id(pad),
        mode=choice.shuffle.mode,
        seed=choice.shuffle.seed,
        steps=choice.steps,
        rows=choice.stored_rows,
        window=(choice.shuffle.window or WINDOW) if "window" in order_of(choice.shuffle.mode).keys else 0,
        then=choice.shuffle.then or "",
        related=choice.related,
        join=joining_of(recipe, vocabulary),
    )
