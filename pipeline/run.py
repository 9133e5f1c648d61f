"""Running a recipe: the stages that are not committed yet, then one commit.

    plan ─▶ count ─▶ merge ─▶ learn ─▶ tokenize ─▶ exchange ─▶ pack ─▶ manifest
             units    parts     1        units       shards    parts      1

Everything before the manifest can be killed at any moment: units with a receipt are never done again, units without one
leave nothing that anybody would read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.pipeline.execution.base import Executor, Task
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.plan import STAGES, Plan, make_plan
from pairloom.pipeline.recipe import Recipe, fingerprint
from pairloom.pipeline.stages.count import CountTask, MergeTask
from pairloom.pipeline.stages.learn import LearnTask, read_memo, read_vocabulary
from pairloom.pipeline.stages.pack import ExchangeTask, PackTask, ShardSlice, Splits
from pairloom.pipeline.stages.tokenize import TokenizeTask
from pairloom.pipeline.store.files import StoredFile, attempt_path, read_batches, write_bytes
from pairloom.pipeline.store.location import check_writable, open_objects
from pairloom.pipeline.store.manifest import Manifest, StageRecord, commit, latest_manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Receipt, discard, find_receipt

__all__ = ["Event", "StepFinished", "StepStarted", "UnitDone", "run"]

EXAMPLES = 3  # dead letters shown when a run fails because of them


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step begins: `units` of work over `bytes`, of which `reused` were done by an earlier run."""

    step: str
    units: int
    reused: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDone:
    """A unit of a step is done."""

    step: str
    bytes: int
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """A step is over; `ledger` sums its units."""

    step: str
    ledger: Ledger


Event = StepStarted | UnitDone | StepFinished


def run(
    recipe: Recipe,
    *,
    until: str = "pack",
    observe: Callable[[Event], None] = lambda _: None,
    executor: Executor | None = None,
    plan: Plan | None = None,
) -> Manifest:
    """Run a recipe up to and with the stage `until`, commit a generation, and return its manifest.

    Stages that the last generation holds already are not run; where nothing is left to do, that generation is returned.
    Raises RecipeError, DataError (bad input), ConflictError (another run committed first), StorageError.
    """
    if until not in STAGES:
        raise ValueError(f"{until!r} is no stage")
    plan = plan or make_plan(recipe)
    objects = open_objects(recipe.root)
    last = latest_manifest(objects)
    wanted = plan.stages[: plan.stages.index(until) + 1] if until in plan.stages else ()
    if not wanted:
        raise RecipeError(
            f"the recipe brings its vocabulary (vocabulary.from), so there is nothing to {until}"
        )
    done = plan.done(last)
    if last is not None and set(wanted) <= set(done):
        return last
    check_writable(objects)
    job = _Run(plan=plan, objects=objects, observe=observe, executor=executor or _executor(recipe), last=last)
    records = {stage: last.stages[stage] for stage in done} if last else {}
    for stage in wanted:
        if stage not in records:
            records[stage] = getattr(job, stage)(records)
    vocabulary = job.vocabulary_file(records)
    manifest = Manifest(
        generation=1 if last is None else last.generation + 1,
        recipe=recipe.model_dump(mode="json", by_alias=True),
        vocabulary=vocabulary,
        fingerprint=None if vocabulary is None else job.vocabulary(records).fingerprint,
        stages={stage: records[stage] for stage in plan.stages if stage in records},
    )
    commit(objects, manifest)
    for receipt in job.scratch:
        discard(objects, receipt)
    return manifest


