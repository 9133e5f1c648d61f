"""Tasks in this process, one after another: for tests and for inputs too small for a cluster."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pairloom.pipeline.execution.base import Task
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["LocalExecutor"]


@dataclass(frozen=True, slots=True)
class LocalExecutor:
    """Runs tasks here and now."""

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Receipt]:
        """Run every task in turn."""
        for task in tasks:
            yield task.run(shared)
