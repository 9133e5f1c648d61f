"""Runs whose root and corpus are in a bucket: the same bytes as on a local folder, on both engines."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from pairloom.jobs.cli import main
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.store import location
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.remote.objects import RemoteObjects
from tests.support.corpora import contents, documents, recipe_for, texts_of, write_jsonl
from tests.support.servers import S3, Proxy, fresh_connections, s3_client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(16))
    return tmp_path


def small(folder: Path, root: str, *settings: str) -> Recipe:
    return recipe_for(folder, "execution.unit_bytes=3000", *settings, f"root={root}")


def test_a_bucket_gets_the_bytes_of_a_folder(folder: Path, s3_root: str) -> None:
    here = run(small(folder, str(folder / "out")))
    there = run(small(folder, s3_root))
    assert contents(there) == contents(here)
    assert run(small(folder, s3_root)) == there
    dataset, local = open_dataset(s3_root), open_dataset(str(folder / "out"))
    assert dataset.table().equals(local.table())
    assert texts_of(dataset) == texts_of(local)
    assert dataset.facts() == local.facts()
    assert all(file.startswith(f"{s3_root}/data/pack/") for file in dataset.files())
    for path in dataset.objects.list(""):
        data = dataset.objects.read(path)
        assert b"SECRETTEST" not in data
        assert b"AKIDTEST" not in data


def test_a_bad_network_changes_no_byte(folder: Path, s3_root: str, faulty: Proxy) -> None:
    here = run(small(folder, str(folder / "out")))
    faulty.at_random(0.1, seed=7)
    there = run(small(folder, s3_root))
    assert sum(faulty.seen.values()) > 10
    faulty.well()
    assert contents(there) == contents(here)
    assert sorted(open_dataset(s3_root).table().to_pylist(), key=str) == sorted(
        open_dataset(str(folder / "out")).table().to_pylist(), key=str
    )


def test_a_corpus_in_a_bucket(folder: Path, s3: S3, s3_root: str) -> None:
    client, name = s3_client(s3.url), s3_root.rpartition("/")[2]
    client.upload_file(str(folder / "in" / "a.jsonl"), s3.bucket, f"{name}/in/a.jsonl")
    corpus = f'corpus=[{{name: lines, paths: ["{s3_root}/in/*.jsonl"], id: id}}]'
    there = run(small(folder, f"{s3_root}/out", corpus))
    here = run(small(folder, str(folder / "out")))
    assert {stage: there.stages[stage].files[0].sha256 for stage in ("learn", "pack")} == {
        stage: here.stages[stage].files[0].sha256 for stage in ("learn", "pack")
    }
    assert there.stages["count"].ledger == here.stages["count"].ledger


def test_the_command_line_takes_a_bucket(
    folder: Path, s3: S3, s3_root: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        json.dumps(small(folder, s3_root).model_dump(mode="json", by_alias=True, exclude_defaults=True))
    )

    def pairloom(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["pairloom", *arguments])
        with suppress(SystemExit):
            main()
        return capsys.readouterr().out

    assert s3_root in pairloom("plan", str(recipe))
    assert f"generation 1 of {s3_root}" in pairloom("run", str(recipe))
    assert "nothing to do" in pairloom("run", str(recipe))
    assert "row 0:" in pairloom("inspect", s3_root, "--rows", "1")
    (file,) = pairloom("files", s3_root, "--split", "train").splitlines()
    data = (
        s3_client(s3.url)
        .get_object(Bucket=s3.bucket, Key=file.removeprefix(f"s3://{s3.bucket}/"))["Body"]
        .read()
    )
    assert pl.read_ipc(data).height == open_dataset(s3_root).table().num_rows


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("s3://AKID:SECRET@bucket/out", r"root s3://\*\*\*@bucket/out has credentials"),
        ("s3://SECRET@bucket/out", "has credentials"),
        ("gs://:SECRET@bucket", "has credentials"),
        ("abfs://container:SECRET@account.dfs.core.windows.net/out", "has credentials"),
        ("az://c@d:SECRET@account/out", "has credentials"),
        ("s3://bucket/out?sig=SECRET", "must not have a query"),
        ("s3://bucket/out#1", "must not have a query or fragment"),
        ("s3://", "must name a bucket"),
        ("s3:///out", "must name a bucket"),
        ("s3://bucket/../out", "must name a bucket"),
        ("simplecache::s3://SECRET:SECRET@bucket/out", "chain of URLs"),
        ("memory://bucket/out", r"cannot write to memory://.*only if it is absent"),
        ("https://user:SECRET@host/out", "cannot write to https://"),
        ("wat://x", "cannot write to wat://"),
    ],
)
def test_roots_that_are_refused(root: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        open_objects(root)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("root", "same"),
    [
        ("s3://bucket//a//b/", "s3://bucket/a/b"),
        ("gs://bucket", "gs://bucket"),
        (
            "abfs://container@account.dfs.core.windows.net/a/",
            "abfs://container@account.dfs.core.windows.net/a",
        ),
        ("az://container/a", "az://container/a"),
    ],
)
def test_roots_that_are_taken(root: str, same: str) -> None:
    assert open_objects(root) == RemoteObjects(same)
    assert open_objects(root).uri("x/y") == f"{same}/x/y"


@pytest.mark.parametrize(
    ("package", "root"), [("s3fs", "s3://b/x"), ("gcsfs", "gs://b/x"), ("adlfs", "az://b/x")]
)
def test_a_missing_package_is_named(package: str, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for protocol in location.EXTRAS:
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, protocol, raising=False)
    for module in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    extra = location.EXTRAS[root.partition(":")[0]]
    with fresh_connections(), pytest.raises(RecipeError, match=rf"pip install 'pairloom\[{extra}\]'"):
        open_objects(root).exists("a")
