"""select: which documents there are to take, of each source; then how often each is taken.

    shard ─▶ survey task: tokens of each split, digests in partitions ─▶ one record batch a partition
    partition p of all digests ─▶ duplicates task: the first of each stays ─▶ the places of the others in the corpus
    near-duplicates: see `select.near.finding`

The stage does not know the mixture: other weights take what it has found as it is. `selections` does the mixture's
arithmetic, when the rows are to be packed. A recipe that neither mixes nor deduplicates has no such stage.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pairloom.operators.errors import CapacityError, RecipeError
from pairloom.operators.selection.shares import passes, source_epochs
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.recipe import CorpusSource, Recipe
from pairloom.pipeline.stages.agreement import check_deduplicated, check_surveyed
from pairloom.pipeline.stages.select.choices import Choosing, chosen_of
from pairloom.pipeline.stages.select.copies import ORDINAL_BITS, Selection
from pairloom.pipeline.stages.select.cost import digest_partitions
from pairloom.pipeline.stages.select.duplicates import DuplicatesTask
from pairloom.pipeline.stages.select.near.finding import find_near, sign
from pairloom.pipeline.stages.select.survey import SurveyTask
from pairloom.pipeline.stages.tokenize.carried import carried_columns
from pairloom.pipeline.stages.tokenize.shards import PlacedShard, placed_shards
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.manifest import SourceRecord, StageRecord
from pairloom.pipeline.store.receipts import Ledger, Receipt, committed_receipts

__all__ = ["TAKEN", "Mixed", "select", "selections", "taken"]

# What is counted of each shard as it is exchanged.
TAKEN = tuple(
    f"{which}_{what}"
    for which in ("duplicate", "validation", "train", "delivered")
    for what in ("documents", "tokens")
)
SPANS = 1024  # record batches in a file of duplicates, at most
SPAN_RECORDS = 1 << 16


def span_of(records: int) -> int:
    """The records of the corpus that share a record batch in a file of duplicates."""
    return max(SPAN_RECORDS, -(-records // SPANS))


def select(job: Job) -> StageRecord:
    """Survey every shard and, if asked, find the duplicates among all of them."""
    recipe, tokenized = job.plan.recipe, job.records["tokenize"]
    if len(tokenized.unit_sources) != len(tokenized.units):
        raise RecipeError(
            f"the tokens below {job.objects.root} are of an earlier version and do not say of which sources they are: use "
            "another root"
        )
    near, span = recipe.pack.nearness, span_of(tokenized.ledger.documents_in)
    shards = list(placed_shards(job.objects, tokenized, job.tokenized))
    if near is not None:
        surveyed = sign(job, near, shards)
        found = find_near(job, near, shards, surveyed, span)
        units = [*surveyed, *found]
    else:
        exact = recipe.pack.deduplicate == "exact"
        parts = digest_partitions(tokenized.ledger.documents_out) if exact else 0
        surveyed = _surveyed(job, shards, parts)
        found = _duplicates(job, shards, surveyed, parts) if exact else []
        job.scratch += surveyed if exact else []
        units = found or surveyed
    sources = _sources(recipe, shards, surveyed, found)
    files = tuple(receipt.file("duplicates") for receipt in found)
    if any(source.keep or source.epochs_by for source in recipe.corpus):
        receipts = committed_receipts(job.objects, "tokenize", tokenized.units, job.tokenized)
        choosing = Choosing(
            job=job,
            shards=shards,
            carried=carried_columns(recipe, receipts),
            files=files,
            duplicates=_print(files),
            span=span,
        )
        sources = tuple(map(choosing.chosen, recipe.corpus, sources))
    record = StageRecord(
        key=job.plan.keys["select"],
        units=tuple(receipt.unit for receipt in units),
        files=files,
        ledger=Ledger.sum(receipt.ledger for receipt in units),
        facts={"span": span, "records": tokenized.ledger.documents_in},
        sources=sources,
    )
    if found:
        check_deduplicated(tokenized, record)
    return record


def _surveyed(job: Job, shards: list[PlacedShard], parts: int) -> list[Receipt]:
    recipe = job.plan.recipe
    tasks = [
        SurveyTask(root=recipe.root, shard=shard, share=recipe.pack.validation, parts=parts)
        for shard in shards
    ]
    sizes = [shard.stored.bytes for shard in shards]
    surveyed = job.step("survey" if parts else "select", tasks, sizes=sizes)
    check_surveyed(job.records["tokenize"], surveyed)
    return surveyed


def _duplicates(job: Job, shards: list[PlacedShard], surveyed: list[Receipt], parts: int) -> list[Receipt]:
    tokenized = job.records["tokenize"]
    files = tuple(receipt.file("digests") for receipt in surveyed)
    size = sum(file.bytes for file in files) // parts
    ends = {shard.source: shard.end_record for shard in shards}
    tasks = [
        DuplicatesTask(
            root=job.plan.recipe.root,
            part=part,
            parts=parts,
            digests=fingerprint([file.sha256 for file in files]),
            sources=tuple(ends.items()),
            span=span_of(tokenized.ledger.documents_in),
            expected_documents=tokenized.ledger.documents_out // parts,
        )
        for part in range(parts)
    ]
    return job.step("select", tasks, shared=files, sizes=[size] * parts)


def _sources(
    recipe: Recipe, shards: list[PlacedShard], surveyed: list[Receipt], found: list[Receipt]
) -> tuple[SourceRecord, ...]:
    """What each source has, less its duplicates."""
    names = ("train_documents", "train_tokens", "validation_documents", "validation_tokens")
    have: dict[str, Counter[str]] = {source.name: Counter() for source in recipe.corpus}
    for shard, receipt in zip(shards, surveyed, strict=True):
        have[shard.source].update(receipt.facts)
    lose = sum((Counter(receipt.facts) for receipt in found), Counter())
    out = []
    for source in recipe.corpus:
        there = {name: have[source.name][name] for name in names}
        gone = {name: lose[f"{source.name}/{name}"] for name in names}
        sums = {
            f"{which}{what}": counts[f"train_{what}"] + counts[f"validation_{what}"]
            for which, counts in (("", there), ("duplicate_", gone))
            for what in ("documents", "tokens")
        }
        left = {name: there[name] - gone[name] for name in names}
        out.append(SourceRecord.model_validate({"name": source.name} | sums | left))
    return tuple(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """The mixture of a recipe: what is taken of each source, and the tokens that are to come of it.

    `duplicates` are the files that list what is left out. `train_tokens` are expected, rounded up.
    """

    selections: Mapping[str, Selection]
    sources: tuple[SourceRecord, ...]
    duplicates: tuple[StoredFile, ...]
    train_tokens: int

    @property
    def validation_tokens(self) -> int:
        """Tokens for validation."""
        return sum(source.validation_tokens for source in self.sources)

    def delivered(self, of: Sequence[str], receipts: Sequence[Receipt]) -> tuple[SourceRecord, ...]:
        """The sources as shards were found to hold them, with what is delivered of each; `of` is each shard's source."""
        found: dict[str, Counter[str]] = {source.name: Counter() for source in self.sources}
        for name, receipt in zip(of, receipts, strict=True):
            found[name].update(receipt.facts)
        return tuple(
            source.model_copy(update={name: found[source.name][name] for name in TAKEN})
            for source in self.sources
        )