def _executor(recipe: Recipe) -> Executor:
    if recipe.execution.engine == "local":
        return LocalExecutor()
    from pairloom.pipeline.execution.ray import RayExecutor, connect

    connect(recipe.execution.address)
    return RayExecutor(max_in_flight=recipe.execution.max_in_flight)


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run in progress: each method does a stage and returns its record."""

    plan: Plan
    objects: Objects
    observe: Callable[[Event], None]
    executor: Executor
    last: Manifest | None
    scratch: list[Receipt] = field(default_factory=list)

    def count(self, records: dict[str, StageRecord]) -> StageRecord:
        """Count every unit, then merge every partition."""
        recipe, parts = self.plan.recipe, self.plan.partitions
        choice = recipe.vocabulary
        counted = self._step(
            "count",
            [
                CountTask(
                    root=recipe.root,
                    input=unit,
                    pretokenizer=choice.pretokenizer.build(),
                    normalizer=choice.normalizer,
                    parts=parts,
                    max_record_bytes=recipe.max_record_bytes,
                )
                for unit in self.plan.units
            ],
            sizes=[unit.bytes for unit in self.plan.units],
        )
        files = tuple(receipt.file("words") for receipt in counted)
        size = sum(file.bytes for file in files)
        key = fingerprint([file.sha256 for file in files])
        merged = self._step(
            "merge",
            [
                MergeTask(root=recipe.root, part=part, counts=key, expected_bytes=size // parts)
                for part in range(parts)
            ],
            shared=files,
            sizes=[size // parts] * parts,
        )
        return StageRecord(
            key=self.plan.keys["count"],
            units=tuple(receipt.unit for receipt in counted),
            files=tuple(file for receipt in merged for file in receipt.files),
            rejected=_rejected(counted),
            ledger=Ledger.sum(receipt.ledger for receipt in counted),
            facts={
                name: sum(receipt.file("words").facts[name] for receipt in merged)
                for name in ("words", "pretokens")
            },
        )

    def learn(self, records: dict[str, StageRecord]) -> StageRecord:
        """Learn the vocabulary."""
        choice = self.plan.recipe.vocabulary
        files = records["count"].files
        task = LearnTask(
            root=self.plan.recipe.root,
            words=tuple(file for file in files if file.role == "words"),
            pairs=tuple(file for file in files if file.role == "pairs"),
            size=choice.size,
            pretokenizer=choice.pretokenizer.build(),
            normalizer=choice.normalizer,
            special_tokens=choice.special_tokens,
            min_count=choice.min_count,
        )
        (receipt,) = self._step("learn", [task], sizes=[sum(file.bytes for file in task.words)])
        return StageRecord(
            key=self.plan.keys["learn"], units=(receipt.unit,), files=receipt.files, facts=receipt.facts
        )

    def vocabulary_file(self, records: dict[str, StageRecord]) -> StoredFile | None:
        """The `tokenizer.json` of this run: the learned one, or a copy of the one that the recipe brings."""
        if self.plan.vocabulary_json is not None:
            return write_bytes(
                self.objects,
                attempt_path("vocabulary", "given", "tokenizer.json"),
                self.plan.vocabulary_json,
                role="vocabulary",
            )
        return _file(records["learn"], "vocabulary") if "learn" in records else None

    def vocabulary(self, records: dict[str, StageRecord]) -> Vocabulary:
        """The vocabulary of this run, without a memo."""
        if self.plan.vocabulary is not None:
            return self.plan.vocabulary
        return read_vocabulary(self.objects, _file(records["learn"], "vocabulary"))

    def tokenize(self, records: dict[str, StageRecord]) -> StageRecord:
        """Tokenize every unit."""
        recipe = self.plan.recipe
        vocabulary = self.vocabulary(records)
        tasks = [
            TokenizeTask(
                root=recipe.root,
                input=unit,
                vocabulary=vocabulary.fingerprint,
                prepend=tuple(vocabulary.special_id(token) for token in recipe.tokenize.prepend),
                append=tuple(vocabulary.special_id(token) for token in recipe.tokenize.append),
                special_tokens_in_text=recipe.tokenize.special_tokens_in_text,
                max_record_bytes=recipe.max_record_bytes,
            )
            for unit in self.plan.units
        ]
        if "learn" in records:
            vocabulary = vocabulary.with_memo(read_memo(self.objects, _file(records["learn"], "memo")))
        receipts = self._step(
            "tokenize", tasks, shared=vocabulary, sizes=[unit.bytes for unit in self.plan.units]
        )
        record = StageRecord(
            key=self.plan.keys["tokenize"],
            units=tuple(receipt.unit for receipt in receipts),
            files=tuple(receipt.file("tokens") for receipt in receipts),
            rejected=_rejected(receipts),
            ledger=Ledger.sum(receipt.ledger for receipt in receipts),
        )
        if "count" in records and records["count"].ledger.documents_in != record.ledger.documents_in:
            raise CorruptionError(
                f"count read {records['count'].ledger.documents_in} documents and tokenize "
                f"{record.ledger.documents_in}: the input changed in between. Run again"
            )
        return record

    def pack(self, records: dict[str, StageRecord]) -> StageRecord:
        """Exchange every shard, then pack every partition."""
        recipe, choice = self.plan.recipe, self.plan.recipe.pack
        vocabulary = self.vocabulary(records)
        tokenized = records["tokenize"]
        total = tokenized.ledger.tokens
        splits = Splits.of(total, choice.file_tokens, choice.validation)
        exchanged = self._step(
            "exchange",
            list(self._exchange_tasks(tokenized, splits)),
            sizes=[file.bytes for file in tokenized.files],
        )
        files = tuple(receipt.file("exchange") for receipt in exchanged)
        size = sum(file.bytes for file in files) // splits.train
        tasks = [
            PackTask(
                root=recipe.root,
                part=part,
                splits=splits,
                exchange=fingerprint([file.sha256 for file in files]),
                vocabulary=vocabulary.fingerprint,
                seq_len=choice.seq_len,
                strategy=choice.strategy,
                overflow=choice.overflow,
                pad_id=self._pad_id(vocabulary),
                mode=choice.shuffle.mode,
                seed=choice.shuffle.seed,
                expected_bytes=size,
            )
            for part in range(len(splits))
        ]
        receipts = self._step("pack", tasks, shared=files, sizes=[size] * len(tasks))
        self.scratch += exchanged
        lost = {name: sum(r.facts[name] for r in receipts) for name in ("truncated_tokens", "dropped_tokens")}
        ledger = Ledger.sum(receipt.ledger for receipt in receipts)
        if (
            ledger.documents_in != tokenized.ledger.documents_out
            or ledger.tokens + sum(lost.values()) != total
        ):
            raise CorruptionError(
                f"pack got {tokenized.ledger.documents_out} documents with {total} tokens, and made rows of "
                f"{ledger.documents_in} documents with {ledger.tokens} tokens, {lost}: this is a bug"
            )
        names = ("tokens", "padding", "segments", "splits")
        made = [file for receipt in receipts for file in receipt.files]
        facts = {name: sum(file.facts[name] for file in made) for name in names} | lost
        return StageRecord(
            key=self.plan.keys["pack"],
            units=tuple(receipt.unit for receipt in receipts),
            files=tuple(file for file in made if file.rows),
            ledger=ledger,
            facts=facts | {"rows": sum(file.rows for file in made), "seq_len": choice.seq_len},
        )

    def _pad_id(self, vocabulary: Vocabulary) -> int:
        recipe = self.plan.recipe
        token = recipe.pack.pad or (recipe.tokenize.append[-1] if recipe.tokenize.append else None)
        return 0 if token is None else vocabulary.special_id(token)

    def _exchange_tasks(self, tokenized: StageRecord, splits: Splits) -> Iterator[ExchangeTask]:
        """One task a shard, each told how many records and tokens come before it."""
        choice = self.plan.recipe.pack
        rows: dict[str, int] = {}
        record = token = 0
        for unit, shard in zip(tokenized.units, tokenized.files, strict=True):
            receipt = find_receipt(self.objects, "tokenize", unit)
            if receipt is None:
                raise CorruptionError(
                    f"the receipt of tokenize {unit} is committed but missing below {self.objects.root}"
                )
            slices = []
            for uri, count in receipt.slices:
                slices.append(ShardSlice(uri=uri, first_row=rows.get(uri, 0), first_record=record))
                rows[uri] = rows.get(uri, 0) + count
                record += count
            yield ExchangeTask(
                root=self.plan.recipe.root,
                shard=shard,
                slices=tuple(slices),
                first_token=token,
                total_tokens=tokenized.ledger.tokens,
                splits=splits,
                mode=choice.shuffle.mode,
                seed=choice.shuffle.seed,
            )
            token += shard.facts["tokens"]

    def _step(
        self, step: str, tasks: Sequence[Task], *, sizes: Sequence[int], shared: Any = None
    ) -> list[Receipt]:
        """Run the tasks of a step that have no receipt yet; the receipts of all, in the order of the tasks."""
        receipts = {task.unit: find_receipt(self.objects, step, task.unit) for task in tasks}
        missing = [task for task in tasks if receipts[task.unit] is None]
        self.observe(
            StepStarted(step=step, units=len(tasks), reused=len(tasks) - len(missing), bytes=sum(sizes))
        )
        weight = {task.unit: size for task, size in zip(tasks, sizes, strict=True)}
        for task in tasks:
            if (receipt := receipts[task.unit]) is not None:
                self._done(step, receipt, weight[task.unit])
        for task, receipt in self.executor.run(missing, shared) if missing else ():
            receipts[task.unit] = receipt
            self._done(step, receipt, weight[task.unit])
        complete = [receipt for task in tasks if (receipt := receipts[task.unit]) is not None]
        ledger = Ledger.sum(receipt.ledger for receipt in complete)
        if step in ("count", "tokenize"):
            self._check_rejected(complete, ledger)
        self.observe(StepFinished(step=step, ledger=ledger))
        return complete

    def _done(self, step: str, receipt: Receipt, size: int) -> None:
        if receipt.ledger.rejects and self.plan.recipe.max_rejected == 0 and step in ("count", "tokenize"):
            self._check_rejected([receipt], receipt.ledger)
        self.observe(UnitDone(step=step, bytes=size, ledger=receipt.ledger))

    def _check_rejected(self, receipts: Sequence[Receipt], ledger: Ledger) -> None:
        limit = self.plan.recipe.max_rejected
        if ledger.rejects <= limit * ledger.documents_in:
            return
        letters: list[str] = []
        for stored in _rejected(receipts):
            for batch in read_batches(self.objects, stored):
                letters += [
                    f"  {row['uri']}, {row['position']}: {row['reason']}: {row['detail']}"
                    for row in batch.slice(0, EXAMPLES - len(letters)).to_pylist()
                ]
            if len(letters) >= EXAMPLES:
                break
        raise DataError(
            f"{ledger.rejects} of {ledger.documents_in} records were rejected, more than max_rejected = {limit:g} "
            f"allows:\n"
            + "\n".join(letters)
            + "\nCorrect the input, or set max_rejected to the share to leave out"
        )


def _rejected(receipts: Sequence[Receipt]) -> tuple[StoredFile, ...]:
    return tuple(file for receipt in receipts for file in receipt.files if file.role == "rejected")


def _file(record: StageRecord, role: str) -> StoredFile:
    return next(file for file in record.files if file.role == role)
