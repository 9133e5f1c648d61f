"""Exports hold exactly what is committed, whatever the recipe was, in every format."""

import hashlib
import json
from pathlib import Path

import datasets
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset
from pairloom.pipeline.export import EXPORTERS, export
from pairloom.pipeline.export.formats.megatron import megatron_dtype
from tests.runs.export.checks import check
from tests.support.exports import (
    expected,
    made,
    read_mds,
    wide_vocabulary,
)

BOTH = [(format_, unit) for format_ in EXPORTERS.names() for unit in ("rows", "documents")]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made(tmp_path_factory.mktemp("export"))


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
        for format_ in EXPORTERS.names():
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
    for format_, kind in EXPORTERS.all().items():
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
        id=datasets.Value("string"),
        input_ids=datasets.Sequence(datasets.Value("uint16")),
        source=datasets.Value("uint16"),
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
    monkeypatch.setattr("pairloom.pipeline.export.formats.parquet.ROW_GROUP_BYTES", limit)
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


def test_rows_of_several_lengths_are_exported_one_length_at_a_time(tmp_path: Path) -> None:
    dataset = made(tmp_path, "pack.strategy=buckets", "pack.min_bucket=16")
    lengths = dataset.seq_lens()
    assert len(lengths) > 1
    for format_ in EXPORTERS.names():
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
