"""Receipts that do not hold: their files are gone or are not what was written.

    of a unit that a generation holds      CorruptionError: `pairloom repair` makes the files again
    of any other unit                      set aside, so that the run that meets it does the unit again

A receipt that was never committed promises nothing to anybody, so that no run has to end because of it.
"""

from collections.abc import Callable, Iterable, Sequence

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.store.aside import compared, looked_at, set_aside, side_by_side
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.gc import first_kept
from pairloom.pipeline.store.manifest import latest_manifest, read_manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import FEW, Receipt, find_receipt, find_receipts, receipt_path
from pairloom.pipeline.store.remedy import remedy

__all__ = ["holding_receipts", "void_damaged"]

Look = Callable[[Objects, StoredFile], str | None]


def holding_receipts(
    objects: Objects, units: Sequence[tuple[str, str]], trusted: Iterable[tuple[str, str]]
) -> tuple[list[Receipt | None], list[str]]:
    """The receipts of units, None for one that is still to be done, and what was set aside because it does not hold.

    The files of units that are `trusted` are not looked at; of the others, whether they are there, and how long they are. Of
    many that are far away a listing says which are there, a request for every thousand; what it misses is looked at.
    Raises CorruptionError where a generation holds a unit that does not.
    """
    try:
        found = find_receipts(objects, units)
    except CorruptionError:  # one of them cannot be read
        found = [None] * len(units)
        said = [line for unit in units for line in _void(objects, *unit, looked_at)]
        found = find_receipts(objects, units)
    else:
        said = []
    known = set(trusted)
    asked = [i for i, unit in enumerate(units) if found[i] is not None and unit not in known]
    if len(asked) > FEW and not objects.root.startswith("file:"):
        listed = _listed(objects, [receipt for i in asked if (receipt := found[i]) is not None])
        asked = [i for i in asked if any(file.path not in listed for file in _files(found[i]))]
    looks = side_by_side(lambda i: _void(objects, *units[i], looked_at, found[i]), asked)
    for i, lines in zip(asked, looks, strict=True):
        if lines:
            found[i], said = None, said + lines
    return found, said


def void_damaged(objects: Objects, units: Iterable[tuple[str, str]]) -> list[str]:
    """Set aside the receipts of those units whose files are not what was written, comparing all of them; what was.

    Raises CorruptionError where a generation holds one of them.
    """
    found = side_by_side(lambda unit: _void(objects, unit[0], unit[1], compared), units)
    return [line for lines in found for line in lines]


def _files(receipt: Receipt | None) -> tuple[StoredFile, ...]:
    return () if receipt is None else receipt.files


def _listed(objects: Objects, receipts: Sequence[Receipt]) -> set[str]:
    """The paths below the folders that files of receipts are in."""
    folders = {"/".join(file.path.split("/")[:2]) for receipt in receipts for file in receipt.files}
    return {path for folder in sorted(folders) for path in objects.list(folder)}


def _void(objects: Objects, step: str, unit: str, look: Look, known: Receipt | None = None) -> list[str]:
    """What was set aside of a unit: its receipt, if that does not hold."""
    path = receipt_path(step, unit)
    try:
        receipt = known or find_receipt(objects, step, unit)
    except CorruptionError as error:
        wrong = [str(error)]
    else:
        if receipt is None:
            return []
        looks = ((file, look(objects, file)) for file in receipt.files)
        wrong = [f"{objects.uri(file.path)} {how}" for file, how in looks if how is not None]
    if not wrong:
        return []
    if (generation := _held_by(objects, step, unit)) is not None:
        raise CorruptionError(
            f"{wrong[0]}, and generation {generation} holds it: {remedy(objects, generation)}"
        )
    there = set_aside(objects, path)
    return [f"{wrong[0]}: the unit is done again (its receipt is set aside as {objects.uri(there)})"]


def _held_by(objects: Objects, step: str, unit: str) -> int | None:
    """The newest generation that holds a unit, of those that are kept."""
    newest = latest_manifest(objects)
    if newest is None:
        return None
    for generation in range(newest.generation, first_kept(objects) - 1, -1):
        manifest = newest if generation == newest.generation else read_manifest(objects, generation)
        if manifest is not None and step in manifest.stages and unit in manifest.stages[step].units:
            return generation
    return None
