"""An export that dies at any storage call shows nothing that is not right, and is completed by the same command."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from pairloom.operators.errors import PairloomError, StorageError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.export import EXPORTERS, export
from pairloom.pipeline.export.target import DONE, STARTED
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.remote.objects import RemoteObjects
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.fates import Fate, Killed, When, fated
from tests.support.servers import Proxy

INDEX = {"train_text_document.idx", "train.idx.npy", "index.json", "dataset_info.json", "state.json", DONE}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("export")
    write_jsonl(folder / "in" / "a.jsonl", documents(20, seed=3))
    recipe = recipe_for(folder, "execution.unit_bytes=2000", "pack.file_tokens=1000", "vocabulary.size=264")
    run(recipe)
    return open_dataset(recipe.root)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


@pytest.mark.parametrize("format_", EXPORTERS.names())
@pytest.mark.parametrize(
    ("error", "when"),
    [(Killed, "after"), (Killed, "within"), (StorageError, "before"), (StorageError, "after")],
)
def test_an_export_may_die_at_every_storage_call(
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    format_: str,
    error: type[BaseException],
    when: When,
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    whole = tmp_path / "whole"
    plain = Fate(0, when, error)
    with fated(LocalObjects, plain):
        export(dataset, format_, str(whole))
    wanted = contents(whole)
    assert plain.calls > 10
    for at, name in enumerate(plain.names, 1):
        if when == "within" and name != "create":
            continue
        out = tmp_path / str(at)
        fate = Fate(at, when, error)
        with fated(LocalObjects, fate), suppress(error, PairloomError):
            export(dataset, format_, str(out))
        left = contents(out)
        for index in INDEX & set(left):  # whoever opens it finds all that it names
            assert left[index] == wanted[index]
            assert all(left.get(path) == data for path, data in wanted.items() if path not in INDEX)
        assert not [path for path, data in left.items() if path in wanted and data != wanted[path]]
        if error is StorageError and DONE not in left and name != "delete":
            assert set(left) <= {STARTED}
        export(dataset, format_, str(out))
        assert contents(out) == wanted
        fate.left.clear()


@pytest.mark.parametrize("error", [Killed, StorageError])
def test_an_export_to_s3_may_die_again_and_again(
    dataset: Dataset, tmp_path: Path, s3_root: str, faulty: Proxy, error: type[BaseException]
) -> None:
    struck = 0
    for format_ in ("megatron", "npy", "hf"):
        here = export(dataset, format_, str(tmp_path / format_))
        for turn in range(100):
            fate = Fate(3 + 7 * turn, "before" if turn % 2 else "after", error)
            try:
                with fated(RemoteObjects, fate):
                    there = export(dataset, format_, f"{s3_root}/{format_}")
            except error:
                struck += 1
                continue
            break
        assert there == here
    assert struck > 3
    faulty.at_random(0.1, seed=5)
    for format_ in ("megatron", "npy", "hf"):  # all files are read again
        assert export(dataset, format_, f"{s3_root}/{format_}") == export(
            dataset, format_, str(tmp_path / format_)
        )
        export(dataset, format_, f"{s3_root}/{format_}-again")
