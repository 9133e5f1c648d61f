"""Garbage collection: what nobody references goes when it is old, what anybody may need stays."""

import json
import os
import sys
from pathlib import Path

import pytest

from pairloom.operators.errors import CorruptionError, RecipeError, StorageError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.flow.events import Doing, Event, StepFinished, StepStarted
from pairloom.pipeline.store.files import attempt_path, check_stored, write_bytes
from pairloom.pipeline.store.gc import Listed, collect, garbage
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import LocalObjects, Objects
from pairloom.pipeline.store.receipts import Receipt, claim, find_receipt
from tests.support.corpora import contents, documents, open_objects_of, recipe_for, write_jsonl

LATER = 4e9  # the year 2096: whatever was written in a test is old by then
DAY = 86_400.0


def check_whole(objects: Objects, manifest: Manifest) -> None:
    for record in manifest.stages.values():
        for stored in (*record.files, *record.rejected):
            check_stored(objects, stored)


def test_garbage_is_old_unreferenced_and_ours() -> None:
    listed = [
        Listed("data/count/ab/old", 10.0),
        Listed("data/count/ab/used", 10.0),
        Listed("data/count/ab/new", 95.0),
        Listed("data/count/ab/just", 90.0),
        Listed("receipts/count/ab/x.json", 10.0),
        Listed("manifests/00000001.json", 10.0),
        Listed("manifests/.latest.123.tmp", 10.0),
        Listed("manifests/latest", 10.0),
        Listed("notes.txt", 10.0),
        Listed("probe/1", 10.0),
    ]
    assert list(garbage(listed, {"data/count/ab/used"}, now=100.0, grace=10.0)) == [
        "data/count/ab/old",
        "receipts/count/ab/x.json",
        "manifests/.latest.123.tmp",
        "probe/1",
    ]


