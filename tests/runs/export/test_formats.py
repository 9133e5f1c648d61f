"""Exports hold exactly what is committed, whatever the recipe was, and say so only when they do."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import ConflictError, CorruptionError, RecipeError, StorageError
from pairloom.operators.selection.order import document_ids
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.export import FORMATS, export
from pairloom.pipeline.export.flat import write_npy
from pairloom.pipeline.export.lengths import BLOCK, Lengths
from pairloom.pipeline.export.mds import write_mds
from pairloom.pipeline.export.megatron import megatron_dtype
from pairloom.pipeline.export.packed_rows import Rows
from pairloom.pipeline.export.target import DONE, STARTED, Target
from pairloom.pipeline.export.whole_documents import Documents
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, commit
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.exports import (
    expected,
    made,
    read_flat,
    read_mds,
    read_megatron,
    read_parquet,
    read_parts,
    read_webdataset,
    used,
    wide_vocabulary,
)

BOTH = [(format_, unit) for format_ in FORMATS for unit in ("rows", "documents")]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made(tmp_path_factory.mktemp("export"))


def check(dataset: Dataset, format_: str, unit: str, split: str, out: Path) -> dict[str, Any]:
    """Export, read back by a reader of the format, compare."""
    said = export(dataset, format_, str(out), split=split, unit=unit)
    wanted = expected(dataset, split, unit)
    tokens = used(wanted)
    assert len(wanted) == said[unit] > 0
    assert sum(map(len, tokens)) == said["tokens"]
    assert {file["path"] for file in said["files"]} | {DONE} == {path.name for path in out.iterdir()}
    for file in said["files"]:
        data = (out / file["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    flat = [token for item in wanted for token in item["tokens"]]
    if format_ == "megatron":
        assert read_megatron(out) == (said["dtype"], tokens)
    elif format_ == "npy":
        parts = [read_flat(part, said["dtype"]) for part in sorted(out.glob("*.npy"))]
        assert np.concatenate(parts).tolist() == flat
        assert read_parts(out, said["dtype"]) == _documents(wanted)
    elif format_ == "bin":
        name = "train" if split == "train" else "val"
        assert read_flat(out / f"{name}.bin", said["dtype"]).tolist() == flat
        edges = np.load(out / f"{name}.idx.npy")
        assert edges.dtype == np.int64
        assert edges.tolist() == np.cumsum([0, *(len(item["tokens"]) for item in wanted)]).tolist()
    elif format_ == "mds":
        keys = ("tokens", "segment_lengths" if unit == "rows" else "id")
        assert read_mds(out) == [{key: item[key] for key in keys} for item in wanted]
    else:
        reader = {"hf": _read_hf, "parquet": read_parquet, "webdataset": read_webdataset}[format_]
        keys = ("segment_lengths", "document", "offset") if unit == "rows" else ("id",)
        assert [{key: item[key] for key in (*keys, "tokens")} for item in reader(out)] == [
            {key: item[key] for key in (*keys, "tokens")} for item in wanted
        ]
    return said


def _documents(items: list[dict[str, Any]]) -> list[tuple[str, list[int]]]:
    out = []
    for item in items:
        if "id" in item:
            out.append((item["id"], item["tokens"]))
            continue
        ends = np.cumsum(item["segment_lengths"]).tolist()
        for length, end, number in zip(item["segment_lengths"], ends, item["document"], strict=True):
            out.append((str(number), item["tokens"][end - length : end]))
    return out


def _read_hf(out: Path) -> list[dict[str, Any]]:
    return [{**row, "tokens": row["input_ids"]} for row in datasets.load_from_disk(str(out)).to_list()]


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize(("format_", "unit"), BOTH)
def test_each_format_holds_a_split(
    dataset: Dataset, format_: str, unit: str, split: str, tmp_path: Path
) -> None:
    said = check(dataset, format_, unit, split, tmp_path / "x")
    assert said["dtype"] == "uint16"
    assert said["generation"] == 1
    assert said["vocabulary"] == dataset.manifest.fingerprint
    assert said["root"] == dataset.objects.root


@pytest.mark.parametrize(
    "settings",
    [
        ["pack.predict_every_token=true", "pack.seq_len=16"],
        ["pack.overflow=truncate", "pack.seq_len=32"],
        ["pack.overflow=drop", "pack.seq_len=32"],
        ["pack.strategy=padded", "tokenize.append=[]", "tokenize.prepend=['<|endoftext|>']"],
        ["pack.strategy=concat", "pack.shuffle.mode=none", "tokenize.append=[]"],
    ],
)
def test_every_recipe_is_exported_exactly(tmp_path: Path, settings: list[str]) -> None:
    dataset = made(tmp_path, *settings)
    if "prepend" in settings[-1]:  # `expected` appends only
        for format_ in FORMATS:
            check(dataset, format_, "rows", "train", tmp_path / f"{format_}-rows")
        return
    for format_, unit in (
        ("megatron", "documents"),
        ("npy", "documents"),
        ("npy", "rows"),
        ("mds", "rows"),
        ("hf", "documents"),
    ):
        said = check(dataset, format_, unit, "train", tmp_path / f"{format_}-{unit}")
        assert ("padding" in said) == (unit == "rows")
    facts = dataset.manifest.stages["pack"].facts
    if settings[0].startswith("pack.overflow"):
        assert facts["truncated_tokens"] + facts["dropped_tokens"] > 0
    if settings[0].startswith("pack.predict"):
        assert facts["repeated_tokens"] > 0


@pytest.mark.parametrize(
    ("size", "stored", "megatron"),
    [(65499, "uint16", "uint16"), (65500, "uint16", "int32"), (65537, "uint32", "int32")],
)
def test_the_width_of_ids(tmp_path: Path, size: int, stored: str, megatron: str) -> None:
    dataset = made(tmp_path, wide_vocabulary(tmp_path / "wide.json", size))
    for format_, kind in FORMATS.items():
        said = check(dataset, format_, kind.unit, "validation", tmp_path / format_)
        wanted = {"megatron": megatron, "mds": "int32" if stored == "uint32" else "uint16"}.get(
            format_, stored
        )
        assert said["dtype"] == wanted
    largest = max(token for item in expected(dataset, "validation", "documents") for token in item["tokens"])
    assert largest == size - 1
    assert str(megatron_dtype(size)) == megatron


def test_hugging_face_sees_types_and_split(dataset: Dataset, tmp_path: Path) -> None:
    export(dataset, "hf", str(tmp_path / "rows"))
    export(dataset, "hf", str(tmp_path / "documents"), unit="documents", split="validation")
    rows = datasets.load_from_disk(str(tmp_path / "rows"))
    width = dataset.facts()["seq_len"]
    assert rows.features["input_ids"] == datasets.Sequence(datasets.Value("uint16"), length=width)
    assert rows.features["segment_lengths"] == datasets.Sequence(datasets.Value("int32"))
    assert rows.split == datasets.Split.TRAIN
    for part in (tmp_path / "rows").glob("*.arrow"):
        with pa.ipc.open_stream(part.read_bytes()) as stream:
            assert json.loads(stream.schema.metadata[b"pairloom"]) == dataset.facts()
    assert rows.select(range(4)).map(lambda row: {"n": len(row["input_ids"])})["n"][:] == [width] * 4
    whole = datasets.load_from_disk(str(tmp_path / "documents"))
    assert whole.features == datasets.Features(
        id=datasets.Value("string"), input_ids=datasets.Sequence(datasets.Value("uint16"))
    )
    assert whole.split == datasets.Split.VALIDATION
    again = export(dataset, "hf", str(tmp_path / "again"))
    assert datasets.load_from_disk(str(tmp_path / "again"))._fingerprint == rows._fingerprint
    assert {file["sha256"] for file in again["files"]} == {
        hashlib.sha256((tmp_path / "rows" / file["path"]).read_bytes()).hexdigest() for file in again["files"]
    }


@pytest.mark.parametrize(("limit", "batches"), [(1, 1), (4000, 2), (1 << 30, 1000)])
def test_parquet_keeps_types_and_metadata_and_bounds_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, batches: int
) -> None:
    monkeypatch.setattr("pairloom.pipeline.export.tables.ROW_GROUP_BYTES", limit)
    monkeypatch.setattr("pairloom.pipeline.dataset.stream.BLOCK_ROWS", 16)  # of 64 tokens: 2048 bytes
    dataset = made(tmp_path)
    export(dataset, "parquet", str(tmp_path / "x"))
    files = sorted((tmp_path / "x").glob("*.parquet"))
    table = pq.read_table(files[0])
    assert table.schema.field("input_ids").type == pa.list_(pa.field("item", pa.uint16()), 64)
    assert json.loads(table.schema.metadata[b"pairloom"]) == dataset.facts()
    wanted = dataset.table()["input_ids"].to_pylist()
    frame = polars.concat([polars.read_parquet(file) for file in files])
    assert frame["input_ids"].to_list() == wanted
    rows = datasets.load_dataset(
        "parquet", data_files=list(map(str, files)), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert rows["input_ids"][:] == wanted
    for file, uri in zip(files, dataset.files(role="train"), strict=True):
        stored = pa.ipc.open_file(uri)
        full = sum(stored.get_batch(i).num_rows == 16 for i in range(stored.num_record_batches))
        assert pq.ParquetFile(file).num_row_groups == -(-stored.num_record_batches // batches)
        assert full > 0 or file == files[-1]


def source_and_target(dataset: Dataset, out: Path, kind: type = Documents) -> tuple[Any, Target]:
    source = kind(dataset, "train")
    return source, Target(open_objects(str(out)), {}, owned=".*", agree=source.check)


@pytest.mark.parametrize("limit", [1, 300, 1000, 10**9])
def test_parts_and_shards_of_any_size_hold_the_same(
    dataset: Dataset, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    for unit, kind in (("documents", Documents), ("rows", Rows)):
        wanted = expected(dataset, "train", unit)
        source, target = source_and_target(dataset, tmp_path / f"npy-{unit}", kind)
        write_npy(source, target, part_tokens=limit)
        said = target.finish({})
        assert read_parts(tmp_path / f"npy-{unit}", "uint16") == _documents(wanted)
        sizes = [file["bytes"] // 2 for file in said["files"] if file["path"].endswith(".npy")]
        longest = max(len(item["tokens"]) for item in wanted)
        assert all(0 < size <= max(limit, longest) for size in sizes)
        source, target = source_and_target(dataset, tmp_path / f"mds-{unit}", kind)
        write_mds(source, target, shard_bytes=limit)
        target.finish({})
        assert [item["tokens"] for item in read_mds(tmp_path / f"mds-{unit}")] == [
            item["tokens"] for item in wanted
        ]


def test_lengths_are_what_was_appended() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 1000, BLOCK * 2 + 5)
    with Lengths() as kept:
        assert list(kept.blocks()) == list(kept.starts()) == []
        for part in np.array_split(lengths, 7):
            kept.append(part)
        assert np.array_equal(np.concatenate(list(kept.blocks())), lengths)
        starts = np.concatenate(list(kept.starts()))
        assert np.array_equal(starts, np.cumsum(lengths) - lengths)
        assert (kept.count, kept.total) == (len(lengths), lengths.sum())


def test_documents_need_no_packing_and_ids_need_not_be_given(tmp_path: Path) -> None:
    texts = [("", f"text {i}, with\na line") for i in range(40)]
    write_jsonl(tmp_path / "in" / "a.jsonl", texts)
    recipe = recipe_for(tmp_path, "corpus.0.id=null", "vocabulary.size=300")
    run(recipe, until="tokenize")
    dataset = open_dataset(recipe.root)
    export(dataset, "npy", str(tmp_path / "x"))
    found = read_parts(tmp_path / "x", "uint16")
    uri = (tmp_path / "in" / "a.jsonl").as_uri()
    every = document_ids(
        pa.nulls(40, pa.large_string()), pa.array([uri] * 40, pa.large_string()), np.arange(40)
    )
    assert set(dict(found)) < set(every.to_pylist())
    vocabulary = dataset.vocabulary()
    for name, ids in found:
        row = int(name.rpartition("#")[2])
        assert vocabulary.decode(ids[:-1]).decode() == texts[row][1]
    with pytest.raises(RecipeError, match="has no stage 'pack'"):
        export(dataset, "mds", str(tmp_path / "y"))


def test_documents_are_exported_as_often_as_a_mixture_takes_them(tmp_path: Path) -> None:
    write_jsonl(
        tmp_path / "in" / "a.jsonl", documents(120) + [(f"again-{i}", text) for i, text in documents(30)]
    )
    recipe = recipe_for(tmp_path, "corpus.0.epochs=2.5", "pack.deduplicate=exact", "pack.strategy=concat")
    packed = run(recipe).stages["pack"]
    (source,) = packed.sources
    said = export(open_dataset(recipe.root), "megatron", str(tmp_path / "x"))
    _, sequences = read_megatron(tmp_path / "x")
    assert said["documents"] == len(sequences) == source.delivered_documents > 2 * source.train_documents
    assert sum(map(len, sequences)) == source.delivered_tokens == packed.splits["train"]["tokens"]
    times = Counter(map(tuple, sequences))
    assert set(times.values()) == {2, 3}
    assert source.duplicate_documents > 10


def test_documents_without_tokens_are_left_out_and_counted(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [("a", "\x00x"), ("b", "y"), ("c", "\x00"), ("d", "yy")])
    vocabulary = tmp_path / "v.json"
    from pairloom.operators import Vocabulary

    Vocabulary(tokens=[bytes([b]) for b in range(256)], merges=[]).save(vocabulary)
    settings = [f"vocabulary={{from: {vocabulary}}}", "tokenize.append=[]", "pack.validation=0"]
    recipe = recipe_for(tmp_path, *settings)
    run(recipe)
    dataset = open_dataset(recipe.root)
    said = export(dataset, "megatron", str(tmp_path / "x"))
    dtype, sequences = read_megatron(tmp_path / "x")
    assert all(sequences)
    assert (
        said["documents"] + said["empty_documents"]
        == dataset.manifest.stages["tokenize"].ledger.documents_out
    )
    assert dtype == "uint16"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "tfrecord"}, "there is no format 'tfrecord'; there are megatron"),
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
    assert steps == []
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


def test_the_later_of_two_attempts_wins(dataset: Dataset, tmp_path: Path) -> None:
    source, first = source_and_target(dataset, tmp_path)
    with first.data("a") as file:
        file.write(b"first")
    _, second = source_and_target(dataset, tmp_path)
    with second.data("a") as file:
        file.write(b"second")
    for batches in source.parts():
        list(batches)
    with pytest.raises(ConflictError, match=r"another export .* took over"):
        first.finish({})
    first.abandon()
    second._agree = lambda: None
    assert [file["path"] for file in second.finish({})["files"]] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", DONE]
    assert (tmp_path / "a").read_bytes() == b"second"


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
@pytest.mark.parametrize("format_", FORMATS)
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

    monkeypatch.setattr("pairloom.pipeline.store.files.HashedSink.write", full)
    for format_ in FORMATS:
        with pytest.raises(StorageError, match="No space left on device"):
            export(dataset, format_, str(tmp_path / format_))
        assert not list((tmp_path / format_).iterdir())
    assert STARTED not in {path.name for path in tmp_path.rglob("*")}


def test_rows_of_several_lengths_are_exported_one_length_at_a_time(tmp_path: Path) -> None:
    dataset = made(tmp_path, "pack.strategy=buckets", "pack.min_bucket=16")
    lengths = dataset.seq_lens()
    assert len(lengths) > 1
    for format_ in FORMATS:
        for wrong in (None, 17):
            with pytest.raises(RecipeError, match=r"have 16 or 32 or 64 tokens: export those of one length"):
                export(dataset, format_, str(tmp_path / "x"), unit="rows", seq_len=wrong)
        check(dataset, format_, "documents", "train", tmp_path / format_)
    tokens = 0
    for length in lengths:
        out = tmp_path / str(length)
        said = export(dataset, "mds", str(out), seq_len=length)
        rows = [row for batch in dataset.batches(seq_len=length) for row in batch.to_pylist()]
        assert [item["tokens"] for item in read_mds(out)] == [row["input_ids"] for row in rows]
        assert {len(item["tokens"]) for item in read_mds(out)} == {said["seq_len"]} == {length}
        tokens += said["tokens"]
    assert tokens == sum(
        file.facts["tokens"] for file in dataset.manifest.stages["pack"].files if file.role == "train"
    )
    with pytest.raises(RecipeError, match="documents have no seq_len"):
        export(dataset, "mds", str(tmp_path / "y"), unit="documents", seq_len=64)
    with pytest.raises(RecipeError, match="holds another export"):
        export(dataset, "mds", str(tmp_path / "16"), seq_len=32)
