"""What a run tells Prometheus, through the metrics endpoint of the Ray node that its driver is on.

Every metric is counted by the driver from receipts, so a unit that was tried three times counts once. Ray puts `ray_` in
front of the names. Counters begin at zero with every run.
"""

from dataclasses import dataclass, field
from functools import partial

from ray.util.metrics import Counter, Gauge, Histogram

from pairloom.pipeline.execution.base import Done
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["METRICS", "Metrics"]

# Name, without the prefix `pairloom_`: kind, tags, what it counts.
METRICS: dict[str, tuple[type[Counter] | type[Gauge] | type[Histogram], tuple[str, ...], str]] = {
    "units": (Counter, ("stage",), "Units that are done."),
    "input_bytes": (Counter, ("stage",), "Stored bytes that were read from the corpus."),
    "text_bytes": (Counter, ("stage",), "UTF-8 bytes of text."),
    "written_bytes": (Counter, ("stage",), "Bytes of the files that units made."),
    "documents": (Counter, ("stage",), "Documents that were read."),
    "tokens": (Counter, ("stage",), "Tokens that were made."),
    "rejected_documents": (Counter, ("stage", "reason"), "Documents that were rejected or left out."),
    "retries": (Counter, ("stage", "cause"), "Tries that failed: worker, machine or storage."),
    "phase_seconds": (Counter, ("stage", "phase"), "Seconds of workers, by what they were spent on."),
    "unit_seconds": (Histogram, ("stage",), "Seconds from the submission of a unit to its receipt."),
    "worker_memory_bytes": (Gauge, ("stage",), "The most memory that a worker has had resident so far."),
    "units_in_flight": (Gauge, (), "Units that are submitted and not done."),
    "units_waiting": (Gauge, (), "Units that failed and wait to be tried again."),
}
SECONDS = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0]  # edges of the histogram


def _made(name: str) -> Counter | Gauge | Histogram:
    kind, tags, description = METRICS[name]
    make = partial(kind, boundaries=SECONDS) if kind is Histogram else kind
    return make(f"pairloom_{name}", description=description, tag_keys=tags)


@dataclass(slots=True)
class Metrics:
    """The metrics of one step."""

    _metrics: dict[str, Counter | Gauge | Histogram] = field(
        default_factory=lambda: {name: _made(name) for name in METRICS}
    )
    _memory: int = 0

    def done(self, done: Done, seconds: float) -> None:
        """A unit is done, so many seconds after it was submitted."""
        tags = {"stage": done.step}
        self._add("units", 1, tags)
        if isinstance(done.result, Receipt):
            self._made(done.result, tags)
        for phase, spent in done.usage.seconds.items():
            self._add("phase_seconds", spent, tags | {"phase": phase})
        self._metrics["unit_seconds"].observe(seconds, tags)
        self._memory = max(self._memory, done.usage.memory)
        self._metrics["worker_memory_bytes"].set(self._memory, tags)

    def retried(self, stage: str, cause: str) -> None:
        """A try of a unit failed because of its worker, its machine or storage."""
        self._add("retries", 1, {"stage": stage, "cause": cause})

    def in_flight(self, pending: int, waiting: int) -> None:
        """So many units are submitted, and so many wait to be submitted again."""
        self._metrics["units_in_flight"].set(pending)
        self._metrics["units_waiting"].set(waiting)

    def _made(self, receipt: Receipt, tags: dict[str, str]) -> None:
        """What a receipt says."""
        ledger = receipt.ledger
        self._add("input_bytes", ledger.bytes_in, tags)
        self._add("text_bytes", ledger.text_bytes, tags)
        self._add("written_bytes", sum(file.bytes for file in receipt.files), tags)
        self._add("documents", ledger.documents_in, tags)
        self._add("tokens", ledger.tokens, tags)
        for reason, count in ledger.rejected.items():
            self._add("rejected_documents", count, tags | {"reason": reason})

    def _add(self, name: str, amount: float, tags: dict[str, str]) -> None:
        if amount > 0:
            self._metrics[name].inc(amount, tags)
