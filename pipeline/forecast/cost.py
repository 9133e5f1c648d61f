"""What a stage asks of a cluster, as the stage itself projects it."""

from dataclasses import dataclass, field

from pairloom.pipeline.forecast.requests import Requests

__all__ = ["Cluster", "Cost"]

KEPT_BY_RAY = 0.3  # share of a machine's memory that its object store and Ray itself take


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Machines of a kind: `processors` and bytes of `memory` of each, `network` in bytes a second of each.

    `prefixes` are how many parts the store has split the names of a stage's objects into; of those of Pairloom, up to
    `store.files.SPREAD`.
    """

    machines: int
    processors: int
    memory: int
    network: float
    prefixes: int = 1

    @staticmethod
    def of(workers: int) -> "Cluster":
        """So many processors of which nothing else is known, so that neither memory nor network is what limits."""
        return Cluster(machines=1, processors=workers, memory=1 << 62, network=float("inf"))

    @property
    def workers(self) -> int:
        """Processors of all machines."""
        return self.machines * self.processors

    @property
    def room(self) -> int:
        """Bytes of memory that a machine has for tasks."""
        return int(self.memory * (1 - KEPT_BY_RAY))

    def share(self, workers: int) -> int:
        """Bytes of memory that each of so many workers may take: no more than a machine has, nor than its share of all machines."""
        return min(self.room, self.room * self.machines // workers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a stage asks, from nothing.

    `tasks` are those of all its steps, `memory` is the bytes that the largest of them needs, `disk` the bytes that it leaves
    below the root. `work` is seconds of one processor, checks and writing included. `read` and `written` are bytes that
    cross the network, `requests` what is asked of a store, its receipts and the look of the commit at every file included;
    those of the corpus are not.

    `spilled` are the bytes that a task keeps in files of its machine, because memory does not hold them.

    At most `at_once` tasks run at a time, as many as there are if it is None. `waiting` are seconds in which all of them
    wait for the driver.
    """

    tasks: int
    memory: int
    work: float
    disk: int = 0
    read: int = 0
    written: int = 0
    requests: Requests = field(default_factory=Requests)
    at_once: int | None = None
    waiting: float = 0.0
    spilled: int = 0
