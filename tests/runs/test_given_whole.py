"""The whole life of tokens that are given: dedup, mixture, shuffles, exports, loader, new inputs, deaths, damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.export import export
from pairloom.pipeline.export.folder import export_folder
from pairloom.pipeline.export.given_vocabulary import VocabularyExport
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.repair.repair import repair
from tests.runs.test_given_tokens import documents, proved, recipe, segments, write_parquet


def corpus(folder: Path, **keys: Any) -> Recipe:
    """Codes in several files, some of them twice, with masks."""
    for part in range(4):
        ids = documents(40, 900, seed=part % 3)
        mask = [[i % 2 for i in one] for one in ids]
        path = folder / "in" / f"{part}.parquet"
        if not path.exists():
            write_parquet(path, ids=ids, loss_mask=mask)
    source = {
        "name": "codes",
        "paths": [str(folder / "in" / "*.parquet")],
        "given": {"tokens": "ids", "columns": ["loss_mask"]},
        **keys.pop("source", {}),
    }
    pack = {"seq_len": 64, "deduplicate": "exact", **keys.pop("pack", {})}
    return recipe(folder, source, vocabulary={"size": 900}, pack=pack, **keys)


@pytest.mark.parametrize(
    "pack",
    [
        {"shuffle": "block"},
        {"shuffle": "none", "strategy": "concat", "predict_every_token": True},
        {"strategy": "buckets", "overflow": "truncate"},
        {"strategy": "padded", "overflow": "drop", "validation": 0.2},
    ],
)
def test_every_way_to_pack_keeps_ids_and_masks_together(tmp_path: Path, pack: dict[str, Any]) -> None:
    made = corpus(tmp_path, pack=pack, source={"epochs": "3/2"})
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    for one in segments(dataset, "input_ids", "loss_mask"):
        assert one["loss_mask"] == [1 if i == 900 else i % 2 for i in one["input_ids"]]


def test_units_of_any_size_give_the_same_rows(tmp_path: Path) -> None:
    one = corpus(tmp_path)
    run(one)
    other = corpus(tmp_path, execution={"engine": "local", "unit_bytes": 10**9})
    other = Recipe.model_validate(
        other.model_dump(mode="json", by_alias=True) | {"root": str(tmp_path / "other")}
    )
    run(other)
    assert open_dataset(one.root).table("train").equals(open_dataset(other.root).table("train"))


def test_loader_and_exports_have_the_same_ids(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    run(made)
    dataset = open_dataset(made.root)
    rows = dataset.table("train")
    ids = np.stack([np.asarray(row) for row in rows["input_ids"].to_pylist()])
    loaded = np.concatenate([np.asarray(batch["input_ids"].to_pylist()) for batch in dataset.loader(7)])
    assert sorted(map(tuple, loaded.tolist())) == sorted(map(tuple, ids.tolist()))
    export(dataset, "parquet", str(tmp_path / "parquet"), unit="rows")
    files = sorted((tmp_path / "parquet").rglob("*.parquet"))
    found = pa.concat_tables([pq.read_table(file) for file in files])
    assert found["input_ids"].to_pylist() == ids.tolist()
    assert found["loss_mask"].to_pylist() == rows["loss_mask"].to_pylist()


def test_new_inputs_are_read_and_others_are_not_read_again(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    run(made)
    write_parquet(tmp_path / "in" / "9.parquet", ids=[[1, 2, 3]], loss_mask=[[1, 0, 1]])
    retokenize(corpus(tmp_path))
    dataset = open_dataset(made.root)
    proved(dataset)
    assert {"input_ids": [1, 2, 3, 900], "loss_mask": [1, 0, 1, 1]} in segments(
        dataset, "input_ids", "loss_mask"
    )


def test_a_damaged_shard_is_found_and_made_again(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    run(made)
    (shard, *_) = sorted(Path(made.root).rglob("*.tokens.arrow"))
    whole = shard.read_bytes()
    shard.write_bytes(
        whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :]
    )
    with pytest.raises(CorruptionError):
        proved(open_dataset(made.root))
    repair(made.root)
    proved(open_dataset(made.root))


def test_the_vocabulary_of_ids_is_exported_as_a_folder(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    run(made)
    vocabulary = open_dataset(made.root).vocabulary()
    asked = VocabularyExport(vocabulary=vocabulary, roles={"eos": "<|endoftext|>"}, sample=["5 7 899"])
    said = export_folder(asked, str(tmp_path / "folder"))
    assert said["n_vocab"] == 901
    assert Vocabulary.load(tmp_path / "folder") == vocabulary
