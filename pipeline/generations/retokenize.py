"""Re-tokenizing: the corpus as it is now, with the vocabulary as it was, and only what has changed done again.

    last generation ── its vocabulary ──▶ plan of the inputs as they are now ── slices that are known ──▶ new generation
                                                                             └─ slices that are new ─────▶

A unit whose slices are all known has its receipt; one that has some of them takes those out of their shards. What is packed
again is decided by what each partition is made of (`stages.contents`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.execution.base import Executor, never
from pairloom.pipeline.flow.events import Event, UnitDone
from pairloom.pipeline.flow.plan import Plan, make_plan
from pairloom.pipeline.flow.run import run
from pairloom.pipeline.generations.drift import Drift, drift, learned_in
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.gc import first_kept
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, commit, latest_manifest, read_manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Piece, Receipt, committed_receipts

__all__ = [
    "Amount",
    "Difference",
    "Effort",
    "Files",
    "difference",
    "plan_again",
    "retokenize",
    "rollback",
    "unchanged",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Inputs, and the documents and tokens in them."""

    inputs: int = 0
    documents: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """How many files, and their bytes."""

    files: int
    bytes: int

    @staticmethod
    def of(stored: Iterable[StoredFile]) -> "Files":
        """Count files."""
        sizes = [file.bytes for file in stored]
        return Files(files=len(sizes), bytes=sum(sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Seconds of workers. `spent` are those of the run that made the generation, 0 where nothing was left to do.

    `tokenize` and `pack` are what was not spent again: what the slices and packed files that were taken as they are have
    taken when they were made, on whatever machine that was. What leads up to packing (exchange, duplicates) counts for
    nothing here, nor do counting and learning, which a vocabulary that is kept does not need.
    """

    spent: float = 0.0
    tokenize: float = 0.0
    pack: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a generation's tokens differ from an earlier one's.

    `changed` inputs are those that are in both and not the same: as they are now, and in `replaced` as they were. `packed`
    are the packed files, `packed_reused` those of them that the earlier generation has. `drift` is None for a vocabulary
    that was learned from these very inputs, or came with them.
    """

    added: Amount
    changed: Amount
    replaced: Amount
    removed: Amount
    same: Amount
    units: int
    units_reused: int
    packed: Files
    packed_reused: Files
    effort: Effort
    drift: Drift | None


def unchanged(recipe: Recipe, *, relearn: bool = False) -> bool:
    """Whether the last generation is what `retokenize` would make: by a listing of the inputs, none is opened.

    Raises what `plan_again` raises.
    """
    last = _last(open_objects(recipe.root))
    plan = make_plan(recipe, keep=None if relearn else last, cut=False)
    return set(plan.stages) <= set(plan.done(last))


def plan_again(
    recipe: Recipe, *, relearn: bool = False, observe: Callable[[Event], None] = lambda _: None
) -> Plan:
    """The plan of the inputs as they are now; `observe` is told what is being done.

    The vocabulary of the last generation is kept, unless `relearn` says to learn it from these inputs. Raises RecipeError
    where nothing is committed yet, or where the recipe asks for another vocabulary.
    """
    objects = open_objects(recipe.root)
    return make_plan(recipe, keep=None if relearn else _last(objects), observe=observe)


def retokenize(
    recipe: Recipe,
    *,
    relearn: bool = False,
    plan: Plan | None = None,
    observe: Callable[[Event], None] = lambda _: None,
    executor: Executor | None = None,
    stop: Callable[[], bool] = never,
) -> tuple[Manifest, Difference]:
    """Bring a root up to date with its inputs; the new generation, or the last one where nothing has changed.

    `plan` is that of `plan_again`, if it is made already. Raises what `plan_again` and `run` raise.
    """
    objects = open_objects(recipe.root)
    last = _last(objects)
    plan = plan or make_plan(recipe, keep=None if relearn else last, observe=observe)
    spent = [0.0]

    def watch(event: Event) -> None:
        if isinstance(event, UnitDone):
            spent[0] += sum(event.usage.seconds.values())
        observe(event)

    manifest = run(recipe, observe=watch, executor=executor, plan=plan, stop=stop)
    found = difference(objects, last, manifest, recipe)
    return manifest, replace(found, effort=replace(found.effort, spent=spent[0]))


def difference(objects: Objects, before: Manifest, after: Manifest, recipe: Recipe) -> Difference:
    """How the inputs of two generations differ, by what their units have read; the recipe says which drift is too much."""
    every = tuple(dict.fromkeys((*before.stage("tokenize").units, *after.stage("tokenize").units)))
    receipts = {receipt.unit: receipt for receipt in committed_receipts(objects, "tokenize", every)}
    old, new = _inputs(receipts, before), _inputs(receipts, after)
    both = old.keys() & new.keys()
    same = {uri for uri in both if old[uri].keys() == new[uri].keys()}
    units, earlier = after.stage("tokenize").units, set(before.stage("tokenize").units)
    since = learned_in(objects, after)
    packed, there = _packed(after), {file.path for file in _packed(before)}
    return Difference(
        added=_amount(new, new.keys() - both),
        changed=_amount(new, both - same),
        replaced=_amount(old, both - same),
        removed=_amount(old, old.keys() - both),
        same=_amount(new, same),
        units=len(units),
        units_reused=sum(unit in earlier for unit in units),
        packed=Files.of(packed),
        packed_reused=Files.of(file for file in packed if file.path in there),
        effort=_effort(objects, before, after, old, new),
        drift=None
        if since is None
        else drift(since, after, _coverage(new, new.keys() - same), recipe.retokenize.drift),
    )


def rollback(root: str, generation: int) -> Manifest:
    """Commit an earlier generation once more, as the newest; raises RecipeError where it is gone or was never there."""
    objects = open_objects(root)
    last, wanted = latest_manifest(objects), read_manifest(objects, generation)
    if last is None or wanted is None:
        raise RecipeError(f"there is no generation {generation} below {objects.root}")
    if generation < (first := first_kept(objects)):
        raise RecipeError(
            f"generation {generation} of {objects.root} was garbage collected; the first that is kept is {first}"
        )
    if wanted.stages == last.stages:
        return last
    manifest = wanted.model_copy(update={"generation": last.generation + 1})
    commit(objects, manifest)
    return manifest


def _last(objects: Objects) -> Manifest:
    last = latest_manifest(objects)
    if last is None or "tokenize" not in last.stages:
        raise RecipeError(f"nothing is tokenized below {objects.root} yet: `pairloom run` the recipe first")
    return last


class _Slice(NamedTuple):
    """A slice of an input, and the source that it is of."""

    source: str
    piece: Piece


_Inputs: TypeAlias = Mapping[str, Mapping[str, _Slice]]  # by URI, then by identity


def _inputs(receipts: Mapping[str, Receipt], manifest: Manifest) -> _Inputs:
    """What each input became."""
    found: dict[str, dict[str, _Slice]] = {}
    record = manifest.stage("tokenize")
    sources = record.unit_sources or ("",) * len(record.units)
    for unit, source in zip(record.units, sources, strict=True):
        receipt = receipts[unit]
        for (uri, _), piece in zip(receipt.slices, receipt.pieces, strict=True):
            found.setdefault(uri, {})[piece.identity] = _Slice(source, piece)
    return found


def _packed(manifest: Manifest) -> tuple[StoredFile, ...]:
    return manifest.stages["pack"].files if "pack" in manifest.stages else ()


def _coverage(inputs: _Inputs, uris: set[str]) -> dict[str, Coverage]:
    """How the vocabulary met the text of some inputs, by source."""
    found: dict[str, list[Coverage]] = {}
    for uri in sorted(uris):
        for source, piece in inputs[uri].values():
            if piece.coverage is not None:
                found.setdefault(source, []).append(piece.coverage)
    return {source: Coverage.sum(parts) for source, parts in sorted(found.items())}


def _effort(objects: Objects, before: Manifest, after: Manifest, old: _Inputs, new: _Inputs) -> Effort:
    """What was not done again."""
    if before.generation == after.generation:
        return Effort()
    kept = (
        one.piece.seconds
        for uri in new.keys() & old.keys()
        for name, one in new[uri].items()
        if name in old[uri]
    )
    pack = after.stages.get("pack")
    earlier = set(before.stages["pack"].units) if "pack" in before.stages else set()
    packed = [unit for unit in pack.units if unit in earlier] if pack is not None else []
    return Effort(
        tokenize=sum(kept),
        pack=sum(receipt.seconds for receipt in committed_receipts(objects, "pack", packed)),
    )


def _amount(inputs: _Inputs, uris: set[str]) -> Amount:
    ledger = Ledger.sum(one.piece.ledger for uri in uris for one in inputs[uri].values())
    return Amount(inputs=len(uris), documents=ledger.documents_out, tokens=ledger.tokens)
