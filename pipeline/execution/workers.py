"""Stateful workers in this process, asked one after another or side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from pairloom.pipeline.execution.base import Worker, WorkerSpec, never
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries, asked_to_stop, until_it_succeeds

__all__ = ["LocalWorkers"]


class LocalWorkers:
    """Workers in this process, at most `at_once` of which answer at a time, each in a thread while it does.

    What they do is mostly kernels, which let other threads go on.
    """

    def __init__(
        self,
        specs: Sequence[WorkerSpec],
        *,
        retries: Retries = RETRIES,
        stop: Callable[[], bool] = never,
        at_once: int = 1,
    ) -> None:
        self._specs, self._retries, self._stop = specs, retries, stop
        self._workers: list[Worker | None] = [None] * len(specs)
        self._threads = min(at_once, len(specs))
        self._pool: ThreadPoolExecutor | None = None

    def ask(self, message: Any, restart: Callable[[], Sequence[Any]]) -> list[Any]:
        """Ask every worker; where several fail, what the first of them has raised is raised once all have answered."""
        numbers = range(len(self._specs))
        if self._threads < 2:
            return [self._ask(number, message, restart) for number in numbers]
        self._pool = self._pool or ThreadPoolExecutor(self._threads, thread_name_prefix="pairloom worker")
        asked: list[Future[Any]] = [
            self._pool.submit(copy_context().run, self._ask, number, message, restart) for number in numbers
        ]
        failures = [error for one in asked if (error := one.exception()) is not None]
        if failures:
            raise failures[0]
        return [one.result() for one in asked]

    def close(self) -> None:
        """Let all workers go."""
        self._workers = [None] * len(self._specs)
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

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
