"""No room left: one message that says where, and how much is free; whatever is written (F18)."""

import errno
import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.errors import StorageError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.export import export
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import documents, recipe_for, write_jsonl

LIMIT = 20_000


@contextmanager
def no_larger(size: int) -> Iterator[None]:
    """No file may be larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("call", ["put", "put_if_absent", "create"])
def test_a_full_disk_is_said_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    """(F18)"""
    objects = LocalObjects(str(tmp_path))

    def full(_: int) -> None:
        raise OSError(number, "no room")

    def write() -> None:
        if call == "create":
            with objects.create("a/b") as file:
                file.write(b"1")
        else:
            getattr(objects, call)("a/b", b"1")

    monkeypatch.setattr("os.fsync", full)
    where = rf"cannot write in {tmp_path}/a: .*; [\d,]+ bytes are free there\. Make room"
    with pytest.raises(StorageError, match=where):
        write()
    assert objects.list("") == []


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no memory that is a file system")
def test_memory_that_is_a_file_system_is_as_any_disk() -> None:
    """(F18) a root in /dev/shm: one message with the folder, and the same run goes on with room."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        write_jsonl(folder / "in" / "a.jsonl", documents(400))
        recipe = recipe_for(folder)
        with (
            no_larger(LIMIT),
            pytest.raises(StorageError, match=rf"cannot write in {name}/out/data/.*bytes are free there"),
        ):
            run(recipe)
        run(recipe)
        assert open_dataset(recipe.root).table("train").num_rows


def test_a_run_an_export_and_a_vocabulary_past_the_limit_of_files(tmp_path: Path) -> None:
    """(F18)"""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(400))
    recipe = recipe_for(tmp_path)
    with (
        no_larger(LIMIT),
        pytest.raises(StorageError, match=r"cannot write in .*/out/data/.*bytes are free there"),
    ):
        run(recipe)
    run(recipe)  # the same again, with room
    dataset = open_dataset(recipe.root)
    for kind in ("npy", "mds", "parquet", "webdataset"):
        with no_larger(LIMIT), pytest.raises(StorageError, match=r"cannot write in .*/exported"):
            export(dataset, kind, str(tmp_path / f"exported-{kind}"))
    vocabulary: Vocabulary = dataset.vocabulary()
    with no_larger(2000), pytest.raises(StorageError, match=f"cannot write in {tmp_path}: "):
        vocabulary.save(str(tmp_path / "tokenizer.json"))
