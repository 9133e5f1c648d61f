"""What of a generation is not what was written: files, and receipts of its units.

Every file that the manifest names is read, and every file that a receipt of one of its units names: what later runs take over
is part of a generation, though no reader needs it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.store.aside import compared, side_by_side
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt, find_receipt, receipt_path

__all__ = ["Damage", "Held", "Lost", "find_damage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A file that a generation holds: of a stage, or of none, and of a unit, where a receipt names it."""

    stage: str
    stored: StoredFile
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An object of a generation that is missing or not what was written, as `how` says; `role` is what it is for."""

    stage: str
    role: str
    path: str
    how: str
    stored: StoredFile | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is wrong with a generation. `receipts` are those of its units that can be read, by (stage, unit).

    `places` are the files that the manifest names by what they hold, (role, SHA-256). `files` and `bytes` were compared.
    """

    receipts: dict[tuple[str, str], Receipt]
    places: dict[tuple[str, str], list[StoredFile]] = field(default_factory=dict)
    lost: dict[str, Lost] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0

    def stages(self) -> tuple[str, ...]:
        """The stages that something is lost of."""
        return tuple(dict.fromkeys(one.stage for one in self.lost.values()))

    def units(self, stage: str) -> frozenset[str]:
        """The units of a stage that have lost a file or their receipt."""
        paths = {path for path, one in self.lost.items() if one.stored is not None}
        units = {one.unit for one in self.lost.values() if one.stage == stage and one.unit is not None}
        for (of, unit), receipt in self.receipts.items():
            if of == stage and any(file.path in paths for file in receipt.files):
                units.add(unit)
        return frozenset(units)


def find_damage(
    objects: Objects, manifest: Manifest, observe: Callable[[Event], None] = lambda _: None
) -> Damage:
    """Read all that a generation holds; `observe` is told how far that is."""
    observe(Doing(stage="repair", step="compare", what="reading receipts"))
    receipts: dict[tuple[str, str], Receipt] = {}
    lost: dict[str, Lost] = {}
    units = [(stage, unit) for stage, record in manifest.stages.items() for unit in record.units]
    for (stage, unit), found in zip(
        units, side_by_side(lambda one: _receipt(objects, *one), units), strict=True
    ):
        if isinstance(found, Receipt):
            receipts[stage, unit] = found
        else:
            path = receipt_path(stage, unit)
            lost[path] = Lost(stage=stage, role="receipt", path=path, how=found, unit=unit)
    held = {one.stored.path: one for one in _held(manifest, receipts)}
    looked_at = side_by_side(lambda h: compared(objects, h.stored), held.values())
    for number, (one, wrong) in enumerate(zip(held.values(), looked_at, strict=True)):
        observe(Doing(stage="repair", step="compare", what="files", done=number, of=len(held)))
        if wrong is not None:
            lost[one.stored.path] = Lost(
                stage=one.stage,
                role=one.stored.role,
                path=one.stored.path,
                how=wrong,
                stored=one.stored,
                unit=one.unit,
            )
    size = sum(one.stored.bytes for one in held.values())
    return Damage(receipts=receipts, places=_places(manifest), lost=lost, files=len(held), bytes=size)


def _places(manifest: Manifest) -> dict[tuple[str, str], list[StoredFile]]:
    places: dict[tuple[str, str], list[StoredFile]] = {}
    given = () if manifest.vocabulary is None else (manifest.vocabulary,)
    stored = {file.path: file for record in manifest.stages.values() for file in record.stored}
    for file in (stored | {file.path: file for file in given}).values():
        places.setdefault((file.role, file.sha256), []).append(file)
    return places


def _receipt(objects: Objects, stage: str, unit: str) -> Receipt | str:
    try:
        return find_receipt(objects, stage, unit) or "is missing"
    except CorruptionError:
        return "cannot be read"


def _held(manifest: Manifest, receipts: dict[tuple[str, str], Receipt]) -> Iterator[Held]:
    """What a generation holds; of a path that several name, what the manifest says of it comes last."""
    for (stage, unit), receipt in receipts.items():
        for file in receipt.files:
            yield Held(stage=stage, stored=file, unit=unit)
    if manifest.vocabulary is not None:
        yield Held(stage="vocabulary", stored=manifest.vocabulary)
    for stage, record in manifest.stages.items():
        for file in record.stored:
            yield Held(stage=stage, stored=file)
