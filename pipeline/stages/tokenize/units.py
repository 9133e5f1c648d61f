"""tokenize: the tasks of all units, and the record of what they made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pairloom.operators import Vocabulary
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.flow.events import Notice
from pairloom.pipeline.flow.job import Job, dead_letters
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.stages.agreement import check_tokenized
from pairloom.pipeline.stages.learn.files import read_memo
from pairloom.pipeline.stages.tokenize.reuse import Known, known_slices
from pairloom.pipeline.stages.tokenize.task import TokenizeTask, tokenize_task
from pairloom.pipeline.stages.tokenize.trial import try_sources
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Ledger, Receipt, committed_receipts

__all__ = ["tokenize"]


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
    for line in try_sources(job.plan.recipe, tasks, tokenizer, job.tokenized):
        job.observe(Notice(text=line))
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
    """Raise RecipeError where spans are to be mapped to tokens of which nobody knows where they are from."""
    if vocabulary.model.spells or vocabulary.model.located:
        return
    for unit in units:
        if unit.spanned:
            raise RecipeError(
                f"source {unit.source!r} has spans of texts, which become {', '.join(one.column.name for one in unit.spanned)} by "
                f"where each token is from, and this vocabulary is {vocabulary.slow_path or vocabulary.model.name}: use one that "
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
                f"{ledger.rejects:,} were rejected{_most(ledger.rejected)} and {left:,} left out by steps{_most(ledger.filtered)}; "
                "correct the source, or set its allow_empty: true"
            )


def _most(counts: Mapping[str, int]) -> str:
    """The reasons that most records have, in brackets."""
    first = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:3]
    return f" ({', '.join(f'{reason} {count:,}' for reason, count in first)})" if first else ""


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
