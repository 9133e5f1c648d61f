"""What is not exported: the wrong place, a split without anything, counts that do not agree, damage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pairloom.operators.errors import CorruptionError, RecipeError, StorageError
from pairloom.pipeline import Dataset, open_dataset
from pairloom.pipeline.export import EXPORTERS, export
from pairloom.pipeline.export.target import STARTED, Target
from pairloom.pipeline.flow.events import Doing
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, commit
from tests.support.exports import (
    made,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made(tmp_path_factory.mktemp("export"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "tfrecord"}, "there is no format 'tfrecord'; did you mean 'parquet'"),
        ({"unit": "tokens"}, "there is no unit 'tokens'"),
        ({"split": "test"}, "there is no split 'test'; there are train and validation"),
        ({"out": "ftp://host/x"}, "cannot write to ftp://"),
    ],
)
def test_what_is_wrong_is_named(
    dataset: Dataset, tmp_path: Path, arguments: dict[str, str], message: str
) -> None:
    given = {"format": "mds", "out": str(tmp_path / "x")} | arguments
    with pytest.raises(RecipeError, match=message):
        export(dataset, **given)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("unit", ["rows", "documents"])
def test_a_split_without_anything_is_refused(tmp_path: Path, unit: str) -> None:
    dataset = made(tmp_path, "pack.validation=0", count=12)
    with pytest.raises(RecipeError, match=r"no rows in 'validation'|holds no documents out"):
        export(dataset, "megatron", str(tmp_path / "x"), split="validation", unit=unit)
    assert not (tmp_path / "x").exists()
    few = made(tmp_path / "few", "pack.validation=1.0e-6", count=12)
    with pytest.raises(RecipeError, match=r"no rows in 'validation'|no document in 'validation'"):
        export(few, "megatron", str(tmp_path / "y"), split="validation", unit=unit)
    assert not (tmp_path / "y").exists() or not list((tmp_path / "y").iterdir())


def test_a_folder_with_something_in_it_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RecipeError, match=r"is not empty \(notes.txt, 1 files in all\)"):
        export(dataset, "hf", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(RecipeError, match="is not empty"):
        export(dataset, "hf", dataset.objects.root)
    out = str(tmp_path / "x")
    export(dataset, "hf", out)
    for other in ({"format": "mds"}, {"unit": "documents"}, {"split": "validation"}):
        with pytest.raises(RecipeError, match=r"holds another export \(format hf, unit rows, split train"):
            export(dataset, **({"format": "hf", "out": out} | other))


def test_a_complete_export_is_checked_and_kept(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "x"
    said = export(dataset, "mds", str(out))
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    steps: list[Any] = []
    assert export(dataset, "mds", str(out), observe=steps.append) == said
    assert [step for step in steps if not isinstance(step, Doing)] == []
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    shard = out / "shard.00000.mds"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CorruptionError, match=r"shard\.00000\.mds is not what was written"):
        export(dataset, "mds", str(out))
    shard.unlink()
    with pytest.raises(CorruptionError, match=r"shard\.00000\.mds is missing from a complete export"):
        export(dataset, "mds", str(out))


def test_what_is_left_of_another_export_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    objects = open_objects(str(tmp_path))
    Target(objects, {"format": "mds", "split": "train"}, owned="x", agree=lambda: None)
    with pytest.raises(RecipeError, match=r"left of another export \(format mds, split train\)"):
        export(dataset, "hf", str(tmp_path))


def forged(dataset: Dataset, change: Any) -> Dataset:
    """Another generation, whose manifest says something else."""
    newest = open_dataset(dataset.objects.root).manifest
    stages = dict(dataset.manifest.stages)
    change(stages)
    commit(
        dataset.objects,
        Manifest(**{**dict(dataset.manifest), "generation": newest.generation + 1, "stages": stages}),
    )
    return open_dataset(dataset.objects.root)


def _fewer_tokens(stage: str) -> Any:
    def change(stages: dict[str, Any]) -> None:
        record = stages[stage]
        files = [
            file.model_copy(update={"facts": {**file.facts, "tokens": file.facts["tokens"] - 1}})
            for file in record.files
        ]
        stages[stage] = record.model_copy(update={"files": tuple(files)})

    return change


def _a_file_less(stages: dict[str, Any]) -> None:
    record = stages["tokenize"]
    names = ("files", "units", "unit_sources")
    stages["tokenize"] = record.model_copy(update={name: getattr(record, name)[1:] for name in names})


def _another_sum(stages: dict[str, Any]) -> None:
    record = stages["pack"]
    first = record.files[0]
    changed = first.model_copy(update={"facts": {**first.facts, "tokens": first.facts["tokens"] + 5}})
    stages["pack"] = record.model_copy(update={"files": (changed, *record.files[1:])})


@pytest.mark.parametrize(
    ("unit", "change", "message"),
    [
        ("rows", _fewer_tokens("pack"), r"rows\.arrow holds \d+ rows with \d+ tokens, the manifest says"),
        ("documents", _fewer_tokens("tokenize"), r"tokens\.arrow holds \d+ rows with"),
        ("documents", _a_file_less, r"documents with \d+ tokens were read, the manifest says"),
        ("documents", _another_sum, r"the documents of 'train' have \d+ tokens, its packed rows \d+"),
    ],
)
@pytest.mark.parametrize("format_", EXPORTERS.names())
def test_nothing_becomes_visible_unless_the_counts_agree(
    tmp_path: Path, format_: str, unit: str, change: Any, message: str, dataset: Dataset
) -> None:
    wrong = forged(dataset, change)
    with pytest.raises(CorruptionError, match=message):
        export(wrong, format_, str(tmp_path / "x"), unit=unit)
    assert not list((tmp_path / "x").iterdir())


def test_a_damaged_input_is_named(tmp_path: Path) -> None:
    dataset = made(tmp_path, count=30)
    for unit, stage in (("rows", "pack"), ("documents", "tokenize")):
        place = Path(dataset.files(stage)[0])
        good = place.read_bytes()
        place.write_bytes(good[:700] + bytes([good[700] ^ 1]) + good[701:])
        with pytest.raises(CorruptionError, match=place.name):
            export(dataset, "bin", str(tmp_path / "x"), unit=unit)
        place.unlink()
        with pytest.raises(CorruptionError, match=f"{place.name} is missing"):
            export(dataset, "bin", str(tmp_path / "x"), unit=unit)
        place.write_bytes(good)
    export(dataset, "bin", str(tmp_path / "x"))


def test_a_full_disk_fails_the_export_and_leaves_nothing(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Iterator[None]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pairloom.pipeline.store.sinks.HashedSink.write", full)
    for format_ in EXPORTERS.names():
        with pytest.raises(StorageError, match="the disk is full"):
            export(dataset, format_, str(tmp_path / format_))
        assert not list((tmp_path / format_).iterdir())
    assert STARTED not in {path.name for path in tmp_path.rglob("*")}