def test_what_killed_attempts_left_goes_and_a_run_after_it_does_nothing(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    (tmp_path / "in" / "b.jsonl").write_text("nonsense\n")
    settings = ["execution.unit_bytes=4000", "max_rejected=1"]
    recipe = recipe_for(tmp_path, *settings)
    manifest = run(recipe)
    objects = open_objects_of(tmp_path / "out")
    orphans = [
        "data/tokenize/ab/ab00-123.tokens.arrow",
        "receipts/count/ab/.ab00.json.123.tmp",
        "manifests/.00000002.json.123.tmp",
        "probe/123",
    ]
    for path in orphans:
        objects.put(path, b"half")
    (tmp_path / "out" / "mine.txt").write_text("not yours")
    before = set(objects.list(""))
    found = collect(objects, now=LATER, grace=DAY)
    assert not found.deleted
    assert set(objects.list("")) == before
    assert set(orphans) <= set(found.garbage)
    assert collect(objects, now=LATER, grace=DAY, delete=True).garbage == found.garbage
    assert set(objects.list("")) == before - set(found.garbage)
    assert (tmp_path / "out" / "mine.txt").exists()
    check_whole(objects, manifest)
    events: list[Event] = []
    assert run(recipe, observe=events.append) == manifest
    assert [event for event in events if not isinstance(event, Doing)] == []
    # Receipts of units stay: a corpus that grows is counted and tokenized only where it grew.
    write_jsonl(tmp_path / "in" / "c.jsonl", documents(20, seed=1))
    run(recipe, observe=events.append)
    counted = next(e for e in events if isinstance(e, StepStarted) and e.step == "count")
    assert counted.reused > 0
    assert collect(objects, now=LATER, grace=DAY, keep=1, delete=True).kept == (2,)
    whole = run(recipe_for(tmp_path, *settings, root=tmp_path / "whole"))
    assert contents(open_dataset(recipe.root).manifest)["pack"] == contents(whole)["pack"]


def test_within_the_grace_nothing_goes(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    recipe = recipe_for(tmp_path)
    run(recipe)
    objects = LocalObjects(str(tmp_path / "out"))
    orphan = attempt_path("count", "ab" * 16, "x")
    objects.put(orphan, b"x")
    now = objects.modified(orphan)
    assert collect(objects, now=now + DAY, grace=DAY + 1, delete=True).garbage == ()
    # A receipt that is young enough keeps its files, though they are older.
    stored = write_bytes(objects, attempt_path("count", "cd" * 16, "x"), b"data", role="words")
    claim(objects, Receipt(stage="count", unit="cd" * 16, files=(stored,)))
    os.utime(objects.uri(stored.path), (1, 1))
    assert stored.path not in collect(objects, now=now + 10, grace=DAY, delete=True).garbage
    check_stored(objects, stored)
    found = collect(objects, now=LATER, grace=DAY, delete=True).garbage
    assert {stored.path, orphan} <= set(found)
    assert found.index(f"receipts/count/cd/{'cd' * 16}.json") < found.index(stored.path)
    assert find_receipt(objects, "count", "cd" * 16) is None


def test_old_generations_go_when_asked(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    manifests = [run(recipe_for(tmp_path, f"pack.seq_len={length}")) for length in (16, 32, 64)]
    objects = open_objects_of(tmp_path / "out")
    collect(objects, now=LATER, grace=DAY, delete=True)
    for manifest in manifests:
        check_whole(objects, manifest)
    found = collect(objects, now=LATER, grace=DAY, keep=2, delete=True)
    assert found.kept == (2, 3)
    assert {file.path for file in manifests[0].stages["pack"].files} <= set(found.garbage)
    for manifest in manifests[1:]:
        check_whole(objects, manifest)
    with pytest.raises(
        RecipeError, match=r"generation 1 .* was garbage collected; the first that is kept is 2"
    ):
        open_dataset(str(tmp_path / "out"), 1)
    assert collect(objects, now=LATER, grace=DAY, delete=True).garbage == ()
    objects.delete("manifests/latest")
    assert open_dataset(str(tmp_path / "out")).manifest == manifests[2]
    assert run(recipe_for(tmp_path, "pack.seq_len=16")).generation == 4


def test_shuffled_scratch_of_a_run_killed_after_its_commit_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["pairloom.pipeline.flow.run"], "discard_all", killed)
    with pytest.raises(KeyboardInterrupt):
        run(recipe_for(tmp_path))
    objects = open_objects_of(tmp_path / "out")
    assert objects.list("data/exchange")
    collect(objects, now=LATER, grace=DAY, delete=True)
    assert objects.list("data/exchange") == objects.list("receipts/exchange") == []
    check_whole(objects, open_dataset(str(tmp_path / "out")).manifest)


def test_a_run_does_not_commit_what_was_taken_from_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    first = run(recipe_for(tmp_path, "pack.seq_len=32"))
    write_jsonl(tmp_path / "in" / "b.jsonl", documents(50, seed=1))
    recipe = recipe_for(tmp_path)
    objects = open_objects_of(tmp_path / "out")

    def careless(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == "pack":
            collect(objects, now=LATER, grace=0.0, delete=True)

    with pytest.raises(StorageError, match="was garbage collected with a grace period shorter than the run"):
        run(recipe, observe=careless)
    assert open_dataset(recipe.root).manifest == first
    check_whole(objects, first)
    check_whole(objects, run(recipe))


def test_damage_stops_the_collection(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    with pytest.raises(RecipeError, match="nothing is committed"):
        collect(open_objects_of(tmp_path / "out"), now=LATER, grace=DAY, delete=True)
    manifest = run(recipe_for(tmp_path))
    objects = open_objects_of(tmp_path / "out")
    before = objects.list("")
    unit = manifest.stages["tokenize"].units[0]
    objects.put(f"receipts/tokenize/{unit[:2]}/{unit}.json", json.dumps({"no": "receipt"}).encode())
    with pytest.raises(CorruptionError, match="is no receipt"):
        collect(objects, now=LATER, grace=DAY, keep=1, delete=True)
    assert objects.list("") == before
