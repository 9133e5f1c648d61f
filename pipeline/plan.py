"""The plan: what a recipe would do, decided before anything runs.

`make_plan` lists the inputs; everything after that is a pure function of the recipe and of what was listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pairloom.operators import Vocabulary
from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.pipeline.corpus import InputFile, Source, Unit, list_inputs, plan_units
from pairloom.pipeline.readers.storage import resolve
from pairloom.pipeline.recipe import CorpusSource, Recipe, fingerprint
from pairloom.pipeline.stages.partitions import Splits
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.receipts import FORMAT_VERSION

__all__ = ["STAGES", "Plan", "Projection", "make_plan", "project"]

STAGES = ("count", "learn", "tokenize", "pack")

# Stored bytes of a corpus for each partition of its word counts: the words of one partition fit a worker many times.
PARTITION_BYTES = 256_000_000
# Bytes of text per token that projections assume where nothing is known yet (English, 32k tokens: 4 to 4.5).
BYTES_PER_TOKEN = 3.5
# Stored bytes of the corpus a second of one worker, checks and writing included: English JSON Lines, 32k tokens, two
# workers on two cores of an AMD EPYC virtual machine. A large corpus has relatively fewer words to learn from.
RATES = {"count": 30e6, "learn": 100e6, "tokenize": 45e6, "pack": 45e6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe and its inputs, cut into units. `keys` holds, per stage, the hash of everything that decides its result.

    A stage whose key is in the last manifest is done. Execution is no part of a key: neither workers nor units change a
    byte of a result.
    """

    recipe: Recipe
    inputs: tuple[InputFile, ...]
    units: tuple[Unit, ...]
    keys: Mapping[str, str]
    partitions: int
    vocabulary: Vocabulary | None  # the one that the recipe brings; None when it is to be learned
    vocabulary_json: bytes | None  # its file, as it was read
    kept: bool = False  # whether the vocabulary is that of the last generation, whatever its inputs were

    @property
    def bytes(self) -> int:
        """Stored bytes of all inputs."""
        return sum(file.size for file in self.inputs)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of this recipe, in order; a recipe that brings its vocabulary neither counts nor learns."""
        return STAGES if self.vocabulary is None else STAGES[2:]

    def done(self, manifest: Manifest | None) -> tuple[str, ...]:
        """The stages that a manifest holds already."""
        if manifest is None:
            return ()
        return tuple(
            s for s in self.stages if s in manifest.stages and manifest.stages[s].key == self.keys[s]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What a stage is expected to take: tasks, bytes of memory a task, bytes of disk, seconds on `workers` workers."""

    stage: str
    tasks: int
    memory: int
    disk: int
    seconds: float


