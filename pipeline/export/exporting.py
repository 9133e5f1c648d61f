"""The one way through all formats: claim the folder, write, compare counts, make it visible."""

from collections.abc import Callable, Sequence
from typing import Any

from pairloom.operators.errors import RecipeError, StorageError
from pairloom.operators.room import no_room
from pairloom.operators.schema import PAD_ID, SOURCE, SOURCES, TURN, file_facts
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.formats import EXPORTERS, Exporter
from pairloom.pipeline.export.packed_rows import Rows
from pairloom.pipeline.export.source import Source
from pairloom.pipeline.export.target import Target, finished
from pairloom.pipeline.export.whole_documents import Documents
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.location import open_objects

__all__ = ["export"]


def export(
    dataset: Dataset,
    format: str,  # noqa: A002  (what everybody calls it)
    out: str,
    *,
    split: str = "train",
    unit: str | None = None,
    seq_len: int | None = None,
    without: Sequence[str] = (),
    observe: Callable[[Event], None] = lambda _: None,
) -> dict[str, Any]:
    """Write a split in the files of another trainer, and return what `export.json` beside them says.

    `out` is a folder of its own, local or in a bucket; `unit` is "rows" or "documents", by default what the format's
    trainers take; `seq_len` chooses among rows of several lengths (strategy `buckets`); `without` names columns of tokens
    or documents to leave out. Where a document comes from (its source, and for rows its number and place) is left out by a
    format that has no place for it; any other column has to be left out by name then. An export of the same thing that is
    complete is checked and kept; one that was interrupted is begun anew. Memory is bounded by a stored record batch, and by a
    shard (64 MiB) or row group (32 MiB) where the format has them.

    Raises RecipeError for an unknown name, a split without rows and a folder with something else in it, CorruptionError where
    the stored files are not what the manifest says, CapacityError for what a format cannot hold, ConflictError where another
    export took over, and StorageError where files cannot be written.
    """
    kind = EXPORTERS.get(format)()
    unit = unit or kind.unit
    if unit not in ("rows", "documents"):
        raise RecipeError(f"there is no unit {unit!r}; there are rows and documents")
    if seq_len is not None and unit == "documents":
        raise RecipeError("documents have no seq_len: leave it out, or export --unit rows")
    objects = open_objects(out)
    identity = {
        "format": format,
        "unit": unit,
        "split": split,
        "root": dataset.objects.root,
        "generation": dataset.manifest.generation,
        "vocabulary": dataset.manifest.fingerprint,
        # None, and not an empty list: exports of early versions do not speak of it.
        "without": sorted(set(without)) or None,
    } | ({} if seq_len is None else {"seq_len": seq_len})
    try:
        observe(Doing(step="export", what=f"looking at what is in {objects.root}"))
        if (found := finished(objects, identity)) is not None:
            return found
        source = _source(dataset, unit, split, observe, seq_len, without)
        _check_columns(kind, source)
        target = Target(objects, identity, owned=kind.owned, agree=source.check)
        try:
            dtype = kind.write(source, target)
            observe(
                Doing(step="finish", stage="export", what="comparing what was written, and making it visible")
            )
            return target.finish(_facts(kind, source, dtype))
        except BaseException:
            target.abandon()
            raise
    except OSError as error:
        full = no_room(error, objects.root.removeprefix("file://"))
        raise full or StorageError(f"the export to {objects.root} failed: {error}") from error


def _source(
    dataset: Dataset,
    unit: str,
    split: str,
    observe: Callable[[Event], None],
    seq_len: int | None,
    without: Sequence[str],
) -> Source:
    if unit == "rows":
        return Rows(dataset, split, observe, seq_len, without)
    return Documents(dataset, split, observe, without)


def _check_columns(kind: Exporter, source: Source) -> None:
    """Raise RecipeError for a column that a format has no place for."""
    if kind.columns:
        return
    for column in source.columns:
        if column.name not in (SOURCE, TURN, *kind.holds):
            holding = ", ".join(name for name, other in EXPORTERS.all().items() if other.columns)
            raise RecipeError(
                f"format {kind.name} has no place for the column {column.name}{f' ({column.doc})' if column.doc else ''}: leave it "
                f"out (--without {column.name}), or choose {holding}"
            )


def _facts(kind: Exporter, source: Source, dtype: str) -> dict[str, Any]:
    """What a trainer has to know, and what was counted."""
    counts = source.counts
    recipe = Recipe.model_validate(source.dataset.manifest.recipe)
    said: dict[str, Any] = {"dtype": dtype, "append": list(recipe.tokenize.append), source.unit: counts.items}
    said["tokens"] = counts.tokens
    if kind.columns:
        said["columns"] = {column.name: column.doc for column in source.columns}
        if any(column.name == SOURCE for column in source.columns):
            said[SOURCES] = list(recipe.sources)
        if meanings := {c.name: list(c.meanings) for c in source.columns if c.meanings is not None}:
            said["meanings"] = meanings
    if source.unit == "rows":
        facts = file_facts(source.schema)
        said |= {"padding": counts.padding, PAD_ID: facts[PAD_ID], "seq_len": facts["seq_len"]}
        said["repeated_tokens_in_all_splits"] = source.dataset.manifest.stage("pack").facts["repeated_tokens"]
        return said
    return said | {"empty_documents": counts.empty_documents}
