"""Stateful workers that fail as their messages say, for testing whatever asks them."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pairloom.operators.errors import DataError, StorageError


@dataclass(slots=True)
class Adder:
    """Adds up what it is told. A message is a number, or (number, failure, times): that often it fails before it adds."""

    folder: str
    name: str
    total: int = 0

    def answer(self, message: int | tuple[int, str, int]) -> tuple[str, int]:
        if isinstance(message, tuple):
            message, failure, times = message
            if self._failed(f"{message}-{failure}", times):
                self._fail(failure)
        self.total += message
        return self.name, self.total

    def _failed(self, what: str, times: int) -> bool:
        number = len(list(Path(self.folder).glob(f"{self.name}-{what}.*")))
        if number < times:
            (Path(self.folder) / f"{self.name}-{what}.{number}").touch(exist_ok=False)
        return number < times

    def _fail(self, failure: str) -> None:
        match failure:
            case "storage":
                raise StorageError("storage failed")
            case "data":
                raise DataError("row 3: bad")
            case "bug":
                raise ZeroDivisionError("a bug")
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdderSpec:
    """`starts` is how often starting fails before it succeeds."""

    folder: str
    name: str
    starts: int = 0
    memory: int = 1_000_000

    @property
    def label(self) -> str:
        return f"member {self.name}"

    def need(self) -> int:
        return self.memory

    def start(self) -> Adder:
        adder = Adder(self.folder, self.name)
        if adder._failed("start", self.starts):
            raise StorageError("the words cannot be read")
        return adder
