"""A unit of work, and one attempt at it: what every task of a stage does alike.

    UnitTask.run ── store opened ──▶ Attempt ── work(attempt, shared) ──▶ files, ledger, facts ── claim ──▶ receipt

A task says what it is of (`step`), what decides its bytes (`identity`), what it needs (`need`) and what it does (`work`);
everything else is here, once. An attempt collects what becomes of the work: every file that it has written, its ledger, what
is to be in its receipt.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.store.files import ArrowWriter, StoredFile, attempt_path, write_arrow, write_bytes
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Piece, Receipt, claim

__all__ = ["Attempt", "UnitTask"]


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """One attempt at a unit: where it stores, and what its receipt will say.

    `files` are in the order in which they were written. See `Receipt` for `ledger`, `facts`, `slices`, `read`, `pieces` and
    `payload`.
    """

    objects: Objects
    step: str
    unit: str
    files: list[StoredFile] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    facts: dict[str, int] = field(default_factory=dict)
    slices: tuple[tuple[str, int], ...] = ()
    read: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    payload: bytes = b""

    @contextmanager
    def arrow(
        self,
        role: str,
        schema: pa.Schema,
        *,
        name: str | None = None,
        folder: str | None = None,
        scratch: bool = False,
    ) -> Iterator[ArrowWriter]:
        """Write an Arrow file of a role; when the block has ended, it is one of the attempt's files.

        `name` is what its path ends in, by default the role; `folder` is where it is, by default that of the step. For
        `scratch` see `write_arrow`.
        """
        with write_arrow(
            self.objects, self.path(name or f"{role}.arrow", folder), schema, role=role, scratch=scratch
        ) as writer:
            yield writer
        assert writer.stored is not None
        self.files.append(writer.stored)

    def file(self, name: str, data: bytes, role: str) -> StoredFile:
        """Write a small file, which is one of the attempt's from then on."""
        stored = write_bytes(self.objects, self.path(name), data, role=role)
        self.files.append(stored)
        return stored

    def path(self, name: str, folder: str | None = None) -> str:
        """A path that no other attempt at the unit will use; by default in the folder of the step."""
        return attempt_path(folder or self.step, self.unit, name)

    def receipt(self) -> Receipt:
        """What the attempt has made."""
        return Receipt(
            stage=self.step,
            unit=self.unit,
            files=tuple(self.files),
            ledger=self.ledger,
            slices=self.slices,
            read=self.read,
            pieces=self.pieces,
            facts=self.facts,
            payload=self.payload,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTask(ABC):
    """A task that makes one unit below `root`. Running it twice, anywhere, is harmless: the first receipt wins.

    A task is a frozen dataclass, so that it can be sent to wherever it is to run.
    """

    root: str
    # The unit's id, once somebody has asked for it: of thousands of files in one unit it takes milliseconds each time.
    known_id: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    @abstractmethod
    def step(self) -> str:
        """The step that the unit is of: receipts and files are filed under it."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What the task works on, for messages: an input, a partition."""

    @abstractmethod
    def identity(self) -> object:
        """Everything that changes a byte of what the task makes, as a value with a canonical JSON."""

    @abstractmethod
    def need(self) -> int:
        """Bytes of memory that the task needs at most, projected."""

    @abstractmethod
    def work(self, attempt: Attempt, shared: Any) -> None:
        """Do the work. `shared` is what all tasks of the step are handed."""

    @property
    def unit(self) -> str:
        """The unit's id: a hash of the step and the identity."""
        if not self.known_id:
            self.known_id.append(unit_id(self.step, self.identity()))
        return self.known_id[0]

    def run(self, shared: Any = None) -> Receipt:
        """Do the work and publish the receipt; where another attempt was first, its receipt."""
        return claim(open_objects(self.root), self.attempt(shared))

    def attempt(self, shared: Any = None) -> Receipt:
        """Do the work under names of its own, and publish nothing: what a receipt would say."""
        attempt = Attempt(objects=open_objects(self.root), step=self.step, unit=self.unit)
        self.work(attempt, shared)
        return attempt.receipt()
