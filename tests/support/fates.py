"""A process that dies, or is failed, at a storage call of the test's choosing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO, Literal

import pytest

from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.execution.retries import RETRIES

When = Literal["before", "after", "within"]


CALLS = ("read", "exists", "open", "put", "put_if_absent", "replace", "list", "delete")


class Killed(BaseException):
    """The end of a process."""


class Fate:
    """Strikes before or after storage call number `at` of a process.

    After `Killed`, every call strikes: a process that is dead does not clean up. A failure strikes once.
    """

    def __init__(self, at: int, when: When, error: type[BaseException]) -> None:
        self.at, self.when, self.error = at, when, error
        self.calls = 0
        self.names: list[str] = []
        self.dead = False
        self.left: list[Any] = []  # files that the dead process had open

    def strike(self, call: int, when: When) -> None:
        if self.dead or (call == self.at and when == self.when):
            self.dead = self.error is Killed
            raise self.error(f"{when} storage call {call}")

    def begin(self, name: str) -> int:
        self.calls += 1
        self.names.append(name)
        self.strike(self.calls, "before")
        return self.calls


@contextmanager
def fated(kind: type, fate: Fate) -> Iterator[None]:
    """Every storage call of a kind of store passes by a fate."""

    def plain(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **how: Any) -> Any:
            number = fate.begin(real.__name__)
            try:
                return real(self, *args, **how)
            finally:
                fate.strike(number, "after")

        return call

    def create(real: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def call(self: Any, path: str, **how: Any) -> Iterator[BinaryIO]:
            number = fate.begin("create")
            manager = real(self, path, **how)
            try:
                yield manager.__enter__()
            except BaseException as error:
                if fate.dead:
                    fate.left.append(manager)
                    raise
                manager.__exit__(type(error), error, error.__traceback__)
                raise
            if (fate.at, fate.when) == (number, "within"):  # all is written, nothing is closed
                fate.left.append(manager)
                fate.strike(number, "within")
            manager.__exit__(None, None, None)
            fate.strike(number, "after")

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(kind, name, plain(getattr(kind, name)))
        patch.setattr(kind, "create", create(kind.create))
        yield


# Every failure ends the run: that tasks are tried again is tested by itself.
ONCE = LocalExecutor(retries=replace(RETRIES, storage_failures=0))
