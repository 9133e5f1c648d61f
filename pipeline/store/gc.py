"""Garbage: what is below a root, older than a grace period, and referenced by no generation that is kept.

    listed before referenced     a commit that comes in between is seen, and what it references stays
    receipts before their data   whatever is interrupted, a receipt never names a file that is gone
    older than the grace         what a run in progress has made is younger, if no run takes longer than that

A kept generation references its files, the receipts of its units, and the files of those receipts: that is what makes the
next run quick. Manifests are never removed; `manifests/kept` says which generation is the first that is whole. Of the logs
of runs the newest stay.
"""

import json
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from pairloom.operators.errors import CorruptionError, RecipeError, StorageError
from pairloom.pipeline.store.aside import side_by_side
from pairloom.pipeline.store.manifest import Manifest, StageRecord, latest_manifest, read_manifest
from pairloom.pipeline.store.objects import FOLDERS, Objects
from pairloom.pipeline.store.receipts import find_receipt, receipt_path
from pairloom.pipeline.store.sealed import seal, unseal

__all__ = [
    "KEPT",
    "Collection",
    "Listed",
    "check_present",
    "collect",
    "first_kept",
    "garbage",
    "keep_from",
    "references",
]

KEPT = "manifests/kept"
LOGS_KEPT = 100  # logs of runs, the newest; they are small
OURS = tuple(f"{name}/" for name in FOLDERS if name != "manifests")  # what may be garbage


class Listed(NamedTuple):
    """An object and when it was last written, in seconds since 1970."""

    path: str
    modified: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What was found: `garbage` in the order of its removal; `young` are unreferenced too, but stay for the grace."""

    garbage: tuple[str, ...]
    young: int
    referenced: int
    kept: tuple[int, ...]
    deleted: bool


def garbage(listed: Iterable[Listed], referenced: Set[str], now: float, grace: float) -> Iterator[str]:
    """The listed paths that nobody references and that were written more than `grace` seconds before `now`.

    >>> old, new = Listed("data/a", 0.0), Listed("data/b", 90.0)
    >>> list(garbage([old, new], frozenset(), now=100.0, grace=50.0))
    ['data/a']
    """
    for path, modified in listed:
        if _ours(path) and path not in referenced and modified < now - grace:
            yield path


def references(objects: Objects, manifests: Iterable[Manifest]) -> frozenset[str]:
    """Everything that generations need, to be read and to be built upon."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for manifest in manifests:
        found |= _paths(manifest.stages.values())
        if manifest.vocabulary is not None:
            found.add(manifest.vocabulary.path)
        for stage, record in manifest.stages.items():
            for unit in record.units:
                if (stage, unit) in seen:
                    continue
                seen.add((stage, unit))
                receipt = find_receipt(objects, stage, unit)
                if receipt is not None:
                    found.add(receipt_path(stage, unit))
                    found.update(file.path for file in receipt.files)
    return frozenset(found)


def first_kept(objects: Objects) -> int:
    """The first generation that garbage collection has left whole; raises CorruptionError where that cannot be read."""
    try:
        body, sealed = unseal(objects.read(KEPT))
        return int(json.loads(body)["first"]) if sealed else int(body)
    except FileNotFoundError:
        return 1
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptionError(f"{objects.uri(KEPT)} is damaged: {error}") from error


def collect(
    objects: Objects, *, now: float, grace: float, keep: int | None = None, delete: bool = False
) -> Collection:
    """Find the garbage below a root, and remove it if `delete`; `keep` newest generations stay (all by default).

    `now` and `grace` are seconds. Without `delete` nothing is written. Raises RecipeError for a root that nothing was
    committed to, CorruptionError for a damaged manifest or receipt: then nothing is removed.
    """
    paths = objects.list("")
    logs = frozenset([path for path in paths if path.startswith("log/") and "/." not in path][-LOGS_KEPT:])
    newest = latest_manifest(objects)
    if newest is None:
        raise RecipeError(
            f"nothing is committed below {objects.root}: run `pairloom run RECIPE` first, or check the path"
        )
    floor = first_kept(objects)
    if keep is not None:
        floor = max(floor, newest.generation - keep + 1)
    kept = tuple(range(floor, newest.generation + 1))
    referenced = references(objects, (m for g in kept if (m := read_manifest(objects, g)) is not None))
    kept_paths = referenced | logs
    listed = list(_looked_at(objects, [path for path in paths if _ours(path) and path not in kept_paths]))
    old = set(garbage(listed, referenced, now, grace))
    # A receipt that stays keeps its files, which are a little older.
    alive = referenced.union(*(_files(objects, one.path) for one in listed if one.path not in old))
    found = sorted(garbage(listed, alive, now, grace), key=_removal)
    if delete:
        if floor > first_kept(objects):
            keep_from(objects, floor)
        for path in found:
            objects.delete(path)
    return Collection(
        garbage=tuple(found),
        young=len(listed) - len(found),
        referenced=len(referenced),
        kept=kept,
        deleted=delete,
    )


def keep_from(objects: Objects, generation: int) -> None:
    """Write down the first generation that is whole; see `first_kept`."""
    objects.put(KEPT, seal(json.dumps({"first": generation})))


def check_present(objects: Objects, records: Iterable[StageRecord], last: Manifest | None) -> None:
    """Raise StorageError unless every file that a commit is about to reference, and the last did not, is there."""
    known = _paths(last.stages.values()) if last is not None else set()
    paths = sorted(_paths(records) - known)
    missing = [
        path for path, there in zip(paths, side_by_side(objects.exists, paths), strict=True) if not there
    ]
    if missing:
        raise StorageError(
            f"{len(missing)} files of this run are gone before it could commit, as {objects.uri(missing[0])}: was garbage "
            "collected with a grace period shorter than the run? Run again"
        )


def _paths(records: Iterable[StageRecord]) -> set[str]:
    return {file.path for record in records for file in record.stored}


def _looked_at(objects: Objects, paths: list[str]) -> Iterator[Listed]:
    def look(path: str) -> float | None:
        with suppress(FileNotFoundError):  # a run has cleaned up after itself meanwhile
            return objects.modified(path)
        return None

    for path, modified in zip(paths, side_by_side(look, paths), strict=True):
        if modified is not None:
            yield Listed(path, modified)


def _ours(path: str) -> bool:
    return path.startswith(OURS) or (path.startswith("manifests/") and path.endswith(".tmp"))


def _files(objects: Objects, path: str) -> list[str]:
    """The files of a receipt; none of any other object."""
    parts = path.split("/")
    if (
        parts[0] != "receipts"
        or len(parts) != 4
        or parts[3].startswith(".")
        or not parts[3].endswith(".json")
    ):
        return []
    receipt = find_receipt(objects, parts[1], parts[3].removesuffix(".json"))
    return [] if receipt is None else [file.path for file in receipt.files]


def _removal(path: str) -> tuple[bool, str]:
    return not path.startswith("receipts/"), path
