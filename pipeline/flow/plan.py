"""The plan: what a recipe would do, decided before anything runs.

`make_plan` lists the inputs; everything after that is a pure function of the recipe and of what was listed.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.operators.shown import Shown
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.hub.place import on_hub, place_of
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.asking import asking
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.listing import list_source
from pairloom.pipeline.inputs.lists import find_lists
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.storage import resolve
from pairloom.pipeline.inputs.units import Unit, plan_units, shaping_of
from pairloom.pipeline.recipe import CorpusSource, Cut, Recipe, VocabularyChoice
from pairloom.pipeline.recipe.cutting import RanksChoice
from pairloom.pipeline.recipe.special import missing_special_tokens
from pairloom.pipeline.stages import stages
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.remote.faults import scrub

if TYPE_CHECKING:
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["PARTITION_BYTES", "Asked", "Plan", "brought_vocabulary", "given_vocabulary", "make_plan"]

# Stored bytes of a corpus for each partition of its word counts: the words of one partition fit a worker many times.
PARTITION_BYTES = 256_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is asked for: all that decides the keys of its stages.

    `vocabulary` is the one that the recipe brings, `base` the one that learning goes on from, `kept` the generation whose
    vocabulary stays, whatever has become of the inputs that it was learned from.
    """

    recipe: Recipe
    files: Sequence[InputFile]
    vocabulary: "Vocabulary | None" = None
    base: "Vocabulary | None" = None
    kept: Manifest | None = None
    hub: Repositories = field(default_factory=Repositories)  # which has said what there is

    @property
    def inputs(self) -> dict[str, object]:
        """Everything about the corpus that decides its documents, for hashes."""
        return {
            "files": [[f.source, *f.identity()] for f in self.files],
            "fields": [_fields(source, self.hub) for source in self.recipe.corpus],
        }


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
    vocabulary: "Vocabulary | None"  # the one that the recipe brings; None when it is to be learned
    vocabulary_json: bytes | None  # its file, as it was read
    kept: bool = False  # whether the vocabulary is that of the last generation, whatever its inputs were
    base: "Vocabulary | None" = None  # the one that learning goes on from
    base_json: bytes | None = None
    left_out: tuple[str, ...] = ()  # folders below the corpus's patterns that Pairloom itself has written
    revisions: Mapping[str, str] = field(
        default_factory=dict
    )  # of the Hub that were asked for, and their commits

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
        """The stages of this recipe, in order."""
        return tuple(stage.name for stage in stages() if stage.wanted(self.recipe))

    def done(self, manifest: Manifest | None) -> tuple[str, ...]:
        """The stages that a manifest holds already."""
        if manifest is None:
            return ()
        return tuple(
            s for s in self.stages if s in manifest.stages and manifest.stages[s].key == self.keys[s]
        )


