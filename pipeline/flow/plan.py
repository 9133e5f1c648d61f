"""The plan: what a recipe would do, decided before anything runs.

`make_plan` lists the inputs; everything after that is a pure function of the recipe and of what was listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pairloom.operators import Vocabulary
from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.operators.models.bpe import ordinal_merges
from pairloom.operators.selection.mixture import source_epochs
from pairloom.operators.shown import Shown
from pairloom.pipeline.identity import FORMAT_VERSION, fingerprint
from pairloom.pipeline.inputs.storage import resolve
from pairloom.pipeline.inputs.units import InputFile, Source, Unit, list_inputs, plan_units
from pairloom.pipeline.recipe import CorpusSource, Cut, Recipe, VocabularyChoice
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.select.duplicates import digest_partitions
from pairloom.pipeline.store.manifest import Manifest

__all__ = ["STAGES", "Plan", "Projection", "SourceProjection", "make_plan", "project", "project_sources"]

STAGES = ("count", "learn", "tokenize", "select", "pack")

# Stored bytes of a corpus for each partition of its word counts: the words of one partition fit a worker many times.
PARTITION_BYTES = 256_000_000
# Bytes of text per token that projections assume where nothing is known yet (English, 32k tokens: 4 to 4.5).
BYTES_PER_TOKEN = 3.5
# Stored bytes of the corpus a second of one worker, checks and writing included: English JSON Lines, 32k tokens, two
# workers on two cores of an AMD EPYC virtual machine. A large corpus has relatively fewer words to learn from.
RATES = {"count": 30e6, "learn": 100e6, "tokenize": 45e6, "select": 500e6, "pack": 45e6}
# Stored bytes of a document where nothing is known yet, and what comparing one takes: its digest and its places.
BYTES_PER_DOCUMENT = 2000
BYTES_PER_DIGEST = 33


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plan(Shown):
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
    base: Vocabulary | None = None  # the one that learning goes on from
    base_json: bytes | None = None

    def _shown(self) -> tuple[str, dict[str, str]]:
        return f"Plan for {self.recipe.root} ({', '.join(self.stages)})", {
            "sources": f"{len(self.recipe.corpus):,}",
            "files": f"{len(self.inputs):,}",
            "bytes": f"{self.bytes:,}",
            "units": f"{len(self.units):,}",
        }

    @property
    def bytes(self) -> int:
        """Stored bytes of all inputs."""
        return sum(file.size for file in self.inputs)

    @property
    def cut(self) -> Cut:
        """By what text is cut."""
        if self.base is not None:
            return Cut(first=self.base.pretokenizer, weaker=None, last=self.base.pretokenizer)
        return self.recipe.vocabulary.cut()

    @property
    def normalizer(self) -> str:
        """How text is normalized before it is counted."""
        return self.recipe.vocabulary.normalizer if self.base is None else self.base.normalizer

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of this recipe, in order.

        A recipe that brings its vocabulary neither counts nor learns; one that takes each document once selects nothing.
        """
        stages = STAGES if self.vocabulary is None else STAGES[2:]
        return tuple(stage for stage in stages if stage != "select" or self.recipe.selects)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProjection:
    """What a source is expected to have, in training tokens before duplicates are dropped, and how often it is taken."""

    name: str
    tokens: int
    epochs: Fraction


