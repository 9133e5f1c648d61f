"""rank: how many tokens of each shard have which values of the column that orders documents."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pairloom.operators.selection.ranking import BUCKET, Ranking, bucket_tokens, value_keys
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.exchange.tasks import DeliverTask, Sharing, SpreadTask
from pairloom.pipeline.stages.select.duplicates import read_duplicates
from pairloom.pipeline.store.files import open_arrow

__all__ = ["RankTask", "ranked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTask(UnitTask):
    """How many tokens of a shard have which values of the column that orders documents, each as often as it is taken."""

    of: SpreadTask
    null: int | None
    step = "rank"

    def identity(self) -> dict[str, object]:
        """The documents that are taken, and the column."""
        about = self.of.identity()
        about.pop("splits")
        splits = self.of.splits
        return about | {"by": splits.by, "descending": splits.descending, "held": splits.share}

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.of.label

    def need(self) -> int:
        """The shard, and what is known of each document."""
        return self.of.need()

    def work(self, attempt: Attempt, shared: Sharing) -> None:
        """Read, look at values, add up."""
        shard = self.of.shard
        with open_arrow(attempt.objects, shard.stored) as reader:
            with phase("read"):
                found = self.of.standing(reader.read_all(), shared)
            lengths = found.documents.length
            if isinstance(self.of, DeliverTask):
                selection = self.of.selection
                duplicates = read_duplicates(
                    attempt.objects, shared.duplicates, selection.span, shard.first_record, shard.end_record
                )
                copies = selection.copies(
                    found.ids, found.held_out, np.isin(found.ordinal, duplicates), found.documents.documents
                )
                lengths = lengths * copies
            splits = self.of.splits
            values = found.documents.documents[splits.by]
            keys = value_keys(values, self.null, descending=splits.descending)
            attempt.payload = bucket_tokens(keys, lengths).tobytes()


def ranked(job: Job, tasks: Sequence[SpreadTask], sharing: Sharing) -> tuple[list[SpreadTask], Sharing]:
    """The tasks and what they share, with the ranking that their order asks for, if it does."""
    splits = tasks[0].splits if tasks else None
    if splits is None or not splits.order.ranks:
        return list(tasks), sharing
    (null,) = (column.null for column in sharing.carried.columns if column.name == splits.by)
    asked = [RankTask(root=task.root, of=task, null=null) for task in tasks]
    receipts = job.step("rank", asked, sizes=[task.shard.stored.bytes for task in tasks], shared=sharing)
    parts = (np.frombuffer(receipt.payload, BUCKET) for receipt in receipts)
    ranking = Ranking.of(parts, null)
    name = fingerprint([ranking.tokens[name].tolist() for name in ("tokens", "least", "most")])
    return [replace(task, ranking=name) for task in tasks], replace(sharing, ranking=ranking)
