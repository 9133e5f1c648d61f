"""Inputs are what they were when the run began, or it says which is not, and commits nothing."""

import os
from pathlib import Path

import pytest

from pairloom.operators.errors import CorruptionError, DataError
from pairloom.pipeline import run
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted
from pairloom.pipeline.store.manifest import latest_manifest
from pairloom.pipeline.store.receipts import find_receipt
from tests.support.corpora import documents, open_objects_of, recipe_for, write_jsonl


def test_units_of_another_size_are_compared_too(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    run(recipe_for(tmp_path, "execution.unit_bytes=3000"), until="learn")
    manifest = run(recipe_for(tmp_path, "execution.unit_bytes=7000"))
    assert len(manifest.stages["count"].units) > len(manifest.stages["tokenize"].units) > 1
    objects = open_objects_of(tmp_path / "out")
    name = manifest.stages["count"].units[1]
    path = f"receipts/count/{name[:2]}/{name}.json"
    receipt = find_receipt(objects, "count", name)
    assert receipt is not None
    (uri, records), *_ = receipt.slices
    objects.put(path, receipt.model_copy(update={"slices": ((uri, records + 1),)}).model_dump_json().encode())
    again = recipe_for(tmp_path, "execution.unit_bytes=5000", "tokenize.append=[]")
    with pytest.raises(
        CorruptionError, match=r"count read \d+ records of file://.*/a\.jsonl and tokenize \d+"
    ):
        run(again)
    assert latest_manifest(objects) == manifest


@pytest.mark.parametrize("change", ["touched", "longer", "gone"])
def test_an_input_that_changes_during_a_run_is_named(tmp_path: Path, change: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    changing = tmp_path / "in" / "b.jsonl"
    write_jsonl(changing, documents(50, seed=1))

    def meddle(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == "learn":
            if change == "gone":
                changing.unlink()
            else:
                changing.write_bytes(changing.read_bytes() + (b"" if change == "touched" else b"\n"))

    with pytest.raises(DataError, match=r"tokenize: source .*b\.jsonl: changed during the run"):
        run(recipe_for(tmp_path, "execution.unit_bytes=2000"), observe=meddle)
    assert latest_manifest(open_objects_of(tmp_path / "out")) is None


@pytest.mark.parametrize("unit_bytes", [2000, 1_000_000])
def test_an_input_of_the_same_size_and_time_that_is_another_is_named(tmp_path: Path, unit_bytes: int) -> None:
    """(R11)"""
    for name in ("a", "b"):
        write_jsonl(tmp_path / "in" / f"{name}.jsonl", [(f"{name}{i}", "the house " * 9) for i in range(40)])
    changing = tmp_path / "in" / "b.jsonl"
    recipe = recipe_for(tmp_path, f"execution.unit_bytes={unit_bytes}", "vocabulary.size=258")

    def meddle(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == "learn":
            before = changing.stat()
            changing.write_bytes(changing.read_bytes().replace(b"house", b"mouse"))
            os.utime(changing, ns=(before.st_atime_ns, before.st_mtime_ns))

    named = r"b\.jsonl: its text changed between count and tokenize"
    with pytest.raises(DataError, match=named):
        run(recipe, observe=meddle)
    with pytest.raises(DataError, match=named):
        run(recipe)
    assert latest_manifest(open_objects_of(tmp_path / "out")) is None
    changing.touch()
    assert run(recipe).generation == 1


def test_an_input_that_changes_while_it_is_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairloom.pipeline.inputs import storage

    place = tmp_path / "in" / "a.jsonl"
    write_jsonl(place, documents(50))
    real = storage._open

    def opened(uri: str) -> object:
        handle = real(uri)
        if steps[-1:] == ["count"]:
            place.write_bytes(place.read_bytes().upper())
        return handle

    steps: list[str] = []
    monkeypatch.setattr(storage, "_open", opened)

    def watch(event: Event) -> None:
        if isinstance(event, StepStarted):
            steps.append(event.step)

    with pytest.raises(DataError, match=r"a\.jsonl: changed during the run: version"):
        run(recipe_for(tmp_path, "max_rejected=1"), observe=watch)
