"""Tasks that fail as a script says, for testing whatever runs tasks."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairloom.operators.errors import DataError, StorageError
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.store.receipts import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """Does at each invocation what the script says next, and at last succeeds. Invocations are counted in `folder`."""

    folder: str
    name: str
    script: tuple[str, ...] = ()
    memory: int = 1_000_000
    step = "scripted"

    @property
    def unit(self) -> str:
        return unit_id(self.step, self.name)

    @property
    def label(self) -> str:
        return f"file:///{self.name}.txt"

    def need(self) -> int:
        return self.memory

    def run(self, shared: Any) -> Receipt:
        number = self.invocations()
        (Path(self.folder) / f"{self.name}.{number}").touch(exist_ok=False)
        match self.script[number] if number < len(self.script) else "ok":
            case "storage":
                raise StorageError(f"storage failed for the {number}. time")
            case "data":
                raise DataError("row 3: bad")
            case "bug":
                raise ZeroDivisionError("a bug")
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "slow":
                time.sleep(1)
            case "endless":
                time.sleep(600)
        return Receipt(stage=self.step, unit=self.unit, files=(), facts={"shared": shared or 0})

    def invocations(self) -> int:
        return len(list(Path(self.folder).glob(f"{self.name}.*")))
