"""Repairing a generation: what it has lost is made anew, stage by stage, and proved by its checksums.

    find_damage ── stages that have lost something, in order ──▶ RepairJob ── same bytes ──▶ in their places
                                                                    └── other bytes, no inputs ──▶ said, and why

Nothing that holds is touched. A repair that is killed is begun again, and does what is left.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pairloom.operators.errors import CorruptionError, PairloomError, PreemptedError, RecipeError
from pairloom.operators.shown import Shown
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.execution.base import Executor, never
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.flow.plan import PARTITION_BYTES, Plan, brought_vocabulary, given_vocabulary
from pairloom.pipeline.flow.run import executor_of
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.repair.damage import Damage, Lost, find_damage
from pairloom.pipeline.repair.inputs import Inputs, list_units
from pairloom.pipeline.repair.job import RepairJob
from pairloom.pipeline.repair.pointers import Mended, mend_pointers
from pairloom.pipeline.stages import STAGES, stage, stages
from pairloom.pipeline.store.aside import compared
from pairloom.pipeline.store.files import attempt_path, write_bytes
from pairloom.pipeline.store.gc import first_kept
from pairloom.pipeline.store.location import check_writable, open_objects
from pairloom.pipeline.store.manifest import Manifest, StageRecord, latest_manifest, read_manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import find_receipt

__all__ = ["Mended", "Repaired", "repair"]

FAILURES = (PairloomError, OSError, RuntimeError, KeyError)  # of a stage: the others are tried all the same


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Repaired(Shown):
    """What a repair found, and what became of it. `files` and `bytes` of the generation were compared."""

    generation: int
    files: int
    bytes: int
    mended: tuple[Mended, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is left that could not be made."""
        return all(one.result != "not made" for one in self.mended)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "generation": self.generation,
            "files": self.files,
            "bytes": self.bytes,
            "whole": self.whole,
            "mended": [one.facts() for one in self.mended],
        }

    def _shown(self) -> tuple[str, dict[str, str]]:
        results = [one.result for one in self.mended]
        return f"Repaired generation {self.generation}", {
            "files": f"{self.files:,}",
            **{name: f"{results.count(name):,}" for name in dict.fromkeys(results)},
        }


def repair(
    root: str,
    *,
    generation: int | None = None,
    dry_run: bool = False,
    engine: str | None = None,
    observe: Callable[[Event], None] = lambda _: None,
    executor: Executor | None = None,
    stop: Callable[[], bool] = never,
) -> Repaired:
    """Make lost and damaged files of a generation (the newest) anew; with `dry_run`, find them and change nothing.

    Files are those of all stages, the vocabulary, and receipts. Each is made by the task that made it, from what it was made of,
    and put in place only if it has the checksum that the manifest or its receipt says. What cannot be made is in the result,
    with the reason. Raises RecipeError for a root or generation that there is not.
    """
    objects = open_objects(root)
    pointers = mend_pointers(objects, dry_run=dry_run)
    manifest = _generation(objects, generation)
    damage = find_damage(objects, manifest, observe)
    if not damage.lost:
        return _repaired(manifest, damage, pointers)
    recipe = _recipe(root, manifest, engine)
    observe(Doing(stage="repair", step="plan", what="looking for what lost files are made of"))
    inputs = list_units(recipe, manifest.revisions) if _reads(damage) else Inputs(units=(), missing=())
    if dry_run:
        return _repaired(manifest, damage, (*pointers, *_foretold(objects, manifest, damage, inputs)))
    check_writable(objects)
    why: dict[str, str] = {}
    job = RepairJob(
        plan=_plan(objects, recipe, manifest, damage, why),
        objects=objects,
        observe=observe,
        executor=executor or executor_of(recipe.execution, stop, observe),
        records=dict(manifest.stages),
        manifest=manifest,
        damage=damage,
    )
    try:
        if "vocabulary" in damage.stages():
            _put_given(job, recipe, why)
        for name in _in_order(damage):
            why |= _remade(job, name, manifest.stages[name], inputs)
    finally:
        job.clean()
    return _repaired(manifest, damage, (*pointers, *_made(objects, damage, job.failed, why)))


def _generation(objects: Objects, generation: int | None) -> Manifest:
    found = latest_manifest(objects) if generation is None else read_manifest(objects, generation)
    if found is None:
        which = "nothing is committed" if generation is None else f"there is no generation {generation}"
        raise RecipeError(f"{which} below {objects.root}: check the path, or `pairloom run` a recipe")
    if found.generation < (first := first_kept(objects)):
        raise RecipeError(
            f"generation {generation} of {objects.root} was garbage collected; the first that is kept is {first}"
        )
    return found


def _recipe(root: str, manifest: Manifest, engine: str | None) -> Recipe:
    """The recipe of a generation, of the root where it is now."""
    asked = manifest.recipe | {"root": root}
    if engine is not None:
        asked["execution"] = asked.get("execution", {}) | {"engine": engine}
    return Recipe.model_validate(asked)


def _reads(damage: Damage) -> bool:
    """Whether a stage that reads inputs has lost a unit's files."""
    known = [STAGES.get(name)() for name in damage.stages() if name in STAGES.names()]
    return any(one.reads_inputs and damage.units(one.name) for one in known)


def _in_order(damage: Damage) -> list[str]:
    """The stages that something is lost of: each after those that it is made of."""
    order = [one.name for one in stages()]
    # What was tokenized says which source each unit counted is of.
    return sorted(
        (name for name in damage.stages() if name != "vocabulary"), key=lambda name: _place(order, name)
    )


