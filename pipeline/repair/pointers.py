"""What points at generations, and what merely tells of runs: `manifests/latest`, `manifests/kept`, manifests, logs.

latest            a hint: written anew from the manifests that are there
kept              written anew: the first generation of which, and of all after it, every file is there
newest manifest   nothing else says what it held: set aside, so that the recipe can be run again, which does no unit twice
log of a run      proves nothing: set aside where it cannot be read
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.flow.log import list_runs, log_path, read_run
from pairloom.pipeline.repair.damage import Lost
from pairloom.pipeline.store.aside import set_aside
from pairloom.pipeline.store.gc import KEPT, first_kept, keep_from
from pairloom.pipeline.store.manifest import LATEST, manifest_path, point_at, read_manifest, sealed
from pairloom.pipeline.store.objects import Objects

__all__ = ["Mended", "mend_pointers"]

Result = Literal["made", "to be made", "not made", "set aside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """One object that did not hold: what it is of, what was wrong with it, what became of it, and why."""

    uri: str
    stage: str
    role: str
    how: str
    result: Result
    why: str = ""

    @staticmethod
    def of(objects: Objects, lost: Lost, result: Result, why: str) -> "Mended":
        """What became of something lost."""
        return Mended(
            uri=objects.uri(lost.path), stage=lost.stage, role=lost.role, how=lost.how, result=result, why=why
        )

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def mend_pointers(objects: Objects, *, dry_run: bool) -> tuple[Mended, ...]:
    """Look at all of them, and mend what does not hold."""
    numbers = sorted(_numbers(objects))
    mended = []
    while numbers and not sealed(objects, numbers[-1]):
        mended.append(
            _aside(objects, manifest_path(numbers.pop()), "manifest", dry_run=dry_run, why=LOST_MANIFEST)
        )
    if numbers:
        mended += _latest(objects, numbers[-1], dry_run)
        mended += _kept(objects, numbers, dry_run)
    for run in list_runs(objects):
        try:
            read_run(objects, run)
        except CorruptionError:
            mended.append(_aside(objects, log_path(run), "log", dry_run=dry_run))
    return tuple(mended)


LOST_MANIFEST = "nothing else says what this generation held; `pairloom run` its recipe commits it again, and does no unit twice"


def _numbers(objects: Objects) -> Iterator[int]:
    for path in objects.list("manifests"):
        name = path.removeprefix("manifests/")
        if name.endswith(".json") and name.removesuffix(".json").isdigit():
            yield int(name.removesuffix(".json"))


def _aside(objects: Objects, path: str, role: str, *, dry_run: bool, why: str = "") -> Mended:
    result: Result = "not made" if why else ("to be made" if dry_run else "set aside")
    if not dry_run:
        why = "; ".join(filter(None, [f"set aside as {objects.uri(set_aside(objects, path))}", why]))
    return Mended(uri=objects.uri(path), stage="", role=role, how="cannot be read", result=result, why=why)


def _pointer(objects: Objects, path: str, how: str, dry_run: bool) -> Mended:
    result: Result = "to be made" if dry_run else "made"
    return Mended(uri=objects.uri(path), stage="", role="pointer", how=how, result=result)


def _latest(objects: Objects, newest: int, dry_run: bool) -> Iterator[Mended]:
    try:
        found: int | None = int(objects.read(LATEST))
    except (FileNotFoundError, ValueError):
        found = None
    if found == newest:
        return
    if not dry_run:
        point_at(objects, newest)
    how = "is missing or cannot be read" if found is None else f"says {found}, not {newest}"
    yield _pointer(objects, LATEST, how, dry_run)


def _kept(objects: Objects, numbers: list[int], dry_run: bool) -> Iterator[Mended]:
    with suppress(CorruptionError):
        first_kept(objects)
        return
    first = numbers[-1]
    for number in reversed(numbers[:-1]):
        manifest = read_manifest(objects, number) if sealed(objects, number) else None
        if manifest is None or not all(
            objects.exists(file.path) for record in manifest.stages.values() for file in record.stored
        ):
            break
        first = number
    if not dry_run:
        keep_from(objects, first)
    yield _pointer(objects, KEPT, "cannot be read", dry_run)
