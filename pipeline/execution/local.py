"""Tasks in this process, one after another: for tests and for inputs too small for a cluster."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pairloom.operators.errors import PairloomError, PreemptedError, StorageError
from pairloom.pipeline.execution.base import Done, Post, Task, never, perform
from pairloom.pipeline.execution.retries import RETRIES, Retries, located
from pairloom.pipeline.execution.workers import LocalCrew

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
            yield self._perform(task, shared)

    def crew(self, posts: Sequence[Post]) -> LocalCrew:
        """Members in this process."""
        return LocalCrew(posts, retries=self.retries, stop=self.stop)

    def places(self) -> int:
        """The processors of this machine, though members take turns."""
        return os.cpu_count() or 1

    def room(self, members: int = 1) -> int | None:
        """The memory of this machine, shared out."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // members

    def _perform(self, task: Task, shared: Any) -> Done:
        failures = 0
        while True:
            try:
                return replace(perform(task, shared), retries=failures)
            except StorageError as error:
                failures += 1
                if failures > self.retries.storage_failures or self.stop():
                    raise located(error, task) from error
                time.sleep(self.retries.wait(task.unit, failures))
            except PairloomError as error:
                raise located(error, task) from error
            except Exception as error:
                error.add_note(f"in {task.step} unit {task.unit[:12]}, {task.label}")
                raise
