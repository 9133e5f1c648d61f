"""What Ray says became of a task or an actor, as the kinds of failure that `retries` decides about."""

from typing import Literal

import ray

__all__ = ["cause_of", "died"]

_PROCESS = (
    ray.exceptions.RayActorError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.OutOfMemoryError,
)
_MACHINE = (
    ray.exceptions.NodeDiedError,
    ray.exceptions.LocalRayletDiedError,
    ray.exceptions.ObjectLostError,
    # Taken back because its machine is gone.
    ray.exceptions.TaskCancelledError,
)


def cause_of(error: Exception) -> BaseException:
    """What the code raised, or else what Ray says."""
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    return cause if isinstance(cause, BaseException) else error


def died(cause: BaseException) -> Literal["worker", "machine"] | None:
    """What died, by Ray: the process, its machine, or neither."""
    if isinstance(cause, _PROCESS):
        return "worker"
    return "machine" if isinstance(cause, _MACHINE) else None
