"""Repairing a root: whatever of a generation is lost is made again, the same bytes, or it is said why not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pairloom as pl
from pairloom.jobs.cli import app
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.export import export
from pairloom.pipeline.repair.repair import repair
from pairloom.pipeline.store.gc import collect
from pairloom.pipeline.store.location import open_objects
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.repairs import (
    RECIPES,
    UNITS,
    flip,
    lose_everything,
    made,
    plain,
    snapshot,
    superwords,
    without_seconds,
)


@pytest.mark.parametrize("make", RECIPES, ids=lambda make: make.__name__)
def test_every_file_of_a_root_is_made_again(tmp_path: Path, make: Callable[[Path], Recipe]) -> None:
    """R3: one after another is lost or damaged, and is the same bytes after a repair."""
    recipe = make(tmp_path)
    run(recipe)
    root = Path(recipe.root)
    whole = snapshot(root)
    for number, path in enumerate(path for path in whole if path.startswith("data/")):
        harm: Callable[[Path], None] = (Path.unlink, flip)[number % 2]
        harm(root / path)
        found = repair(recipe.root)
        assert [Path(uri) for uri in made(found)] == [root / path], path
        assert found.whole
        assert snapshot(root) == whole
    pl.verify(recipe.root)


@pytest.mark.parametrize("make", RECIPES, ids=lambda make: make.__name__)
def test_all_that_is_lost_at_once_is_made_again(tmp_path: Path, make: Callable[[Path], Recipe]) -> None:
    """R3: with nothing but manifest and corpus left, all the rest."""
    recipe = make(tmp_path)
    manifest = run(recipe)
    root = Path(recipe.root)
    whole = snapshot(root)
    shutil.rmtree(root / "data")
    shutil.rmtree(root / "receipts")
    found = repair(recipe.root)
    assert found.whole
    stored = {file.path for record in manifest.stages.values() for file in record.stored}
    now = snapshot(root)
    assert {path: now[path] for path in stored} == {path: whole[path] for path in stored}
    pl.verify(recipe.root)
    assert repair(recipe.root).mended == ()
    assert run(recipe) == manifest


@pytest.mark.ray
def test_on_ray_the_same_bytes_are_made(tmp_path: Path) -> None:
    """R3: whoever does the work, and whatever made the root."""
    recipe = superwords(tmp_path)
    run(recipe)
    root = Path(recipe.root)
    whole = snapshot(root)
    for path in root.glob("data/*/*/*"):
        path.unlink()
    done = CliRunner().invoke(app, ["repair", recipe.root, "--engine", "ray"])
    assert done.exit_code == 0, done.output
    now = snapshot(root)
    assert {path: now[path] for path in now if path.startswith("data/")}.items() <= whole.items()
    pl.verify(recipe.root)


def test_what_was_exported_is_exported_again(tmp_path: Path) -> None:
    """R3: exports within the root are left alone, and those of a root that was repaired are the same bytes."""
    recipe = plain(tmp_path)
    run(recipe)
    root = Path(recipe.root)

    def exported(name: str) -> dict[str, bytes]:
        for unit in ("rows", "documents"):
            export(open_dataset(recipe.root), "parquet", str(root / name / unit), unit=unit)
        files = sorted((root / name).rglob("*.parquet"))
        return {str(path.relative_to(root / name)): path.read_bytes() for path in files}

    before = exported("first")
    lose_everything(root)
    with pytest.raises(CorruptionError, match=r"is missing.*pairloom repair"):
        exported("lost")
    assert repair(recipe.root).whole
    assert exported("second") == before
    assert {p.name for p in (root / "first" / "rows").iterdir()} == {
        p.name for p in (root / "second" / "rows").iterdir()
    }


def test_receipts_are_made_again(tmp_path: Path) -> None:
    """R3."""
    recipe = plain(tmp_path)
    run(recipe)
    root = Path(recipe.root)
    whole = snapshot(root)
    for number, path in enumerate(path for path in whole if path.startswith("receipts/")):
        step = path.split("/")[1]
        if step not in open_dataset(recipe.root).manifest.stages:
            continue
        if number % 2:
            (root / path).unlink()
        else:
            (root / path).write_bytes(b"{}")
        found = repair(recipe.root)
        assert [Path(uri) for uri in made(found)] == [root / path]
        again = without_seconds((root / path).read_bytes())
        before = without_seconds(whole[path])
        if step != "count":  # whose own files no manifest names
            assert again == before
    pl.verify(recipe.root)


def test_what_has_no_input_any_more_is_said(tmp_path: Path) -> None:
    """R3."""
    recipe = plain(tmp_path)
    manifest = run(recipe)
    root = Path(recipe.root)
    shard, packed = manifest.stages["tokenize"].files[0].path, manifest.stages["pack"].files[0].path
    kept = (root / shard).read_bytes()
    for path in (shard, packed):
        (root / path).unlink()
    (tmp_path / "in" / "a.jsonl").rename(tmp_path / "a.jsonl")
    found = repair(recipe.root)
    assert not found.whole
    reasons = {one.uri: one.why for one in found.mended}
    assert "a.jsonl" in reasons[str(root / shard)]
    assert str(root / shard) in reasons[str(root / packed)]
    # Rows need no corpus, only shards.
    (root / shard).write_bytes(kept)
    assert made(repair(recipe.root)) == [str(root / packed)]
    # With other text the bytes are others, and nothing is put in place.
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(150, seed=9))
    (root / shard).unlink()
    found = repair(recipe.root)
    assert not found.whole
    assert not (root / shard).exists()
    # The same text again, of another date.
    shutil.copy(tmp_path / "a.jsonl", tmp_path / "in" / "a.jsonl")
    assert made(repair(recipe.root)) == [str(root / shard)]
    assert (root / shard).read_bytes() == kept


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """R3."""
    recipe = plain(tmp_path)
    manifest = run(recipe)
    root = Path(recipe.root)
    (root / manifest.stages["pack"].files[0].path).unlink()
    (root / "manifests" / "latest").write_text("7")
    before = snapshot(root)
    found = repair(recipe.root, dry_run=True)
    assert [one.result for one in found.mended] == ["to be made", "to be made"]
    assert snapshot(root) == before


def test_a_root_that_garbage_was_collected_from_is_whole(tmp_path: Path) -> None:
    """R3: what it keeps is said by a pointer that holds, and a repair leaves it as it is."""
    recipe = plain(tmp_path)
    run(recipe)
    run(recipe_for(tmp_path, UNITS, "max_rejected=1", "pack.seq_len=32"))
    collect(open_objects(recipe.root), keep=1, grace=0.0, now=4e9, delete=True)
    root = Path(recipe.root)
    before = snapshot(root)
    assert repair(recipe.root).mended == ()
    assert snapshot(root) == before
    (root / "manifests" / "kept").write_text("garbage")
    assert made(repair(recipe.root)) == [str(root / "manifests" / "kept")]
    assert snapshot(root) == before


def test_pointers_and_logs(tmp_path: Path) -> None:
    """R3: a hint is written anew, a manifest that is damaged makes room for a run that commits it again."""
    recipe = plain(tmp_path)
    manifest = run(recipe)
    root = Path(recipe.root)
    (root / "manifests" / "latest").unlink()
    assert made(repair(recipe.root)) == [str(root / "manifests" / "latest")]
    (root / "manifests" / "kept").write_text("garbage")
    assert made(repair(recipe.root)) == [str(root / "manifests" / "kept")]
    (root / "log").mkdir(exist_ok=True)
    (root / "log" / "x.json").write_text("{")
    assert [one.result for one in repair(recipe.root).mended] == ["set aside"]
    second = run(recipe_for(tmp_path, UNITS, "max_rejected=1", "pack.seq_len=32"))
    flip(root / "manifests" / "00000002.json")
    with pytest.raises(CorruptionError, match="pairloom repair"):
        open_dataset(recipe.root)
    found = repair(recipe.root)
    assert found.generation == manifest.generation
    assert [one.result for one in found.mended] == ["not made", "made"]
    again = run(recipe_for(tmp_path, UNITS, "max_rejected=1", "pack.seq_len=32"))
    assert {name: record.units for name, record in again.stages.items()} == {
        name: record.units for name, record in second.stages.items()
    }


def test_the_command(tmp_path: Path) -> None:
    """R3."""
    recipe = plain(tmp_path)
    manifest = run(recipe)
    root = Path(recipe.root)
    lost = root / manifest.stages["pack"].files[0].path
    runner = CliRunner()
    lost.unlink()
    with pytest.raises(CorruptionError, match=r"is missing.*pairloom repair"):
        pl.verify(recipe.root)
    told = json.loads(runner.invoke(app, ["repair", recipe.root, "--dry-run", "--json"]).stdout)
    assert [one["result"] for one in told["mended"]] == ["to be made"]
    done = runner.invoke(app, ["repair", recipe.root, "--engine", "local"])
    assert done.exit_code == 0
    assert f"made: {lost}" in done.stdout
    shutil.rmtree(tmp_path / "in")
    (root / manifest.stages["tokenize"].files[0].path).unlink()
    assert runner.invoke(app, ["repair", recipe.root]).exit_code == 1
    with pytest.raises(RecipeError, match="no generation 7"):
        repair(recipe.root, generation=7)


def test_a_root_in_a_bucket(tmp_path: Path, s3_root: str) -> None:
    """R3."""
    recipe = plain(tmp_path).model_copy(update={"root": s3_root})
    manifest = run(recipe)
    objects = open_objects(s3_root)
    lost = {
        file.path: objects.read(file.path)
        for name in ("count", "learn", "tokenize", "pack")
        for file in manifest.stages[name].files[:2]
    }
    for number, (path, data) in enumerate(lost.items()):
        objects.delete(path)
        if number % 2:
            objects.put(path, data[:-3])
    assert sorted(made(repair(s3_root))) == sorted(objects.uri(path) for path in lost)
    assert {path: objects.read(path) for path in lost} == lost
    pl.verify(s3_root)
