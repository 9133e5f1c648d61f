"""A stage as a stranger would bring it: the documents of each packed file, by source."""

import json
from collections import Counter
from dataclasses import dataclass

from pairloom.pipeline.flow.attempt import UnitTask
from pairloom.pipeline.flow.stage import Stage
from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.store.files import StoredFile, read_batches
from pairloom.pipeline.store.manifest import StageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyTask(UnitTask):
    packed: StoredFile
    step = label = "tally"

    def identity(self):
        return self.packed.sha256

    def need(self):
        return 100_000_000 + self.packed.bytes

    def work(self, attempt, shared):
        found = Counter()
        for batch in read_batches(attempt.objects, self.packed):
            found.update(batch.column("source").flatten().to_pylist())
        attempt.file("tally.json", json.dumps(sorted(found.items())).encode(), "tally")


class Tally(Stage):
    name, after, help = "tally", "pack", "Count the segments of each source."
    steps = {"tally": "counts segments by source"}  # noqa: RUF012

    def key(self, asked, before):
        return fingerprint([self.name, before["pack"]])

    def cost(self, plan, cluster):
        return Cost(tasks=1, memory=100_000_000, work=plan.bytes / 1e9)

    def run(self, job):
        files = [file for file in job.records["pack"].files if file.role == "train"]
        tasks = [TallyTask(root=job.plan.recipe.root, packed=file) for file in files]
        made = job.step("tally", tasks, sizes=[file.bytes for file in files])
        units = tuple(receipt.unit for receipt in made)
        return StageRecord(
            key=job.plan.keys["tally"], units=units, files=tuple(r.file("tally") for r in made)
        )
