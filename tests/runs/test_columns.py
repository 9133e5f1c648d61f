"""Columns of tokens and documents reach the rows, the loader and the exports, whatever the way that documents take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.schema import columns_of, file_facts
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.expected import shards
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export import export
from pairloom.pipeline.stages.exchange import orders
from pairloom.pipeline.store.files import read_batches
from tests.runs.test_verify import Rows, forged
from tests.support.columns import FURTHER, check_rows, with_columns
from tests.support.corpora import documents, mixed_recipe_for, rows_of, write_jsonl
from tests.support.exports import read_mds, read_parquet, read_webdataset

SMALL = ["execution.unit_bytes=6000", "pack.file_tokens=1500", "pack.seq_len=48", "pack.validation=0.2"]
SOURCES = {"web": 150, "code": 60}


def made(folder: Path, *settings: str, asked: dict[str, dict[str, Any]] | None = None) -> Dataset:
    write(folder)
    return with_columns(mixed_recipe_for(folder, asked or {name: {} for name in SOURCES}, *SMALL, *settings))


def source_of(dataset: Dataset) -> dict[int, int]:
    """The source of each document, by its number, as its shard has it."""
    return {
        number: dataset.sources.index(shard.source)
        for shard in shards(dataset)
        for batch in read_batches(dataset.objects, shard.stored)
        for number in shard.numbers(batch).tolist()
    }


def checked(dataset: Dataset) -> None:
    """Every row of both splits has its columns, and its documents their sources; and `verify` says so, too."""
    sources, seen = source_of(dataset), set()
    for split in ("train", "validation"):
        rows = rows_of(dataset, split)
        assert check_rows(rows) > 10
        for row in rows:
            assert row["source"] == [sources[number] for number in row["document"]]
            seen.update(row["source"])
    assert seen == {0, 1}
    proof = verify(dataset)
    round_trip(dataset, proof, sample=2, everything=True)


@pytest.mark.parametrize("one_pass", [512, 3])
def test_columns_are_exchanged_and_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_pass: int
) -> None:
    monkeypatch.setattr(orders, "ONE_PASS", one_pass)
    dataset = made(tmp_path)
    record = dataset.manifest.stages["pack"]
    assert len(record.leftovers) > 3
    checked(dataset)
    schema = dataset.table().schema
    assert [c.name for c in columns_of(schema)] == ["input_ids", "source", "quality", "loss_mask", "weight"]
    assert {column.name: column for column in columns_of(schema)}["loss_mask"] == FURTHER[0]
    assert file_facts(schema)["sources"] == list(dataset.sources) == list(SOURCES)


@pytest.mark.parametrize(
    "settings",
    [
        ["pack.shuffle.mode=block", "pack.shuffle.groups=4"],
        ["pack.shuffle.mode=none", "pack.strategy=concat"],
        ["pack.shuffle.mode=none", "pack.predict_every_token=true"],
        ["pack.strategy=padded", "pack.overflow=truncate"],
        ["pack.strategy=first_fit", "pack.overflow=drop"],
    ],
)
def test_columns_take_every_way(tmp_path: Path, settings: list[str]) -> None:
    checked(made(tmp_path, *settings))


def test_columns_of_what_is_held_out_are_kept_for_the_next_generation(tmp_path: Path) -> None:
    settings = ["pack.shuffle.mode=block", "pack.shuffle.groups=4"]
    dataset = made(tmp_path, *settings)
    held = dataset.manifest.stages["pack"].held
    assert held
    asked: dict[str, dict[str, Any]] = {name: {} for name in SOURCES}
    run(mixed_recipe_for(tmp_path, asked, *SMALL, *settings, "pack.seq_len=32"))
    again = open_dataset(dataset.objects.root)
    assert again.manifest.stages["pack"].held == held
    assert again.facts()["seq_len"] == 32
    checked(again)


def test_a_source_more_changes_no_partition_that_has_none_of_it(tmp_path: Path) -> None:
    write(tmp_path)
    asked: dict[str, dict[str, Any]] = {name: {} for name in SOURCES}
    run(mixed_recipe_for(tmp_path, asked, *SMALL, root=tmp_path / "learned"), until="learn")
    open_dataset(str(tmp_path / "learned")).vocabulary().save(tmp_path / "tokenizer.json")
    settings = [*SMALL, f"vocabulary={{from: {tmp_path / 'tokenizer.json'}}}", "pack.validation=0"]
    settings += ["pack.shuffle.mode=block", "pack.shuffle.groups=16", "pack.strategy=padded"]
    before = set(run(mixed_recipe_for(tmp_path, asked, *settings)).stages["pack"].units)
    write_jsonl(tmp_path / "more" / "a.jsonl", documents(5, seed=9))
    after = set(run(mixed_recipe_for(tmp_path, asked | {"more": {}}, *settings)).stages["pack"].units)
    assert len(after - before) == len(before - after) == 1
    dataset = open_dataset(str(tmp_path / "out"))
    numbers = {number for row in rows_of(dataset, "train") for number in row["source"]}
    assert [dataset.sources[number] for number in sorted(numbers)] == ["web", "code", "more"]
    verify(dataset)


@pytest.mark.parametrize("mode", ["document", "none"])
def test_columns_of_copies_are_those_of_their_documents(tmp_path: Path, mode: str) -> None:
    asked = {"web": {"epochs": 1}, "code": {"epochs": 2.5}}
    dataset = made(tmp_path, f"pack.shuffle.mode={mode}", "pack.deduplicate=exact", asked=asked)
    checked(dataset)
    copies: dict[int, int] = {}
    for row in rows_of(dataset, "train"):
        for number, offset in zip(row["document"], row["offset"], strict=True):
            copies[number] = copies.get(number, 0) + (offset == 0)
    assert max(copies.values()) == 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made(tmp_path_factory.mktemp("columns"))


def test_the_loader_gives_every_column(dataset: Dataset) -> None:
    loader = dataset.loader(4, seed=5)
    assert loader.schema.equals(dataset.table().schema)
    rows = [row for table in loader for row in table.to_pylist()]
    assert check_rows(rows) > 10


def test_exports_hold_every_column(dataset: Dataset, tmp_path: Path) -> None:
    wanted = [
        {name: values for name, values in row.items() if name != "input_ids"} | {"tokens": row["input_ids"]}
        for row in rows_of(dataset, "train")
    ]
    readers: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
        "hf": lambda folder: datasets.load_from_disk(str(folder)).to_list(),
        "parquet": read_parquet,
        "mds": read_mds,
        "webdataset": read_webdataset,
    }
    for name, read in readers.items():
        said = export(dataset, name, str(tmp_path / name))
        assert said["sources"] == list(SOURCES)
        assert set(said["columns"]) == {"source", "loss_mask", "weight", "quality"}
        found = [{"tokens": row.get("tokens", row.get("input_ids"))} | row for row in read(tmp_path / name)]
        for row in found:
            row.pop("input_ids", None)
            if name == "hf":
                told = zip(row.pop("labels"), row["tokens"], row["loss_mask"], strict=True)
                assert all(label in ((token, -100) if mask else (-100,)) for label, token, mask in told)
        left_out = {"document", "offset"} if name == "mds" else set()
        assert found == [{k: v for k, v in row.items() if k not in left_out} for row in wanted]


def test_whole_documents_are_exported_with_every_column(dataset: Dataset, tmp_path: Path) -> None:
    found = []
    for name in ("parquet", "mds", "webdataset"):
        export(dataset, name, str(tmp_path / name), unit="documents")
        reader = {"parquet": read_parquet, "mds": read_mds, "webdataset": read_webdataset}[name]
        rows = [{k: v for k, v in row.items() if k != "input_ids"} for row in reader(tmp_path / name)]
        assert set(rows[0]) == {"id", "tokens", "source", "loss_mask", "weight", "quality"}
        assert all(len(row["loss_mask"]) == len(row["weight"]) == len(row["tokens"]) for row in rows)
        assert all(dataset.sources[row["source"]] == row["id"].split()[0] for row in rows)
        found.append(rows)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(("name", "unit"), [("megatron", "documents"), ("bin", "rows"), ("npy", "documents")])
def test_a_format_names_the_column_that_it_has_no_place_for(
    dataset: Dataset, tmp_path: Path, name: str, unit: str
) -> None:
    without: list[str] = []
    for column in ("quality", "loss_mask", "weight"):
        with pytest.raises(
            RecipeError, match=r"no place for the column \w+.*--without (quality|loss_mask|weight)\)"
        ):
            export(dataset, name, str(tmp_path / "x"), unit=unit, without=without)
        without.append(column)
    said = export(dataset, name, str(tmp_path / "x"), unit=unit, without=without)
    assert said[unit] > 0
    with pytest.raises(RecipeError, match="no column labels to leave out; there is source, "):
        export(dataset, name, str(tmp_path / "y"), unit=unit, without=["labels"])


def test_columns_are_left_out_where_that_is_asked_for(dataset: Dataset, tmp_path: Path) -> None:
    said = export(dataset, "parquet", str(tmp_path / "x"), without=["weight", "source"])
    assert set(said["columns"]) == {"loss_mask", "quality"}
    assert "sources" not in said
    (row, *_) = read_parquet(tmp_path / "x")
    assert set(row) == {
        *("input_ids", "tokens", "segment_lengths", "document", "offset", "loss_mask", "quality")
    }
    with pytest.raises(RecipeError, match="holds another export"):
        export(dataset, "parquet", str(tmp_path / "x"))


def changed(name: str, where: int) -> Callable[[Rows], Rows]:
    def change(rows: Rows) -> Rows:
        rows[1][name][where] = rows[1][name][where] + 1
        return rows

    return change


@pytest.mark.parametrize("name", ["loss_mask", "weight", "quality", "source"])
def test_a_column_that_is_not_that_of_its_document_is_named(tmp_path: Path, name: str) -> None:
    dataset = made(tmp_path)
    with pytest.raises(CorruptionError, match=r"row 1: the tokens of document -?\d+ are not exactly those"):
        verify(forged(dataset, "pack", changed(name, 0)))


@pytest.mark.parametrize("name", ["loss_mask", "weight"])
def test_padding_of_every_column_is_proved(tmp_path: Path, name: str) -> None:
    dataset = made(tmp_path, "pack.strategy=padded")

    def change(rows: Rows) -> Rows:
        short = next(row for row in rows if sum(row["segment_lengths"]) < 48)
        short[name][-1] = 0
        return rows

    with pytest.raises(CorruptionError, match=r"else than padding \(input_ids 0, loss_mask 3, weight -1\)"):
        verify(forged(dataset, "pack", change))


def test_rows_without_a_column_of_their_shards_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    recipe = mixed_recipe_for(tmp_path, {name: {} for name in SOURCES}, *SMALL)
    run(recipe)
    verify(open_dataset(recipe.root))
    with pytest.raises(CorruptionError, match="has no column loss_mask, quality, weight, token shards have"):
        verify(with_columns(recipe))


def write(folder: Path) -> None:
    for seed, (name, count) in enumerate(SOURCES.items()):
        corpus = [(f"{name} {number}", text) for number, text in documents(count, seed)]
        write_jsonl(folder / name / "a.jsonl", corpus)
