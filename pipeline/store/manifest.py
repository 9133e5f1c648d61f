"""Manifests: the one thing that readers trust.

    manifests/00000001.json   created only if absent: of two runs that would commit generation 1, one does
    manifests/00000002.json   the next generation; the ones before stay readable
    manifests/latest          a hint where to look first; generations after it are found by their number

A manifest holds the recipe, and per stage the files with their checksums, the ledger and the key of what was asked for.
Its last field is the SHA-256 of the rest.
"""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from pairloom.operators.errors import ConflictError, CorruptionError, RecipeError
from pairloom.operators.shown import Shown
from pairloom.pipeline.identity import FORMAT_VERSION
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger
from pairloom.pipeline.store.sealed import fault, seal, unseal

__all__ = [
    "LATEST",
    "ChosenRecord",
    "Manifest",
    "SourceRecord",
    "StageRecord",
    "commit",
    "latest_manifest",
    "manifest_path",
    "point_at",
    "read_manifest",
    "sealed",
]

LATEST = "manifests/latest"


class ChosenRecord(BaseModel):
    """What of a source is taken by the value of a column: of those for training, so many documents with so many tokens.

    `last` is the last rank that is kept, in hexadecimal; `buckets` are the tokens of each bucket that has epochs of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    documents: int
    tokens: int
    last: str = ""
    buckets: tuple[int, ...] = ()


class SourceRecord(BaseModel):
    """What became of the documents of one source: documents that hold text, and their tokens.

    All of them = duplicates + validation + train. `epochs`, a fraction as "7/3", is how often those of `train` are taken:
    `asked_tokens` of them by the recipe, `delivered_*` in fact. Which documents a fraction takes is left to a hash, so
    that the two differ a little.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    documents: int = 0
    tokens: int = 0
    duplicate_documents: int = 0
    duplicate_tokens: int = 0
    validation_documents: int = 0
    validation_tokens: int = 0
    train_documents: int = 0
    train_tokens: int = 0
    epochs: str = "1"
    asked_tokens: int = 0
    delivered_documents: int = 0
    delivered_tokens: int = 0
    chosen: ChosenRecord | None = None

    @model_serializer(mode="wrap")
    def _as_made(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is chosen is left out where nothing is chosen from."""
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key != "chosen" or value is not None}


class StageRecord(BaseModel):
    """What a stage made: its units and files in order, its ledger, and `key`, the hash of what was asked of it.

    `splits` are facts about each split of packed rows. `leftovers` are the files in which partitions handed on what did
    not fill a row: no reader needs them, but units that are done are done only with their files. `index` and `held` are
    what the next generation need not find out again (`stages.exchange.index`). `unit_sources` are the sources of the units, where a
    unit has one; `sources` is what became of each source, `coverage` how the vocabulary met its text. `merkle` is the
    root hash over all blocks of tokens, in hexadecimal, of the stage that makes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    units: tuple[str, ...]
    files: tuple[StoredFile, ...]
    rejected: tuple[StoredFile, ...] = ()
    ledger: Ledger = Ledger()
    facts: dict[str, int] = {}
    splits: dict[str, dict[str, int]] = {}
    leftovers: tuple[StoredFile, ...] = ()
    index: StoredFile | None = None
    held: tuple[StoredFile, ...] = ()
    unit_sources: tuple[str, ...] = ()
    sources: tuple[SourceRecord, ...] = ()
    coverage: dict[str, Coverage] = {}
    merkle: str = ""

    @model_serializer(mode="wrap")
    def _as_made(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A root hash is left out where there is none."""
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key != "merkle" or value}

    @property
    def stored(self) -> tuple[StoredFile, ...]:
        """Every file that the stage has made and that stays."""
        index = () if self.index is None else (self.index,)
        return (*self.files, *self.rejected, *self.leftovers, *self.held, *index)

    def file(self, role: str) -> StoredFile:
        """The first file of a role; raises KeyError if there is none."""
        for file in self.files:
            if file.role == role:
                return file
        raise KeyError(role)


class Manifest(Shown, BaseModel):
    """One generation of a root: everything that is committed.

    `vocabulary` is the `tokenizer.json` that was learned or brought, `fingerprint` that of the vocabulary in it;
    `learned_in` is the generation that it was learned in, where that is an earlier one with inputs of its own; of a
    vocabulary that was brought, `given_in` is the first of the generations in a row that have it, where that is an earlier one.
    `revisions` are those of the Hub that the recipe asks for, as `hf://datasets/org/name@main`, and the commits that they were at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT_VERSION
    generation: int
    recipe: dict[str, Any]
    vocabulary: StoredFile | None = None
    fingerprint: str | None = None
    learned_in: int | None = None
    given_in: int | None = None
    revisions: dict[str, str] = {}
    stages: dict[str, StageRecord]

    def _shown(self) -> tuple[str, dict[str, str]]:
        """Its generation, and what its stages made."""
        facts: dict[str, str] = {}
        for name in ("count", "tokenize"):
            if name in self.stages:
                facts["documents"] = f"{self.stages[name].ledger.documents_out:,}"
        if "tokenize" in self.stages:
            facts["tokens"] = f"{self.stages['tokenize'].ledger.tokens:,}"
        if self.fingerprint is not None:
            facts["vocabulary"] = self.fingerprint[:12]
        for split, known in self.stages["pack"].splits.items() if "pack" in self.stages else ():
            facts[split] = f"{known['rows']:,} rows"
        return f"Manifest, generation {self.generation} ({', '.join(self.stages)})", facts

    def stage(self, name: str) -> StageRecord:
        """The record of a stage; raises RecipeError where this generation has none."""
        if name not in self.stages:
            has = ", ".join(self.stages) or "nothing"
            raise RecipeError(f"generation {self.generation} has no stage {name!r} (it has {has})")
        return self.stages[name]


def manifest_path(generation: int) -> str:
    """Where a generation's manifest is."""
    return f"manifests/{generation:08d}.json"


def commit(objects: Objects, manifest: Manifest) -> None:
    """Make a generation visible; raises ConflictError when another run has committed its number."""
    data = seal(manifest.model_dump_json())
    if not objects.put_if_absent(manifest_path(manifest.generation), data):
        raise ConflictError(
            f"another run has committed generation {manifest.generation} of {objects.root}; its result stands. "
            "Run again to build on it: what this run has finished is kept and will not be done twice"
        )
    point_at(objects, manifest.generation)


def point_at(objects: Objects, generation: int) -> None:
    """Write down the newest generation, as a hint; see `latest_manifest`."""
    objects.put(LATEST, str(generation).encode())


def read_manifest(objects: Objects, generation: int) -> Manifest | None:
    """A generation's manifest, or None; raises CorruptionError when it is damaged."""
    path = manifest_path(generation)
    try:
        body, whole = unseal(objects.read(path))
        if not whole:
            raise ValueError("it has no SHA-256 at its end")
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CorruptionError(
            f"{objects.uri(path)} is damaged: {fault(error)}; {_advice(objects)}"
        ) from error
    try:
        manifest = Manifest.model_validate(json.loads(body))
    except ValueError as error:
        raise CorruptionError(
            f"{objects.uri(path)} is of a format that this version cannot read: {fault(error)}"
        ) from error
    if manifest.generation != generation:
        raise CorruptionError(f"{objects.uri(path)} is the manifest of generation {manifest.generation}")
    return manifest


def _advice(objects: Objects) -> str:
    """What tells whether a damaged root can be mended."""
    return f"`pairloom repair {objects.root.removeprefix('file://')}` mends what can be mended"


def sealed(objects: Objects, generation: int) -> bool:
    """Whether a generation's manifest is there and has the bytes that were committed, whatever its format."""
    try:
        return unseal(objects.read(manifest_path(generation)))[1]
    except (FileNotFoundError, ValueError):
        return False


def latest_manifest(objects: Objects) -> Manifest | None:
    """The newest generation, or None in a root that nothing was committed to."""
    try:
        hint = int(objects.read(LATEST))
    except (FileNotFoundError, ValueError):
        hint = 0
    found = read_manifest(objects, hint) if hint else None
    if hint and found is None:
        hint = 0  # the hint is only a hint: start from the first
    while (following := read_manifest(objects, hint + 1)) is not None:
        found, hint = following, hint + 1
    return found