def selections(recipe: Recipe, selected: StageRecord) -> Mixed:
    """Mix what was selected as a recipe says; raises RecipeError where that cannot be."""
    asked = [source.asked for source in recipe.corpus]
    sources = {source.name: source for source in selected.sources}
    if missing := [one.name for one in asked if one.name not in sources]:
        raise RecipeError(f"nothing is known of the sources {', '.join(missing)}")
    ordered = [sources[one.name] for one in asked]
    epochs = source_epochs(asked, [_available(source) for source in ordered], recipe.mixture.tokens)
    corpus_tokens = sum(source.tokens for source in ordered)
    made: dict[str, Selection] = {}
    records = []
    rank = token = 0
    base = Fraction(0)
    for of, one, plain, source in zip(recipe.corpus, asked, epochs, ordered, strict=True):
        e = plain if of.epochs_by is None else _average(of, source)
        made[source.name] = Selection(
            source=source.name,
            epochs=e,
            seed=recipe.mixture.seed,
            duplicates=_print(selected.files),
            span=selected.facts["span"],
            rank=rank,
            base=base,
            corpus_tokens=corpus_tokens,
            first_token=token,
            tokens=source.tokens,
            train_tokens=_available(source),
            chosen=chosen_of(recipe, of, source),
        )
        records.append(
            source.model_copy(
                update={"epochs": str(e), "asked_tokens": one.tokens or int(e * _available(source))}
            )
        )
        widths = passes(e, _available(source))
        rank, base, token = rank + max(1, len(widths)), base + sum(widths), token + source.tokens
    if rank >> (63 - ORDINAL_BITS) or selected.facts["records"] >> ORDINAL_BITS:
        raise CapacityError(
            f"{rank} passes over sources of {selected.facts['records']} records cannot be told apart in 63 bits"
        )
    return Mixed(
        selections=made,
        sources=tuple(records),
        duplicates=selected.files,
        train_tokens=math.ceil(base),
    )


def _available(source: SourceRecord) -> int:
    """The tokens that there are of a source for training."""
    return source.train_tokens if source.chosen is None else source.chosen.tokens


def _average(of: CorpusSource, source: SourceRecord) -> Fraction:
    """How often the tokens of a source are seen, of those that are seen at all, where a column says how often each is."""
    assert of.epochs_by is not None
    assert source.chosen is not None
    pairs = zip(of.epochs_by.buckets, source.chosen.buckets, strict=True)
    return Fraction(
        sum(Fraction(often) * tokens for (_, often), tokens in pairs), max(1, source.chosen.tokens)
    )


def _print(files: Sequence[StoredFile]) -> str:
    return fingerprint([file.sha256 for file in files]) if files else ""


def taken(sources: Sequence[SourceRecord], what: Literal["documents", "tokens"]) -> int:
    """The documents or tokens that go into rows, copies and all."""
    return sum(
        count
        for source in sources
        for count in (getattr(source, f"validation_{what}"), getattr(source, f"delivered_{what}"))
    )
