"""Stateful workers in this process."""

from collections.abc import Callable, Sequence
from typing import Any

from pairloom.pipeline.execution.base import Worker, WorkerSpec, never
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries, asked_to_stop, until_it_succeeds

__all__ = ["LocalWorkers"]


class LocalWorkers:
    """Workers in this process, asked one after another."""

    def __init__(
        self, specs: Sequence[WorkerSpec], *, retries: Retries = RETRIES, stop: Callable[[], bool] = never
    ) -> None:
        self._specs, self._retries, self._stop = specs, retries, stop
        self._workers: list[Worker | None] = [None] * len(specs)

    def ask(self, message: Any, restart: Callable[[], Sequence[Any]]) -> list[Any]:
        """Ask every worker in turn."""
        return [self._ask(number, message, restart) for number in range(len(self._specs))]

    def close(self) -> None:
        """Let all workers go."""
        self._workers = [None] * len(self._specs)

    def _ask(self, number: int, message: Any, restart: Callable[[], Sequence[Any]]) -> Any:
        def answer() -> Any:
            # A worker whose answer fails is not asked again: what it knows may be half of what it was told.
            worker, self._workers[number] = self._workers[number], None
            if worker is not None:
                reply = worker.answer(message)
            else:
                worker = self._specs[number].start()
                reply = [worker.answer(one) for one in restart()][-1]
            self._workers[number] = worker
            return reply

        if self._stop():
            raise asked_to_stop()
        tries = Tries.of_worker(self._specs[number], self._retries)
        return until_it_succeeds(tries, self._stop, answer)
