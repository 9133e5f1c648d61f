"""`pairloom.open`, `pairloom.verify` and `pairloom.export`: what is done with a root."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.shown import Shown
from pairloom.operators.vocabulary.files import FILES
from pairloom.pipeline import Dataset, open_dataset
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import Proof
from pairloom.pipeline.audit.verify import verify as verify_stored
from pairloom.pipeline.expected import told
from pairloom.pipeline.export import (
    OF_VOCABULARIES,
    VocabularyExport,
    export_folder,
    export_gguf,
    export_sentencepiece,
    export_tiktoken,
    roles_of,
    sample_texts,
)
from pairloom.pipeline.export import export as export_dataset
from pairloom.pipeline.export.groups import Group
from pairloom.pipeline.export.groups import groups as stored_groups
from pairloom.pipeline.export.hub.publish import check_place, publish
from pairloom.pipeline.flow.events import Event
from pairloom.pipeline.hub.place import on_hub
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.repair.repair import Repaired
from pairloom.pipeline.repair.repair import repair as repair_stored

__all__ = ["Exported", "export", "groups", "open", "repair", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exported(Shown):
    """What an export has written to `out`; `facts` is what the file beside it says."""

    out: str
    format: str
    facts: Mapping[str, Any]

    def _shown(self) -> tuple[str, Mapping[str, str]]:
        counts = ("rows", "documents", "tokens", "padding", "n_vocab", "proved_documents")
        shown = {name: f"{self.facts[name]:,}" for name in counts if isinstance(self.facts.get(name), int)}
        if "files" in self.facts:
            shown["files"] = f"{len(self.facts['files']):,}"
        return f"Exported {self.format} in {self.out}", shown


@told
def open(  # noqa: A001  (a root is opened)
    root: str | os.PathLike[str], generation: int | None = None, *, compare: bool = True
) -> Dataset:
    """Open the newest committed generation of a root, or the one named; raises RecipeError where there is none.

    A dataset has `table()`, `batches()`, `loader()`, `files()`, `vocabulary()`, `rejected()` and its `manifest`.
    What is read of its rows is compared with what was written; `compare=False` leaves that out.
    """
    return open_dataset(root, generation, compare=compare)


@told
def verify(
    root: str | os.PathLike[str] | Dataset,
    *,
    sample: int = 4,
    everything: bool = False,
    seed: int = 0,
    generation: int | None = None,
    observe: Callable[[Event], None] = lambda _: None,
) -> Proof:
    """Prove that what is committed is whole, agrees with itself, and is what the sources say.

    `sample` units, chosen by `seed`, are read again from their sources and compared through their shards and their rows, byte
    for byte; with `everything` the shards of all other units are compared too, and with neither no source is read. `observe` is
    told how far that is.

    Raises CorruptionError for the first thing that is wrong, with file and row.
    """
    dataset = root if isinstance(root, Dataset) else open_dataset(root, generation)
    proof = verify_stored(dataset, observe)
    if (sample or everything) and "tokenize" in dataset.manifest.stages:
        round_trip(dataset, proof, sample=sample, seed=seed, everything=everything, observe=observe)
    return proof


@told
def repair(
    root: str | os.PathLike[str],
    *,
    generation: int | None = None,
    dry_run: bool = False,
    engine: str | None = None,
    observe: Callable[[Event], None] = lambda _: None,
) -> Repaired:
    """Make what a generation (by default the newest) has lost anew, byte for byte, from what is there.

    Every file of it is compared with what was written. Those that are missing or damaged are made again by the tasks that made
    them, proved by their checksums, and put in their places; nothing else is touched. `dry_run` finds, and changes
    nothing. `engine` is "auto", "ray" or "local", instead of the recipe's. What could not be made is in the result's `mended`, with
    the reason, and the result is not `whole`.
    """
    return repair_stored(
        os.fspath(root), generation=generation, dry_run=dry_run, engine=engine, observe=observe
    )


@told
def groups(
    root: str | os.PathLike[str] | Dataset, split: str = "train", *, generation: int | None = None
) -> Iterator[Group]:
    """The completions of each prompt, together, in the order of the corpus: what trains on preferences or on rewards takes these.

    A `Group` has `completions`, each with its `ids`, `mask`, `columns` and `values` (as its reward), and `prompt_ids`, the tokens
    that they share. Its `pair` is {"prompt_ids", "chosen_ids", "rejected_ids"}.

    Raises RecipeError where no source brings completions, CorruptionError where what is stored is not what was written.
    """
    dataset = root if isinstance(root, Dataset) else open_dataset(root, generation)
    return stored_groups(dataset, split)


@told
def export(  # noqa: PLR0913  (everything that the command takes)
    source: str | os.PathLike[str] | Dataset | Vocabulary,
    out: str | os.PathLike[str],
    *,
    format: str,  # noqa: A002  (what everybody calls it)
    split: str = "train",
    unit: str | None = None,
    seq_len: int | None = None,
    without: Sequence[str] = (),
    generation: int | None = None,
    roles: Mapping[str, str] | None = None,
    chat_template: str | None = None,
    max_length: int | None = None,
    license: str | None = None,  # noqa: A002
    observe: Callable[[Event], None] = lambda _: None,
) -> Exported:
    """Write a dataset, or its vocabulary, in the files of another trainer.

    `source` is a root, a dataset that is open, a Vocabulary or the path of a `tokenizer.json`; `out` a folder of its own,
    local or in a bucket (for "tiktoken", "gguf" and "sentencepiece" a file). "tiktoken", "gguf" (metadata for llama.cpp),
    "sentencepiece" (a `.model`) and "tokenizer" (a folder for `AutoTokenizer`) are of the vocabulary; for the latter three `roles`
    says which special token is bos, eos, pad, unk, sep, cls, mask, where the recipe and common names do not; a folder and a GGUF
    have `chat_template` and `max_length` (tokens) as they are. `unit` is "rows" or "documents", by default what the format's
    trainers take; `seq_len` chooses among rows of several lengths; `without` names columns to leave
    out, as a format asks that has no place for them.

    An `out` as `hf://datasets/OWNER/NAME` is a repository of the Hub: the files of a dataset are written into a temporary folder,
    sent, and made visible by one commit, with a card and Croissant metadata; `license` is for these, as `apache-2.0`.
    `facts["hub"]` says where that is.

    Raises RecipeError for a name that there is not, CapacityError for what a format cannot hold, CorruptionError where what
    is stored is not what was written.
    """
    out = os.fspath(out)
    if on_hub(out) and format in OF_VOCABULARIES:
        raise RecipeError(
            f"{out}: only datasets are published; export a vocabulary into a folder, and upload that"
        )
    if format in OF_VOCABULARIES:
        taken = _vocabulary_of(source, generation)
        if format == "tiktoken":
            return Exported(
                out=out, format=format, facts=export_tiktoken(taken.vocabulary, out, taken.sample)
            )
        asked = VocabularyExport(
            vocabulary=taken.vocabulary,
            roles=taken.roles | dict(roles or {}),
            prepend=taken.prepend,
            chat_template=chat_template,
            max_length=max_length,
            sample=taken.sample,
            origin=taken.origin,
        )
        written_by = {"sentencepiece": export_sentencepiece, "gguf": export_gguf, "tokenizer": export_folder}
        return Exported(out=out, format=format, facts=written_by[format](asked, out))
    if isinstance(source, Vocabulary):
        raise RecipeError(
            f"format {format!r} is of datasets; a vocabulary is exported as {', '.join(OF_VOCABULARIES)}"
        )
    dataset = source if isinstance(source, Dataset) else open_dataset(source, generation)

    def written(folder: str) -> dict[str, Any]:
        return export_dataset(
            dataset, format, folder, split=split, unit=unit, seq_len=seq_len, without=without, observe=observe
        )

    if not on_hub(out):
        return Exported(out=out, format=format, facts=written(out))
    check_place(out, license)
    with TemporaryDirectory(prefix="pairloom-export-") as folder:
        said = written(folder)
        published = publish(dataset, said, Path(folder), out, licence=license, observe=observe)
    return Exported(out=out, format=format, facts=said | {"hub": asdict(published)})


class _Taken(NamedTuple):
    """A vocabulary that is to be exported, and what is known of its use."""

    vocabulary: Vocabulary
    roles: dict[str, str]
    sample: Sequence[str] = ()
    prepend: tuple[str, ...] = ()
    origin: str = ""


def _holds_vocabulary(place: Path) -> bool:
    """Whether a path is a vocabulary's file, or a folder that has one and is no root."""
    if not place.is_dir():
        return place.is_file()
    kinds = [kind for kinds in FILES for kind in kinds.split(" and ")]
    named = any(PurePath(file.name).match(kind) for file in place.iterdir() for kind in kinds)
    return named and not (place / "manifests").is_dir()


def _vocabulary_of(source: str | os.PathLike[str] | Dataset | Vocabulary, generation: int | None) -> _Taken:
    if isinstance(source, str | os.PathLike) and _holds_vocabulary(Path(source)):
        if generation is not None:
            raise RecipeError(f"{source} is a vocabulary, which has no generations; leave --generation out")
        source = Vocabulary.load(Path(source))
    if isinstance(source, Vocabulary):
        return _Taken(source, roles_of(source))
    dataset = source if isinstance(source, Dataset) else open_dataset(source, generation)
    return _Taken(
        dataset.vocabulary(),
        roles_of(dataset),
        list(sample_texts(dataset)),
        Recipe.model_validate(dataset.manifest.recipe).tokenize.prepend,
        f"generation {dataset.manifest.generation} of a corpus of {', '.join(dataset.sources)}",
    )