def make_plan(recipe: Recipe, *, keep: Manifest | None = None, cut: bool = True) -> Plan:
    """List the inputs of a recipe and cut them into units; raises RecipeError for a path that leads nowhere.

    Without `cut` there are no units: enough to know what is done, and no file is opened to see where it can be cut. With
    `keep`, the vocabulary that was learned in that generation stays, whatever has become of its inputs: nothing is
    counted or learned. Raises RecipeError where the recipe asks for another vocabulary than that generation has.
    """
    inputs: list[InputFile] = []
    units: list[Unit] = []
    for choice in recipe.corpus:
        source = _source(choice)
        files = list_inputs(source)
        inputs += files
        units += plan_units(source, files, recipe.execution.unit_bytes) if cut else []
    vocabulary, vocabulary_json = _given_vocabulary(recipe, "from", recipe.vocabulary.from_)
    base, base_json = _given_vocabulary(recipe, "extend", recipe.vocabulary.extend)
    if base is not None:
        _check_extensible(base, recipe.vocabulary)
    size = sum(file.size for file in inputs)
    return Plan(
        recipe=recipe,
        inputs=tuple(inputs),
        units=tuple(units),
        keys=_keys(recipe, inputs, vocabulary, base, keep),
        kept=keep is not None and vocabulary is None,
        partitions=max(4, min(4096, -(-size // PARTITION_BYTES))),
        vocabulary=vocabulary,
        vocabulary_json=vocabulary_json,
        base=base,
        base_json=base_json,
    )


def project_sources(plan: Plan) -> list[SourceProjection]:
    """Project how often each source is taken; raises RecipeError where its mixture cannot be had of so much text."""
    sizes = {source.name: 0 for source in plan.recipe.corpus}
    for file in plan.inputs:
        sizes[file.source] += file.size
    train = 1 - plan.recipe.pack.validation
    tokens = [int(size / BYTES_PER_TOKEN * train) for size in sizes.values()]
    epochs = source_epochs([one.asked for one in plan.recipe.corpus], tokens, plan.recipe.mixture.tokens)
    return [
        SourceProjection(name=name, tokens=there, epochs=e)
        for name, there, e in zip(sizes, tokens, epochs, strict=True)
    ]


def project(plan: Plan, workers: int) -> list[Projection]:
    """Project each stage of a plan on so many workers."""
    size = plan.bytes
    unit = max((u.bytes for u in plan.units), default=0)
    tokens = int(size / BYTES_PER_TOKEN)
    width = 2 if plan.recipe.vocabulary.size <= 1 << 16 else 4
    choice = plan.recipe.pack
    documents = size // BYTES_PER_DOCUMENT
    digests = digest_partitions(documents) if choice.deduplicate == "exact" else 0
    taken = tokens
    if plan.recipe.mixes:
        taken = int(sum(source.epochs * source.tokens for source in project_sources(plan)))
    files = Splits.of(
        taken,
        choice.file_tokens,
        choice.validation,
        mode=choice.shuffle.mode,
        groups=choice.shuffle.groups,
    ).train
    repeats = plan.cut.repeats
    counted = (600_000_000 + (2 if repeats else 8) * unit, size // 10 if repeats else size)
    symbols = 0 if repeats else 17 * (size if plan.cut.weaker is None else tokens)
    merges = 1 if plan.cut.weaker is None else 2 + plan.partitions  # both stages, and the pieces' segments
    learn = (merges, 300_000_000 + size // 4 + symbols, 10 * plan.recipe.vocabulary.size)
    if plan.recipe.vocabulary.learn.mode == "sharded":
        members = min(plan.partitions, plan.recipe.vocabulary.learn.members or workers)
        stages = 1 if plan.cut.weaker is None else 2
        learn = (stages * members + merges, 500_000_000 + (size + 2 * symbols) // members, learn[2])
    shape = {
        "count": (len(plan.units) + plan.partitions, *counted),
        "learn": learn,
        "tokenize": (len(plan.units), 800_000_000, tokens * width),
        "select": (
            len(plan.units) + digests,
            200_000_000 + max(unit, 120 * documents // max(1, digests) if digests else 0),
            BYTES_PER_DIGEST * documents if digests else 0,
        ),
        "pack": (len(plan.units) + files, 300_000_000 + 5 * taken * width // (2 * files), 2 * taken * width),
    }
    out = []
    for stage in plan.stages:
        tasks, memory, disk = shape[stage]
        busy = 1 if stage == "learn" else min(workers, tasks)
        work = size if stage != "pack" else size * taken / max(1, tokens)
        out.append(
            Projection(stage=stage, tasks=tasks, memory=memory, disk=disk, seconds=work / RATES[stage] / busy)
        )
    return out


def _source(choice: CorpusSource) -> Source:
    return Source(
        name=choice.name, paths=choice.paths, exclude=choice.exclude, text=choice.text, id=choice.id
    )


def _given_vocabulary(
    recipe: Recipe, key: str, path: str | None
) -> tuple[Vocabulary, bytes] | tuple[None, None]:
    if path is None:
        return None, None
    try:
        fs, inner = resolve(path)
        data = fs.cat_file(inner)
        vocabulary = Vocabulary.from_json(data)
    except RecipeError:
        raise
    except (OSError, ValueError, PairloomError) as error:
        raise RecipeError(f"vocabulary.{key}: cannot read {path}: {error}") from error
    for token in (*recipe.tokenize.prepend, *recipe.tokenize.append, recipe.pack.pad):
        if token is not None and token not in vocabulary.special_tokens:
            has = ", ".join(vocabulary.special_tokens[:10]) or "none"
            raise RecipeError(
                f"{token} is used in tokenize or pack, but {path} has no such special token (it has {has})"
            )
    return vocabulary, data


def _check_extensible(base: Vocabulary, choice: VocabularyChoice) -> None:
    if choice.size <= len(base):
        raise RecipeError(
            f"vocabulary.size is {choice.size}, but {choice.extend} has {len(base)} tokens already: choose a larger size"
        )
    if choice.superwords is not None and base.pretokenizer.scheme != "superwords":
        raise RecipeError(
            f"vocabulary.superwords: {choice.extend} has no superwords, and extending it makes none; remove the key"
        )
    try:
        ordinal_merges(base)
    except ValueError as error:
        raise RecipeError(f"vocabulary.extend: {choice.extend} cannot be gone on with: {error}") from error


def _keys(
    recipe: Recipe,
    inputs: list[InputFile],
    vocabulary: Vocabulary | None,
    base: Vocabulary | None,
    keep: Manifest | None,
) -> dict[str, str]:
    """One hash a stage, each built on the one before."""
    files = [[f.source, f.uri, f.size, f.version, f.format, f.compression] for f in inputs]
    fields = [[source.name, source.text, source.id] for source in recipe.corpus]
    choice = recipe.vocabulary
    words: dict[str, Any]
    if base is None:
        words = {"cut": choice.cut().counted, "normalizer": choice.normalizer}
    else:
        words = {"cut": [base.pretokenizer.identity, None], "normalizer": base.normalizer}
    weights = recipe.count_weights()
    if len(set(weights.values())) > 1:
        words["weights"] = weights
    count = fingerprint({"format": FORMAT_VERSION, "files": files, "fields": fields, **words})
    if vocabulary is None:
        learned = choice.model_dump(
            mode="json", include={"size", "special_tokens", "min_count", "superwords"}
        )
        learned["base"] = None if base is None else base.fingerprint
        learn = fingerprint({"count": count, "vocabulary": learned})
    else:
        learn = vocabulary.fingerprint
    if keep is not None and vocabulary is None:
        count, learn = _kept_keys(recipe, keep)
    tokenize = fingerprint(
        {"files": files, "fields": fields, "vocabulary": learn, "tokenize": recipe.tokenize.model_dump()}
    )
    select = fingerprint(
        {"tokenize": tokenize, "pack": recipe.pack.model_dump(include={"deduplicate", "validation"})}
    )
    asked = [source.model_dump(include={"weight", "epochs", "tokens"}) for source in recipe.corpus]
    mixture = {"sources": asked, "mixture": recipe.mixture.model_dump()} if recipe.mixes else None
    pack = fingerprint({"tokenize": tokenize, "pack": recipe.pack.model_dump(), "mixture": mixture})
    return {"count": count, "learn": learn, "tokenize": tokenize, "select": select, "pack": pack}


def _kept_keys(recipe: Recipe, keep: Manifest) -> tuple[str, str]:
    """The keys of count and learn of a generation, if its vocabulary is what the recipe asks for."""
    asked = recipe.vocabulary.model_dump(mode="json", by_alias=True, exclude={"learn"})
    had = keep.recipe["vocabulary"]
    if other := sorted(name for name in asked if asked[name] != had.get(name)):
        changes = ", ".join(f"vocabulary.{name} is {asked[name]!r}, was {had.get(name)!r}" for name in other)
        raise RecipeError(
            f"the recipe asks for another vocabulary than generation {keep.generation} has ({changes}): learn it anew "
            "with --relearn, or put back what it was"
        )
    return keep.stage("count").key, keep.stage("learn").key
