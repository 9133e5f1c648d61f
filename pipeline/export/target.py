"""Where an export goes: a folder that is empty, and complete once `export.json` is in it.

    claim `export.started.json` ─▶ data files, read back ─▶ counts agree with the manifest ─▶ names ─▶ index files ─▶ `export.json`

On a file system a file gets its name when all data is there and right; in a bucket each appears whole. The files by which
a format is opened come after all others. A folder with anything else in it is refused, an export that was interrupted is
begun anew, and one that is complete is checked and kept.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pairloom.operators.errors import ConflictError, CorruptionError, PairloomError, RecipeError, StorageError
from pairloom.pipeline.store.files import StoredFile, check_stored
from pairloom.pipeline.store.objects import LocalObjects, Objects
from pairloom.pipeline.store.sinks import HashedSink

__all__ = ["DONE", "STARTED", "Target", "finished"]

DONE = "export.json"
STARTED = "export.started.json"
PARTIAL = re.compile(r"\..+\.[0-9a-f]{12}\.partial")


def finished(objects: Objects, identity: dict[str, Any]) -> dict[str, Any] | None:
    """What a complete export of the same thing says of itself, its files checked; None where there is none.

    Raises RecipeError where another export is complete, CorruptionError where a file is not as it was written.
    """
    try:
        found: dict[str, Any] = json.loads(objects.read(DONE))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CorruptionError(f"{objects.uri(DONE)} is damaged: {error}") from error
    if {name: found.get(name) for name in identity} != identity:
        raise RecipeError(f"{objects.root} holds another export ({_said(found)}); choose another folder")
    for file in found["files"]:
        stored = StoredFile(
            role="data", path=file["path"], bytes=file["bytes"], sha256=file["sha256"], rows=0
        )
        try:
            check_stored(objects, stored)
        except FileNotFoundError as error:
            raise CorruptionError(
                f"{objects.uri(stored.path)} is missing from a complete export; remove the folder and export again"
            ) from error
    objects.delete(STARTED)
    return found


class Target:
    """One attempt at an export. `owned` matches the names of its format's files, `agree` raises unless the data is right."""

    def __init__(
        self, objects: Objects, identity: dict[str, Any], *, owned: str, agree: Callable[[], None]
    ) -> None:
        self.objects, self.identity, self._agree = objects, identity, agree
        self._attempt = uuid.uuid4().hex[:12]
        self._begun: list[str] = []
        self._pending: list[StoredFile] = []  # written and right, but not under their names
        self._files: list[StoredFile] = []
        self._agreed = False
        self._claim(re.compile(owned))

    @contextmanager
    def data(self, name: str) -> Iterator[HashedSink]:
        """A data file to write; when the block has ended, the file has been read again."""
        with self._create(name) as sink:
            yield sink

    @contextmanager
    def index(self, name: str) -> Iterator[HashedSink]:
        """A file by which the data is opened; before the first of them, all data is checked and gets its names."""
        self._settle()
        with self._create(name) as sink:
            yield sink
        self._publish()

    def finish(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Make the export complete; returns what `export.json` says."""
        self._settle()
        files = [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in self._files]
        said = self.identity | facts | {"files": files}
        self.objects.put(DONE, (json.dumps(said, indent=1) + "\n").encode())
        with suppress(StorageError, OSError):  # `finished` removes it, too
            self.objects.delete(STARTED)
        return said

    def abandon(self) -> None:
        """Leave nothing of an attempt that failed, as far as the store answers; what another attempt has is left to it."""
        for name in self._begun:
            if (place := self._place(name)) != name:
                with suppress(PairloomError, OSError):
                    self.objects.delete(place)
        with suppress(PairloomError, OSError):
            self._still_ours()
            self.objects.delete(DONE)  # first, and nothing else unless it is gone
            for path in [*self._begun, STARTED]:
                self.objects.delete(path)

    def _claim(self, owned: re.Pattern[str]) -> None:
        mine = json.dumps(self.identity | {"attempt": self._attempt}).encode()
        listed = self.objects.list("")
        if not listed:
            if not self.objects.put_if_absent(STARTED, mine):
                raise ConflictError(f"another export into {self.objects.root} has just begun")
            return
        foreign = [
            path
            for path in listed
            if path != STARTED and not owned.fullmatch(path) and not PARTIAL.fullmatch(path)
        ]
        if STARTED not in listed or foreign:
            raise RecipeError(
                f"{self.objects.root} is not empty ({(foreign or listed)[0]}, {len(listed)} files in all); export into a folder "
                "of its own"
            )
        before = json.loads(self.objects.read(STARTED))
        if {name: before.get(name) for name in self.identity} != self.identity:
            raise RecipeError(
                f"{self.objects.root} holds what is left of another export ({_said(before)}); remove it, or choose another folder"
            )
        self.objects.put(STARTED, mine)
        for path in listed:
            if path != STARTED:
                self.objects.delete(path)

    @contextmanager
    def _create(self, name: str) -> Iterator[HashedSink]:
        place = self._place(name)
        self._begun.append(name)
        with self.objects.create(place) as file:
            sink = HashedSink(file)
            yield sink
        stored = StoredFile(role="data", path=place, bytes=sink.bytes, sha256=sink.sha256, rows=0)
        self._pending.append(stored.model_copy(update={"path": name}))
        if stored.bytes:  # no store opens an empty file; whether there may be one is for the counts to say
            check_stored(self.objects, stored)

    def _place(self, name: str) -> str:
        """Where a file is written: what a bucket does by itself, a file system needs another name for."""
        return f".{name}.{self._attempt}.partial" if isinstance(self.objects, LocalObjects) else name

    def _settle(self) -> None:
        if not self._agreed:
            self._agree()
            self._agreed = True
        self._publish()

    def _publish(self) -> None:
        self._still_ours()
        for file in self._pending:
            place = self._place(file.path)
            if place != file.path:
                Path(self.objects.uri(place)).replace(self.objects.uri(file.path))
        self._files += self._pending
        self._pending = []

    def _still_ours(self) -> None:
        try:
            attempt = json.loads(self.objects.read(STARTED)).get("attempt")
        except FileNotFoundError:
            attempt = None
        if attempt != self._attempt:
            raise ConflictError(f"another export into {self.objects.root} took over; its result stands")


def digest(identity: dict[str, Any]) -> str:
    """16 hexadecimal digits of a hash of what is exported."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _said(found: dict[str, Any]) -> str:
    names = ("format", "unit", "split", "root", "generation")
    return ", ".join(f"{name} {found[name]}" for name in names if name in found)
