"""What is tried again, how often, and after how long a wait.

    the unit's code or data failed      never tried again: it would fail again
    the unit's worker died              `worker_deaths`: the unit itself may be what kills them (memory)
    the unit's machine died             `node_deaths`: the unit is innocent; preemptible machines die a lot
    storage failed (StorageError)       `storage_failures`: the world may recover

The budgets are a unit's own: a long run survives any number of deaths, as long as they do not gather on one unit. A member
of a crew has them anew with each answer that it gives; the deaths of its machine count as those of its worker.
"""

import zlib
from dataclasses import dataclass

from pairloom.operators.errors import PairloomError
from pairloom.pipeline.execution.base import Task

__all__ = ["RETRIES", "Retries", "located"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How many failures of each kind a unit survives; waits are seconds, each twice as long as the one before."""

    worker_deaths: int = 5
    node_deaths: int = 50
    storage_failures: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait(self, unit: str, failures: int) -> float:
        """How long to wait after a unit's n-th failure: doubled each time, from half to all of that by the unit's id.

        Units that failed together come back apart, and nothing here is random.
        """
        longest = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 16))
        share = zlib.crc32(f"{unit} {failures}".encode()) / (1 << 32)
        return longest * (0.5 + share / 2)


RETRIES = Retries()  # of a run that does not say otherwise


def located(error: PairloomError, task: Task) -> PairloomError:
    """The same kind of error, its message led by the stage, the unit and, where it is not named yet, the input."""
    message = str(error)
    about = "" if task.label in message else f", {task.label}"
    return type(error)(f"{task.step} unit {task.unit[:12]}{about}: {message}")
