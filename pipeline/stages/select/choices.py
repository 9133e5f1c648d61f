"""choose: of sources that are chosen from by a value, which documents are taken, and how many tokens that is.

    shard ─▶ choose task: documents and tokens by the next 16 bits of their rank, or by bucket ─▶ the sum over all shards
    as long as the last rank that is kept is not known ─▶ the next round

Ranks are those of documents for training that are no duplicates, of one source. Only the column and the ids are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import RecipeError
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.selection.choosing import (
    COUNTS,
    Buckets,
    Chosen,
    Kept,
    Search,
    Tally,
    ranks,
    round_counts,
)
from pairloom.operators.selection.order import in_validation
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.notes import note
from pairloom.pipeline.recipe import CorpusSource, Recipe
from pairloom.pipeline.recipe.columns import EpochsBy, Keep
from pairloom.pipeline.stages.select.cost import survey_memory
from pairloom.pipeline.stages.select.duplicates import read_duplicates
from pairloom.pipeline.stages.tokenize.carried import Carried
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.manifest import ChosenRecord, SourceRecord

__all__ = ["ChooseTask", "Choosing", "chosen_of"]


Counts: TypeAlias = npt.NDArray[Any]
"""COUNTS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseTask(UnitTask):
    """Count the documents of a shard by value. The tasks share the columns of documents and the files of duplicates."""

    shard: PlacedShard
    share: float  # of documents that are held out
    span: int
    duplicates: str  # the fingerprint of the files, as `Selection` has it
    by: str
    null: int | None
    buckets: Buckets | None = None
    prefix: int = 0
    done: int = 0
    step = "choose"

    def identity(self) -> object:
        """Everything that decides the counts."""
        about = self.shard.identity(placed=bool(self.duplicates)) | {"share": self.share, "by": self.by}
        about |= {"duplicates": self.duplicates, "round": [str(self.prefix), self.done]}
        return about | ({"buckets": self.buckets.identity()} if self.buckets is not None else {})

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.shard.slices[0].uri

    def need(self) -> int:
        """A batch of tokens, and a few numbers of each document."""
        return survey_memory(self.shard.stored.bytes, self.shard.stored.rows)

    def work(self, attempt: Attempt, shared: tuple[Carried, tuple[StoredFile, ...]]) -> None:
        """Look at every document; count."""
        carried, files = shared
        first, end = self.shard.first_record, self.shard.end_record
        left_out = read_duplicates(attempt.objects, files, self.span, first, end)
        found = []
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            for i in range(reader.num_record_batches):
                note(i, reader.num_record_batches)
                batch = reader.get_batch(i)
                ids, ordinal = self.shard.documents(batch)
                ids = self.shard.choosing(batch, ids)
                there = ~(in_validation(ids, self.share) | np.isin(ordinal, left_out))
                tokens = np.diff(batch.column(INPUT_IDS).offsets.to_numpy())[there]
                values = carried.of(batch)[self.by][there]
                if self.buckets is not None:
                    found.append(self.buckets.tallies(values, tokens))
                    continue
                upper, lower = (half[there] for half in ranks(carried.of(batch)[self.by], self.null, ids))
                found.append(round_counts(upper, lower, tokens, self.prefix, self.done))
        attempt.payload = _added(found).tobytes()


def _added(parts: Sequence[Counts]) -> Counts:
    whole = np.concatenate([np.zeros(0, COUNTS), *parts])
    following, place = np.unique(whole["next"], return_inverse=True)
    out = np.zeros(len(following), COUNTS)
    out["next"] = following
    for name in ("documents", "tokens"):
        np.add.at(out[name], place, whole[name])
    return out


def null_of(recipe: Recipe, by: str) -> int | None:
    """What stands for a missing value of a column that sources are chosen from by."""
    return next(one.null for one in recipe.attributes if one.name == by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """What choosing needs to know of a corpus: its shards, the columns of its documents, and which of these are left out."""

    job: Job
    shards: Sequence[PlacedShard]
    carried: Carried
    files: tuple[StoredFile, ...]
    duplicates: str
    span: int

    def chosen(self, source: CorpusSource, record: SourceRecord) -> SourceRecord:
        """The record of a source, with what is chosen of it, if it is chosen from."""
        if source.keep is not None:
            return record.model_copy(update={"chosen": self._kept(source.name, source.keep, record)})
        if source.epochs_by is None:
            return record
        buckets = buckets_of(self.job.plan.recipe, source.epochs_by)
        tallies = [Tally()] * len(buckets.epochs)
        for one in _added(self._counts(source.name, buckets.by, buckets=buckets)):
            tallies[int(one["next"])] = Tally(int(one["documents"]), int(one["tokens"]))
        found = ChosenRecord(
            by=buckets.by,
            documents=sum(one.documents for one in tallies),
            tokens=sum(one.tokens for one in tallies),
            buckets=tuple(one.tokens for one in tallies),
        )
        return record.model_copy(update={"chosen": found})

    def _kept(self, name: str, keep: Keep, record: SourceRecord) -> ChosenRecord:
        share = Fraction(keep.share)
        wanted = -(-record.train_documents * share.numerator // share.denominator)
        if not wanted:
            raise RecipeError(f"source {name} has no documents for training to keep any of: leave out keep")
        search = Search(wanted=wanted)
        while not search.finished:
            search = search.narrowed(self._counts(name, keep.by, prefix=search.prefix, done=search.done))
        upper, lower = search.last
        kept = search.kept
        return ChosenRecord(
            by=keep.by, documents=kept.documents, tokens=kept.tokens, last=f"{upper:016x}{lower:016x}"
        )

    def _counts(
        self, source: str, by: str, *, buckets: Buckets | None = None, prefix: int = 0, done: int = 0
    ) -> list[Counts]:
        recipe = self.job.plan.recipe
        mine = [shard for shard in self.shards if shard.source == source]
        tasks = [
            ChooseTask(
                root=recipe.root,
                shard=shard,
                share=recipe.pack.validation,
                span=self.span,
                duplicates=self.duplicates,
                by=by,
                null=null_of(recipe, by),
                buckets=buckets,
                prefix=prefix,
                done=done,
            )
            for shard in mine
        ]
        sizes = [shard.stored.bytes for shard in mine]
        receipts = self.job.step("choose", tasks, shared=(self.carried, self.files), sizes=sizes)
        return [np.frombuffer(receipt.payload, COUNTS) for receipt in receipts]


def buckets_of(recipe: Recipe, rule: EpochsBy) -> Buckets:
    """The epochs of a source, by value."""
    epochs = tuple((value, Fraction(often)) for value, often in rule.buckets)
    return Buckets(by=rule.by, null=null_of(recipe, rule.by), epochs=epochs)


def chosen_of(recipe: Recipe, source: CorpusSource, record: SourceRecord) -> Chosen | None:
    """What is taken of a source by a value, as it was found."""
    if record.chosen is None:
        return None
    if source.epochs_by is not None:
        return buckets_of(recipe, source.epochs_by)
    last = record.chosen.last
    halves = int(last[:16], 16), int(last[16:], 16)
    return Kept(by=record.chosen.by, null=null_of(recipe, record.chosen.by), last=halves)