def make_plan(
    recipe: Recipe,
    *,
    keep: Manifest | None = None,
    cut: bool = True,
    observe: Callable[[Event], None] = lambda _: None,
) -> Plan:
    """List the inputs of a recipe and cut them into units; raises RecipeError for a path that leads nowhere.

    Without `cut` there are no units: enough to know what is done, and no file is opened to see where it can be cut. With
    `keep`, the vocabulary that was learned in that generation stays, whatever has become of its inputs: nothing is
    counted or learned. `observe` is told what is being done. Raises RecipeError where the recipe asks for another vocabulary
    than that generation has.
    """
    inputs: list[InputFile] = []
    units: list[Unit] = []
    listed = []
    hub = Repositories()
    for source in recipe.corpus:
        observe(Doing(step="plan", what=f"listing the files of {source.name}"))
        listed.append(list_source(source, recipe.root, hub))
    if cut:
        observe(Doing(step="plan", what="reading a record of each source"))
        check_sources(
            [(source, one.files) for source, one in zip(recipe.corpus, listed, strict=True)],
            max_rejected=recipe.max_rejected,
            max_record_bytes=recipe.max_record_bytes,
        )
    for source, one in zip(recipe.corpus, listed, strict=True):
        if cut:
            many = f"{len(one.files):,} file{'' if len(one.files) == 1 else 's'}"
            observe(Doing(step="plan", what=f"cutting {many} of {source.name} into units"))
        inputs += one.files
        units += plan_units(source, one.files, recipe.execution.unit_bytes, hub) if cut else []
    for step in recipe.pack.rows:
        for key, path in step.files.items():
            if not Path(path).is_file():
                there = f"{path} is a folder" if Path(path).is_dir() else f"there is no {path}"
                raise RecipeError(
                    f"pack.rows: {step.name}: {key} must be a file, and {there}: correct the path"
                )
    if recipe.vocabulary.from_ or recipe.vocabulary.extend:
        observe(Doing(step="plan", what="reading the vocabulary that the recipe brings"))
    vocabulary, vocabulary_json = brought_vocabulary(recipe, hub)
    if vocabulary is None:
        recipe.vocabulary.learner.check_installed()
    base, base_json = given_vocabulary(recipe, "extend", recipe.vocabulary.extend, hub)
    if base is not None:
        _check_extensible(base, recipe.vocabulary)
    size = sum(file.size for file in inputs)
    kept = keep if vocabulary is None else None
    if kept is not None:
        _check_kept(recipe, kept)
    asked = Asked(recipe=recipe, files=inputs, vocabulary=vocabulary, base=base, kept=kept, hub=hub)
    return Plan(
        recipe=recipe,
        inputs=tuple(inputs),
        units=tuple(units),
        keys=_keys(asked),
        kept=kept is not None,
        partitions=max(4, min(4096, -(-size // PARTITION_BYTES))),
        vocabulary=vocabulary,
        vocabulary_json=vocabulary_json,
        base=base,
        base_json=base_json,
        left_out=tuple(sorted({folder for one in listed for folder in one.left_out})),
        revisions=dict(sorted(hub.commits.items())),
    )


def brought_vocabulary(
    recipe: Recipe, hub: Repositories | None = None
) -> "tuple[Vocabulary, bytes] | tuple[None, None]":
    """The vocabulary of ids alone, or of `vocabulary.from` with the tokens of `vocabulary.append`, and its file, or no two."""
    choice = recipe.vocabulary
    if choice.of_ids:
        from pairloom.operators.models.ids import vocabulary_of_ids

        size = choice.size if "size" in choice.model_fields_set else 0
        try:
            made_of_ids = vocabulary_of_ids(size, choice.all_special_tokens)
        except RecipeError as error:
            raise RecipeError(f"vocabulary: {error}") from error
        return made_of_ids, made_of_ids.to_json()
    found = given_vocabulary(recipe, "from", choice.from_, hub)
    if found[0] is not None and choice.modalities and choice.append is None:
        return _with_modalities(found[0], choice)
    if found[0] is None or choice.append is None:
        return found
    from pairloom.operators.models.bpe.extend import appended

    other, _ = given_vocabulary(recipe, "append", choice.append, hub)
    assert other is not None
    try:
        made = appended(found[0], other, size=choice.size if "size" in choice.model_fields_set else None)
    except RecipeError as error:
        raise RecipeError(f"vocabulary.append: {error}") from error
    if choice.modalities:
        return _with_modalities(made.vocabulary, choice)
    return made.vocabulary, made.vocabulary.to_json()


def _with_modalities(vocabulary: "Vocabulary", choice: VocabularyChoice) -> "tuple[Vocabulary, bytes]":
    """The vocabulary with the ids of modalities behind its own."""
    from pairloom.operators.given import with_modalities

    try:
        made = with_modalities(vocabulary, choice.reserved_tokens)
    except RecipeError as error:
        raise RecipeError(f"vocabulary.modalities: {error}") from error
    return made, made.to_json()


def given_vocabulary(
    recipe: Recipe, key: str, path: str | None, hub: Repositories | None = None
) -> "tuple[Vocabulary, bytes] | tuple[None, None]":
    """The vocabulary that a recipe names by a key of `vocabulary`, and its file; raises RecipeError where it cannot be read."""
    if path is None:
        return None, None
    from pairloom.operators.vocabulary.tokenizer_json import is_tokenizer_json

    try:
        data = _vocabulary_bytes(path, hub or Repositories())
    except PairloomError as error:
        raise type(error)(f"vocabulary.{key}: {error}") from error
    except OSError as error:
        raise RecipeError(f"vocabulary.{key}: cannot read {scrub(path)}: {scrub(str(error))}") from error
    try:
        ranks = recipe.vocabulary.ranks if key == "from" else None
        vocabulary = _read_vocabulary(data) if ranks is None else _of_ranks(data, ranks)
    except RecipeError as error:
        raise RecipeError(f"vocabulary.{key}: {scrub(path)}: {error}") from error
    except (ValueError, PairloomError) as error:
        raise RecipeError(f"vocabulary.{key}: cannot read {scrub(path)}: {scrub(str(error))}") from error
    there = (*vocabulary.special_tokens, *recipe.vocabulary.reserved_tokens)
    missing = missing_special_tokens(recipe, there, path)
    if key != "append" and missing is not None:
        raise RecipeError(missing)
    as_read = ranks is None and is_tokenizer_json(data)
    return vocabulary, data if as_read else vocabulary.to_json()


@lru_cache(maxsize=1)
def _read_vocabulary(data: bytes) -> "Vocabulary":
    """The vocabulary of a file. The last one is kept with what was built of it: one process reads it once, run after run."""
    from pairloom.operators.vocabulary import Vocabulary

    return Vocabulary.from_json(data)


def _of_ranks(data: bytes, ranks: RanksChoice) -> "Vocabulary":
    from pairloom.operators.models.bpe.tiktoken_file import of_ranks

    return of_ranks(data, ranks.build(), ranks.special_tokens, ranks.offset)


def _vocabulary_bytes(path: str, hub: Repositories) -> bytes:
    """The file of a vocabulary at a path, or of the folder or repository that it names (`operators/vocabulary/files.py`)."""
    if on_hub(path):
        place = place_of(path)
        named = place.path.endswith((".json", ".model", ".tiktoken"))
        return hub.read(place if named else replace(place, path=f"{place.path}/tokenizer.json".lstrip("/")))
    from pairloom.operators.vocabulary.files import stands_alone, vocabulary_file

    fs, inner = resolve(path)
    with asking(scrub(path)) if "://" in path else nullcontext():
        whole = fs.isdir(inner)
        folder, _, name = (inner.rstrip("/"), "", "") if whole else inner.rpartition("/")
        listed = [] if name and stands_alone(name) else fs.ls(folder, detail=False)
        names = [str(one).rstrip("/").rpartition("/")[2] for one in listed]

        def read(name: str) -> bytes:
            data: bytes = fs.cat_file(f"{folder}/{name}")
            return data

        return vocabulary_file(names, read, None if whole else name)


def _check_extensible(base: "Vocabulary", choice: VocabularyChoice) -> None:
    if choice.size <= len(base):
        raise RecipeError(
            f"vocabulary.size is {choice.size}, but {choice.extend} has {len(base)} tokens already: choose a larger size"
        )
    if choice.extend_by == "tokens" and base.pretokenizer.scheme == "superwords":
        raise RecipeError(
            f"vocabulary.extend_by: {choice.extend} has superwords, which are learned by going on with its merges: remove the key"
        )
    if choice.superwords is not None and base.pretokenizer.scheme != "superwords":
        raise RecipeError(
            f"vocabulary.superwords: {choice.extend} has no superwords, and extending it makes none; remove the key"
        )
    from pairloom.operators.models.bpe import ordinal_merges

    try:
        ordinal_merges(base)
    except ValueError as error:
        raise RecipeError(f"vocabulary.extend: {choice.extend} cannot be gone on with: {error}") from error


def _keys(asked: Asked) -> dict[str, str]:
    """One hash a stage, each built on those before it."""
    keys: dict[str, str] = {}
    for stage in stages():
        keys[stage.name] = stage.key(asked, keys)
    return keys


def _fields(source: CorpusSource, hub: Repositories) -> list[object]:
    """What is read of the records of a source, and the steps that its documents go through, if there are any."""
    shaping = shaping_of(source, find_lists(source, hub))
    chosen = [] if source.where is None else [{"where": source.where}]
    joined = [] if source.list_separator is None else [{"list_separator": source.list_separator}]
    given = [] if source.giver is None else [{"given": source.giver.identity()}]
    return [
        source.name,
        source.text,
        source.id,
        *([list(shaping)] if shaping else []),
        *chosen,
        *joined,
        *given,
    ]


def _check_kept(recipe: Recipe, keep: Manifest) -> None:
    """Raise RecipeError unless the vocabulary of a generation is what the recipe asks for."""
    asked = recipe.vocabulary.model_dump(mode="json", by_alias=True, exclude={"learn", "roles"})
    had = keep.recipe["vocabulary"]
    if other := sorted(name for name in asked if asked[name] != had.get(name)):
        changes = ", ".join(f"vocabulary.{name} is {asked[name]!r}, was {had.get(name)!r}" for name in other)
        raise RecipeError(
            f"the recipe asks for another vocabulary than generation {keep.generation} has ({changes}): learn it anew "
            "with --relearn, or put back what it was"
        )
