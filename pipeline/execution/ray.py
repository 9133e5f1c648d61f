"""Tasks on a Ray cluster. The only file of the pipeline that knows Ray."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ray

from pairloom.operators.errors import PairloomError, RecipeError, StorageError
from pairloom.pipeline.execution.base import Task
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["RayExecutor", "connect"]

# A worker's death (a preempted node, the kernel's out-of-memory killer) is retried this often; an exception never is.
WORKER_DEATHS = 5


def connect(address: str | None) -> None:
    """Join the cluster at an address, or start one on this machine; a process that is connected stays so.

    Raises RecipeError when there is no cluster at the address.
    """
    if ray.is_initialized():
        return
    # Workers that run tasks of a few seconds each should not be told how Ray used to treat accelerators.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        if address is None:
            ray.init(
                include_dashboard=False, log_to_driver=False, logging_level="ERROR", configure_logging=False
            )
        else:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise RecipeError(f"cannot reach a Ray cluster at {address or 'this machine'}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RayExecutor:
    """Runs tasks on the cluster that this process is connected to.

    At most `max_in_flight` tasks are submitted at a time (twice the cluster's processors by default), so that neither
    the driver nor the scheduler holds more than that, however large the corpus.
    """

    max_in_flight: int | None = None

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Receipt]:
        """Run every task on the cluster; yields in the order of completion."""
        limit = self.max_in_flight or max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))
        reference = None if shared is None else ray.put(shared)
        pending: dict[ray.ObjectRef, Task] = {}
        queue = iter(tasks)
        try:
            while True:
                while len(pending) < limit and (task := next(queue, None)) is not None:
                    # Inside a list a reference is not resolved for each task, but once in each worker.
                    handle = _perform.options(name=f"{type(task).__name__} {task.label}").remote(
                        task, [reference]
                    )
                    pending[handle] = task
                if not pending:
                    return
                for handle in ray.wait(list(pending), num_returns=1)[0]:
                    task = pending.pop(handle)
                    yield _result(handle, task)
        finally:
            for handle in pending:
                ray.cancel(handle, force=True)


@ray.remote(max_retries=WORKER_DEATHS, retry_exceptions=False, num_cpus=1)
def _perform(task: Task, shared: "list[ray.ObjectRef | None]") -> Receipt:
    return task.run(_resolve(shared[0]) if shared[0] is not None else None)


@lru_cache(maxsize=1)
def _resolve(reference: "ray.ObjectRef") -> Any:
    """The shared value, fetched once in each worker: its arrays are mapped, not copied."""
    return ray.get(reference)


def _result(handle: "ray.ObjectRef", task: Task) -> Receipt:
    try:
        return ray.get(handle)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause if isinstance(error.cause, BaseException) else error
        if isinstance(cause, PairloomError):
            raise cause from None
        raise RuntimeError(f"{type(task).__name__} {task.label} failed: {cause!r}") from error
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
        raise StorageError(
            f"{type(task).__name__} {task.label} killed its worker {WORKER_DEATHS + 1} times, most likely for want of "
            f"memory (it is projected to need {task.memory / 1e9:.1f} GB): lower execution.unit_bytes, or give the "
            f"machines more memory. {error}"
        ) from error