def make_plan(recipe: Recipe, *, keep: Manifest | None = None) -> Plan:
    """List the inputs of a recipe and cut them into units; raises RecipeError for a path that leads nowhere.

    With `keep`, the vocabulary that was learned in that generation stays, whatever has become of its inputs: nothing is
    counted or learned. Raises RecipeError where the recipe asks for another vocabulary than that generation has.
    """
    inputs: list[InputFile] = []
    units: list[Unit] = []
    for choice in recipe.corpus:
        source = _source(choice)
        files = list_inputs(source)
        inputs += files
        units += plan_units(source, files, recipe.execution.unit_bytes)
    vocabulary, vocabulary_json = _given_vocabulary(recipe)
    size = sum(file.size for file in inputs)
    return Plan(
        recipe=recipe,
        inputs=tuple(inputs),
        units=tuple(units),
        keys=_keys(recipe, inputs, vocabulary, keep),
        kept=keep is not None and vocabulary is None,
        partitions=max(4, min(4096, -(-size // PARTITION_BYTES))),
        vocabulary=vocabulary,
        vocabulary_json=vocabulary_json,
    )


def project(plan: Plan, workers: int) -> list[Projection]:
    """Project each stage of a plan on so many workers."""
    size = plan.bytes
    unit = max((u.bytes for u in plan.units), default=0)
    tokens = int(size / BYTES_PER_TOKEN)
    width = 2 if plan.recipe.vocabulary.size <= 1 << 16 else 4
    choice = plan.recipe.pack
    files = Splits.of(
        tokens,
        choice.file_tokens,
        choice.validation,
        mode=choice.shuffle.mode,
        groups=choice.shuffle.groups,
    ).train
    shape = {
        "count": (len(plan.units) + plan.partitions, 600_000_000 + 2 * unit, size // 10),
        "learn": (1, 300_000_000 + size // 4, 10 * plan.recipe.vocabulary.size),
        "tokenize": (len(plan.units), 800_000_000, tokens * width),
        "pack": (
            len(plan.units) + files,
            300_000_000 + 5 * tokens * width // (2 * files),
            2 * tokens * width,
        ),
    }
    out = []
    for stage in plan.stages:
        tasks, memory, disk = shape[stage]
        busy = 1 if stage == "learn" else min(workers, tasks)
        out.append(
            Projection(stage=stage, tasks=tasks, memory=memory, disk=disk, seconds=size / RATES[stage] / busy)
        )
    return out


def _source(choice: CorpusSource) -> Source:
    return Source(
        name=choice.name, paths=choice.paths, exclude=choice.exclude, text=choice.text, id=choice.id
    )


def _given_vocabulary(recipe: Recipe) -> tuple[Vocabulary, bytes] | tuple[None, None]:
    path = recipe.vocabulary.from_
    if path is None:
        return None, None
    try:
        fs, inner = resolve(path)
        data = fs.cat_file(inner)
        vocabulary = Vocabulary.from_json(data)
    except RecipeError:
        raise
    except (OSError, ValueError, PairloomError) as error:
        raise RecipeError(f"vocabulary.from: cannot read {path}: {error}") from error
    for token in (*recipe.tokenize.prepend, *recipe.tokenize.append, recipe.pack.pad):
        if token is not None and token not in vocabulary.special_tokens:
            has = ", ".join(vocabulary.special_tokens[:10]) or "none"
            raise RecipeError(
                f"{token} is used in tokenize or pack, but {path} has no such special token (it has {has})"
            )
    return vocabulary, data


def _keys(
    recipe: Recipe, inputs: list[InputFile], vocabulary: Vocabulary | None, keep: Manifest | None
) -> dict[str, str]:
    """One hash a stage, each built on the one before."""
    files = [[f.source, f.uri, f.size, f.version, f.format, f.compression] for f in inputs]
    fields = [[source.name, source.text, source.id] for source in recipe.corpus]
    choice = recipe.vocabulary
    words = {"pretokenizer": choice.pretokenizer.model_dump(), "normalizer": choice.normalizer}
    count = fingerprint({"format": FORMAT_VERSION, "files": files, "fields": fields, **words})
    if vocabulary is None:
        learned = choice.model_dump(include={"size", "special_tokens", "min_count"})
        learn = fingerprint({"count": count, "vocabulary": learned})
    else:
        learn = vocabulary.fingerprint
    if keep is not None and vocabulary is None:
        count, learn = _kept_keys(recipe, keep)
    tokenize = fingerprint(
        {"files": files, "fields": fields, "vocabulary": learn, "tokenize": recipe.tokenize.model_dump()}
    )
    pack = fingerprint({"tokenize": tokenize, "pack": recipe.pack.model_dump()})
    return {"count": count, "learn": learn, "tokenize": tokenize, "pack": pack}


def _kept_keys(recipe: Recipe, keep: Manifest) -> tuple[str, str]:
    """The keys of count and learn of a generation, if its vocabulary is what the recipe asks for."""
    asked = recipe.vocabulary.model_dump(mode="json", by_alias=True)
    had = keep.recipe["vocabulary"]
    if other := sorted(name for name in asked if asked[name] != had.get(name)):
        changes = ", ".join(f"vocabulary.{name} is {asked[name]!r}, was {had.get(name)!r}" for name in other)
        raise RecipeError(
            f"the recipe asks for another vocabulary than generation {keep.generation} has ({changes}): learn it anew "
            "with --relearn, or put back what it was"
        )
    return keep.stage("count").key, keep.stage("learn").key
