"""What is tried again, how often, and after how long a wait.

    the code or the data failed         never tried again: it would fail again
    the process died                    `worker_deaths`: the unit itself may be what kills it (memory)
    the machine died                    `node_deaths`: the unit is innocent; preemptible machines die a lot
    storage failed (StorageError)       `storage_failures`: the world may recover

The budgets are a unit's own: a long run survives any number of deaths, as long as they do not gather on one unit. A stateful
worker has them anew with each answer that it gives; the deaths of its machine count as those of its process.

Whoever runs units and workers, here or on a cluster, sees what became of them and asks `Tries`; the decision is here.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pairloom.operators.errors import DataError, PairloomError, PreemptedError, RecipeError, StorageError
from pairloom.pipeline.execution.base import Task, WorkerSpec
from pairloom.pipeline.expected import expected

__all__ = ["RETRIES", "Failure", "Retries", "Tries", "asked_to_stop", "until_it_succeeds"]

T = TypeVar("T")

Failure = Literal["storage", "worker", "machine"]  # the kinds that another try may survive


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How many failures of each kind a unit survives; waits are seconds, each twice as long as the one before."""

    worker_deaths: int = 5
    node_deaths: int = 50
    storage_failures: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def budget(self, failure: Failure) -> int:
        """How many failures of a kind a unit survives."""
        budgets = {
            "storage": self.storage_failures,
            "worker": self.worker_deaths,
            "machine": self.node_deaths,
        }
        return budgets[failure]

    def wait(self, unit: str, failures: int) -> float:
        """How long to wait after a unit's n-th failure: doubled each time, from half to all of that by the unit's id.

        Units that failed together come back apart, and nothing here is random.
        """
        longest = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 16))
        share = zlib.crc32(f"{unit} {failures}".encode()) / (1 << 32)
        return longest * (0.5 + share / 2)


RETRIES = Retries()  # of a run that does not say otherwise


@dataclass(slots=True, kw_only=True)
class Tries:
    """The failures of one unit or worker so far, and what is to be done about the next.

    `name` leads every error, `about` is what the unit works on, named where the error does not say it itself. `key` decides
    how long it waits; `need` are the bytes of memory that it is projected to need. `killer` says what people read of one whose
    process dies again and again, and `advice` what they can do.
    """

    retries: Retries
    name: str
    key: str
    need: int
    killer: str
    advice: str
    about: str = ""
    failures: dict[Failure, int] = field(default_factory=dict)

    @staticmethod
    def of(task: Task, retries: Retries) -> "Tries":
        """Those of a task's unit."""
        return Tries(
            retries=retries,
            name=f"{task.step} unit {task.unit[:12]}",
            about=task.label,
            key=task.unit,
            need=task.need(),
            killer="killed its worker {} times, most likely for want of memory",
            advice="lower execution.unit_bytes, leave the input out, or give the machines more memory",
        )

    @staticmethod
    def of_worker(spec: WorkerSpec, retries: Retries) -> "Tries":
        """Those of a stateful worker."""
        return Tries(
            retries=retries,
            name=spec.label,
            key=spec.label,
            need=spec.need(),
            killer="lost its worker {} times in a row",
            advice="give the machines more memory, or use more of them",
        )

    @property
    def where(self) -> str:
        """The unit and what it works on."""
        return f"{self.name}, {self.about}" if self.about else self.name

    @property
    def count(self) -> int:
        """Failures of every kind."""
        return sum(self.failures.values())

    def add(self, failure: Failure) -> None:
        """Count a failure."""
        self.failures[failure] = self.failures.get(failure, 0) + 1

    def failed(self, cause: BaseException, lost: Literal["worker", "machine"] | None = None) -> float:
        """Seconds to wait before the next try; `lost` says what died, if anything did.

        Raises the error that ends the run, its message led by the unit, where `cause` is not tried again or the budget is
        spent.
        """
        if lost is None:
            cause = expected(cause) or cause
        failure: Failure | None = "storage" if isinstance(cause, StorageError) else lost
        if failure is None:
            raise self.located(cause) if isinstance(cause, PairloomError) else self._bug(cause)
        self.add(failure)
        if self.failures[failure] > self.retries.budget(failure):
            raise self._spent(failure, cause)
        return self.retries.wait(self.key, self.count)

    def succeeded(self) -> None:
        """All budgets are whole again."""
        self.failures.clear()

    def located(self, error: PairloomError) -> PairloomError:
        """The same kind of error, its message led by where it happened and, where it is not named yet, what is worked on.

        Of bad input and a wrong recipe that is the step: a unit's id is nothing that anybody could look up.
        """
        message = str(error)
        name = self.name.partition(" unit ")[0] if isinstance(error, DataError | RecipeError) else self.name
        where = name if not self.about or self.about in message else f"{name}, {self.about}"
        return type(error)(f"{where}: {message}")

    def _bug(self, cause: BaseException) -> BaseException:
        return RuntimeError(f"{self.where} failed: {cause!r}")

    def _spent(self, failure: Failure, cause: BaseException) -> PairloomError:
        if isinstance(cause, PairloomError):
            return self.located(cause)
        times = self.failures[failure]
        if failure == "machine":
            return StorageError(f"{self.where}: {times} machines died under it: {cause}")
        return StorageError(
            f"{self.where} {self.killer.format(times)} (it is projected to need {self.need / 1e9:.1f} GB): {self.advice}. "
            f"{cause}"
        )


def until_it_succeeds(tries: Tries, stop: Callable[[], bool], work: Callable[[], T]) -> T:
    """Do work in this process, as often as it takes; raises what `Tries.failed` raises, a bug as it is.

    Raises PreemptedError when the run is asked to stop between two tries.
    """
    while True:
        try:
            return work()
        except Exception as error:
            known = expected(error)
            if known is None:
                error.add_note(f"in {tries.where}")
                raise
            try:
                wait = tries.failed(known)
            except PairloomError as last:
                raise last from error
            if stop():
                raise asked_to_stop() from error
            time.sleep(wait)


def asked_to_stop() -> PreemptedError:
    """What is raised when the run was asked to stop."""
    return PreemptedError("asked to stop; what is finished is kept, and the same command goes on from there")