def _place(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _plan(objects: Objects, recipe: Recipe, manifest: Manifest, damage: Damage, why: dict[str, str]) -> Plan:
    """A plan of what the manifest says, without any input; `why` receives what could not be read."""
    vocabulary, data, base, base_json = None, None, None, None
    if (
        manifest.vocabulary is not None
        and "learn" not in manifest.stages
        and manifest.vocabulary.path not in damage.lost
    ):
        data = objects.read(manifest.vocabulary.path)
        vocabulary = Vocabulary.from_json(data)
    if recipe.vocabulary.extend is not None and {"count", "learn"} & set(damage.stages()):
        try:
            base, base_json = given_vocabulary(recipe, "extend", recipe.vocabulary.extend)
        except PairloomError as error:
            why |= dict.fromkeys(("count", "learn"), str(error))
    return Plan(
        recipe=recipe,
        inputs=(),
        units=(),
        keys={name: record.key for name, record in manifest.stages.items()},
        revisions=manifest.revisions,
        partitions=_partitions(manifest),
        vocabulary=vocabulary,
        vocabulary_json=data,
        kept=True,
        base=base,
        base_json=base_json,
    )


def _partitions(manifest: Manifest) -> int:
    """In how many partitions words were counted."""
    if "count" in manifest.stages:
        return sum(file.role == "words" for file in manifest.stages["count"].files)
    size = manifest.stages["tokenize"].ledger.bytes_in if "tokenize" in manifest.stages else 0
    return max(4, min(4096, -(-size // PARTITION_BYTES)))


def _put_given(job: RepairJob, recipe: Recipe, why: dict[str, str]) -> None:
    """Put the file of a vocabulary that the recipe brings where it was."""
    assert job.manifest.vocabulary is not None
    try:
        vocabulary, data = brought_vocabulary(recipe)
    except PairloomError as error:
        why["vocabulary"] = str(error)
        return
    if data is None:
        why["vocabulary"] = "the recipe does not say where it came from"
        return
    file = write_bytes(
        job.objects, attempt_path("vocabulary", "given", "tokenizer.json"), data, role="vocabulary"
    )
    if (
        job.take(file).sha256 != job.manifest.vocabulary.sha256
        or file.sha256 != job.manifest.vocabulary.sha256
    ):
        why["vocabulary"] = f"{recipe.vocabulary.from_} is not the file that it was"
        return
    job.plan = replace(job.plan, vocabulary=vocabulary, vocabulary_json=data)


def _remade(job: RepairJob, name: str, record: StageRecord, inputs: Inputs) -> dict[str, str]:
    """Make again what a stage has lost; by stage, or by unit, why it could not be."""
    if name not in STAGES.names():
        return {name: f"the stage {name} is of a distribution that is not installed here"}
    one, lost = stage(name), job.damage.units(name)
    job.running = name
    without: dict[str, str] = {}
    if one.reads_inputs:
        receipts = {unit: receipt for (of, unit), receipt in job.damage.receipts.items() if of == name}
        found, without = inputs.of(record, receipts, lost)
        job.plan = replace(job.plan, units=tuple(found.values()))
        job.inputs = {name: tuple(found)}
    job.failed |= without
    try:
        for file in one.remake(job, record, frozenset(job.damage.lost)):
            job.take(file)
    except PreemptedError:
        raise
    except FAILURES as error:
        return {name: str(error)}
    finally:
        job.clean()
    return {}


_NOTHING = (
    "nothing that there is makes it: it was made by another version of the program, or of other inputs; the next run makes a "
    "generation of its own"
)


def _made(objects: Objects, damage: Damage, failed: dict[str, str], why: dict[str, str]) -> list[Mended]:
    """What became of everything that was lost: looked at once more."""
    out = []
    for path, one in sorted(damage.lost.items()):
        holds = _holds(objects, one)
        unit = one.unit or _unit_of(damage, path)
        reason = failed.get(unit, "") or why.get(one.stage, "") or _NOTHING
        out.append(Mended.of(objects, one, "made" if holds else "not made", "" if holds else reason))
    return out


def _foretold(objects: Objects, manifest: Manifest, damage: Damage, inputs: Inputs) -> list[Mended]:
    """What a repair would try, and what has no inputs."""
    without: dict[str, str] = {}
    for name in damage.stages():
        if name in STAGES.names() and stage(name).reads_inputs:
            receipts = {unit: receipt for (of, unit), receipt in damage.receipts.items() if of == name}
            without |= inputs.of(manifest.stages[name], receipts, damage.units(name))[1]
    out = []
    for path, one in sorted(damage.lost.items()):
        reason = without.get(one.unit or _unit_of(damage, path), "")
        out.append(Mended.of(objects, one, "not made" if reason else "to be made", reason))
    return out


def _unit_of(damage: Damage, path: str) -> str:
    """The unit whose receipt names a file; none for a merged one."""
    for (_, unit), receipt in damage.receipts.items():
        if any(file.path == path for file in receipt.files):
            return unit
    return ""


def _holds(objects: Objects, one: Lost) -> bool:
    """Whether a file is what was written, or a receipt can be read."""
    if one.stored is not None:
        return compared(objects, one.stored) is None
    try:
        return find_receipt(objects, one.stage, one.unit or "") is not None
    except CorruptionError:
        return False


def _repaired(manifest: Manifest, damage: Damage, mended: tuple[Mended, ...]) -> Repaired:
    return Repaired(
        generation=manifest.generation, files=damage.files, bytes=damage.bytes, mended=tuple(mended)
    )
