"""Folders that `datasets` has saved, as inputs."""

import json
import shutil
from pathlib import Path

import datasets
import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.recipe import CorpusSource


def listed(path: object, **keys: object) -> list[str]:
    source = CorpusSource.model_validate({"name": "some", "paths": [str(path)], **keys})
    return [
        Path(file.uri.removeprefix("file://")).relative_to(str(path)).as_posix()
        for file in list_inputs(source)
    ]


@pytest.fixture
def texts() -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": [f"text {i}" for i in range(10)], "n": list(range(10))})


def test_a_dataset_is_its_files_and_nothing_else(tmp_path: Path, texts: datasets.Dataset) -> None:
    texts.save_to_disk(tmp_path / "saved", num_shards=3)
    (tmp_path / "saved" / "cache-1.arrow").write_bytes(b"of a map")
    names = [f"data-0000{i}-of-00003.arrow" for i in range(3)]
    assert listed(tmp_path / "saved") == names
    assert listed(tmp_path / "saved", exclude=["data-00001-*"]) == [names[0], names[2]]


def test_all_splits_or_one(tmp_path: Path, texts: datasets.Dataset) -> None:
    datasets.DatasetDict({"train": texts, "test": texts.select(range(2))}).save_to_disk(tmp_path / "saved")
    one = "data-00000-of-00001.arrow"
    assert listed(tmp_path / "saved") == [f"test/{one}", f"train/{one}"]
    assert listed(tmp_path / "saved" / "train") == [one]


def test_a_selection_of_rows_is_saved_as_these_rows(tmp_path: Path, texts: datasets.Dataset) -> None:
    """`datasets` writes what is selected; where a state names indices beside the data, that is no dataset to read."""
    texts.select([3, 1]).save_to_disk(tmp_path / "saved")
    assert listed(tmp_path / "saved")
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    (tmp_path / "saved" / "state.json").write_text(
        json.dumps(state | {"_indices_files": [{"filename": "indices.arrow"}]})
    )
    with pytest.raises(DataError, match=r"state.json: the dataset is a selection of rows \(_indices_files\)"):
        listed(tmp_path / "saved")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("state.json", "{", "state.json is no JSON"),
        ("state.json", '{"_data_files": []}', "_data_files names no files of this folder; save it again"),
        ("state.json", '{"_data_files": [{"filename": "../x.arrow"}]}', "names no files of this folder"),
        (
            "state.json",
            '{"_data_files": [{"filename": "gone.arrow"}]}',
            "gone.arrow: a saved dataset names this file",
        ),
        ("state.json", '{"_data_files": 3}', "names no files"),
        ("dataset_dict.json", '{"splits": "train"}', "names no splits; save it again"),
        ("dataset_dict.json", '{"splits": ["a"]}', "names the split a, and .*/a/state.json is not there"),
    ],
)
def test_damaged_folders(tmp_path: Path, texts: datasets.Dataset, name: str, content: str, said: str) -> None:
    texts.save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / name).write_text(content)
    with pytest.raises(DataError, match=said):
        listed(tmp_path / "saved")


def test_other_folders_are_still_named_by_their_files(tmp_path: Path, texts: datasets.Dataset) -> None:
    texts.save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").unlink()
    with pytest.raises(RecipeError, match="a folder; name the files in it"):
        listed(tmp_path / "saved")
    shutil.rmtree(tmp_path / "saved")
    with pytest.raises(RecipeError, match="there is no such file"):
        listed(tmp_path / "saved")
