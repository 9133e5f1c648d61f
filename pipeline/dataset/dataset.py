"""Reading what is committed: the packed rows as Arrow, and the vocabulary that made them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts import RowStep
from pairloom.operators.schema import Column, columns_of, file_facts
from pairloom.operators.shown import Shown
from pairloom.pipeline.dataset.loader import Loader
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.steps import RowSteps, row_seed
from pairloom.pipeline.store.files import StoredFile, open_arrow, read_batches, read_stored
from pairloom.pipeline.store.gc import first_kept
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, latest_manifest, read_manifest
from pairloom.pipeline.store.objects import Objects

__all__ = ["Dataset", "open_dataset"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dataset(Shown):
    """One generation of a root. What is read of its packed rows is compared with what was written, unless not to `compare`."""

    objects: Objects
    manifest: Manifest
    compare: bool = True

    def _shown(self) -> tuple[str, dict[str, str]]:
        title, facts = self.manifest._shown()
        return title.replace("Manifest", f"Dataset {self.objects.root}", 1), facts

    def files(self, stage: str = "pack", role: str | None = None, *, seq_len: int | None = None) -> list[str]:
        """Where the committed files of a stage are, in order; of one role (a split, for `pack`) if asked.

        `seq_len` asks for packed rows of one length, where the strategy `buckets` has made several.
        """
        return [self.objects.uri(file.path) for file in self._stored(stage, role, seq_len)]

    def seq_lens(self, split: str = "train") -> list[int]:
        """The lengths that the rows of a split have, ascending: more than one by the strategy `buckets`."""
        return sorted({file.facts["seq_len"] for file in self._stored("pack", split)})

    def batches(self, split: str = "train", *, seq_len: int | None = None) -> Iterator[pa.RecordBatch]:
        """The packed rows of a split in order, a record batch at a time, mapped into memory."""
        for stored in self._stored("pack", split, seq_len):
            yield from read_batches(self.objects, stored, compare=self.compare)

    def table(self, split: str = "train", *, seq_len: int | None = None) -> pa.Table:
        """The packed rows of a split as one table, mapped into memory, and read once to be compared.

        Raises CorruptionError for a file that is not what was written, RecipeError for an empty split, and for rows of
        several lengths where none of them is named.
        """
        batches = list(self.batches(split, seq_len=self._one_length(split, seq_len)))
        if not batches:
            raise RecipeError(
                f"generation {self.manifest.generation} of {self.objects.root} has no rows in {split!r}"
            )
        return pa.Table.from_batches(batches).replace_schema_metadata(batches[0].schema.metadata)

    def facts(self, split: str = "train") -> dict[str, Any]:
        """What the rows' metadata says: dtype, pad id, sequence length, the vocabulary's fingerprint."""
        batch = next(self.batches(split), None)
        if batch is None:
            raise RecipeError(
                f"generation {self.manifest.generation} of {self.objects.root} has no rows in {split!r}"
            )
        return file_facts(batch.schema)

    @property
    def columns(self) -> dict[str, Column]:
        """What rows have of tokens and documents, by name; `said` of a column says what a value of it stands for."""
        batch = next((one for split in ("train", "validation") for one in self.batches(split)), None)
        return {} if batch is None else {column.name: column for column in columns_of(batch.schema)}

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources: a row's column `source` has the place of a document's in these."""
        return tuple(source["name"] for source in self.manifest.recipe["corpus"])

    def loader(
        self,
        batch_size: int,
        *,
        rank: int = 0,
        world_size: int = 1,
        seed: int | None = None,
        epoch: int = 0,
        epochs: int | None = 1,
        split: str = "train",
        prefetch: int = 2,
        seq_len: int | None = None,
        steps: Sequence[RowStep] | None = None,
    ) -> Loader:
        """A loader of one rank: iterate over it for Arrow tables of `batch_size` rows.

        Rows come in the stored order, or with a seed in another order each epoch; `epochs=None` never ends.
        `prefetch` blocks of 1,024 rows, up to 256 MiB of them, are read ahead. The loader's `state_dict()` is O(1) and the
        same on every rank, and a loader of any batch size and world size goes on from it with the very next row. Raises
        RecipeError for an empty split. Of rows of several lengths (strategy `buckets`) a loader reads those of one,
        `seq_len`.

        `steps` are applied to rows anew in each epoch, by their place in it: by default the recipe's with `when: load`.
        """
        seq_len = self._one_length(split, seq_len)
        pack = Recipe.model_validate(self.manifest.recipe).pack
        applied = pack.loaded_rows if steps is None else tuple(steps)
        files = tuple(self._stored("pack", split, seq_len))
        identity: dict[str, Any] = {
            "format": self.manifest.format,
            "generation": self.manifest.generation,
            "vocabulary": self.manifest.fingerprint,
            "split": split,
            "seq_len": seq_len,
        }
        if applied:
            identity["steps"] = [step.identity() for step in applied]
        late = tuple(step for step in (*pack.stored_rows, *applied) if step.late)
        return Loader(
            objects=self.objects,
            files=files,
            identity=identity,
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            seed=seed,
            epoch=epoch,
            epochs=epochs,
            prefetch=prefetch,
            compare=self.compare,
            steps=RowSteps.of(applied, self.vocabulary()) if applied else None,
            late=RowSteps.of(late, self.vocabulary()) if late else None,
            steps_seed=row_seed(pack.shuffle.seed, seq_len or 0, f"loader {split} {seed}"),
        )

    def statistic(self, name: str) -> pa.Table:
        """The table of a statistic of the recipe; raises RecipeError where this generation has none of that name."""
        record = self.manifest.stage("statistics")
        for stored in record.files:
            if stored.role == name:
                with open_arrow(self.objects, stored) as reader:
                    return reader.read_all()
        has = ", ".join(file.role for file in record.files) or "none"
        raise RecipeError(
            f"generation {self.manifest.generation} of {self.objects.root} has no statistic {name!r} (it has {has})"
        )

    def duplicates(self) -> pa.Table:
        """The documents that `pack.deduplicate` has left out: source, uri, row, and `kept_*`, the same of what was kept."""
        from pairloom.pipeline.dataset.duplicates import duplicates_of

        return duplicates_of(self.objects, self.manifest)

    def rejected(self) -> Iterator[dict[str, Any]]:
        """The records that could not be used: uri, position, row (in its slice), reason, detail, excerpt."""
        stages = self.manifest.stages
        # tokenize reads what count read and refuses it again, with what only it refuses.
        for stored in stages["tokenize" if "tokenize" in stages else "count"].rejected:
            for batch in read_batches(self.objects, stored):
                yield from batch.to_pylist()

    def vocabulary(self) -> Vocabulary:
        """The vocabulary that this generation was made with."""
        if self.manifest.vocabulary is None:
            raise RecipeError(
                f"generation {self.manifest.generation} of {self.objects.root} has no vocabulary yet"
            )
        return Vocabulary.from_json(read_stored(self.objects, self.manifest.vocabulary))

    def _stored(self, stage: str, role: str | None, seq_len: int | None = None) -> list[StoredFile]:
        return [
            file
            for file in self.manifest.stage(stage).files
            if role in (None, file.role) and seq_len in (None, file.facts.get("seq_len"))
        ]

    def _one_length(self, split: str, wanted: int | None) -> int | None:
        """The length of rows that is wanted; raises RecipeError where that is not clear."""
        there = self.seq_lens(split)
        if wanted is None and len(there) < 2:
            return there[0] if there else None
        if wanted in there:
            return wanted
        said = ", ".join(map(str, there)) or "no"
        raise RecipeError(
            f"generation {self.manifest.generation} of {self.objects.root} has rows of {said} tokens in {split!r}, not of "
            f"{wanted}: name one of them as seq_len"
            if wanted is not None
            else f"generation {self.manifest.generation} of {self.objects.root} has rows of {said} tokens in {split!r}: name "
            "one of them as seq_len"
        )


def open_dataset(
    root: str | os.PathLike[str], generation: int | None = None, *, compare: bool = True
) -> Dataset:
    """Open the newest committed generation of a root, or the one named; raises RecipeError where there is none."""
    objects = open_objects(root)
    manifest = latest_manifest(objects) if generation is None else read_manifest(objects, generation)
    if generation is not None and manifest is not None and generation < (first := first_kept(objects)):
        raise RecipeError(
            f"generation {generation} of {objects.root} was garbage collected; the first that is kept is {first}"
        )
    if manifest is None:
        wanted = "nothing is committed" if generation is None else f"there is no generation {generation}"
        raise RecipeError(
            f"{wanted} below {objects.root}: run `pairloom run RECIPE` first, or check the path"
        )
    return Dataset(objects=objects, manifest=manifest, compare=compare)
