"""Tasks in this process, one after another: for tests and for inputs too small for a cluster."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pairloom.operators.errors import PreemptedError
from pairloom.pipeline.execution.base import Done, Task, WorkerSpec, never, perform
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries, until_it_succeeds
from pairloom.pipeline.execution.workers import LocalWorkers

__all__ = ["LocalExecutor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExecutor:
    """Runs tasks here and now. `stop` is asked before each whether to begin it."""

    retries: Retries = RETRIES
    stop: Callable[[], bool] = never

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        """Run every task in turn."""
        for task in tasks:
            if self.stop():
                raise PreemptedError(
                    f"asked to stop before {task.step} unit {task.unit[:12]}; what is finished is kept, and the same "
                    "command goes on from there"
                )
            tries = Tries.of(task, self.retries)
            done = until_it_succeeds(tries, self.stop, partial(perform, task, shared))
            yield replace(done, retries=tries.count)

    def workers(self, specs: Sequence[WorkerSpec]) -> LocalWorkers:
        """Workers in this process."""
        return LocalWorkers(specs, retries=self.retries, stop=self.stop)

    def places(self) -> int:
        """The processors of this machine, though workers take turns."""
        return os.cpu_count() or 1

    def room(self, workers: int = 1) -> int | None:
        """The memory of this machine, shared out."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // workers
