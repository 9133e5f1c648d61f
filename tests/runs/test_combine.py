"""Combining word counts before they are merged: the same bytes, fewer requests."""

from pathlib import Path
from typing import Any

import pytest

from pairloom.pipeline import run
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.stages.count import combine
from pairloom.pipeline.stages.count.combine import grouped
from pairloom.pipeline.store.files import StoredFile
from tests.support.corpora import contents, documents, mixed_recipe_for, write_jsonl

SOURCES: dict[str, dict[str, Any]] = {"one": {}, "two": {}, "three": {}}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three sources of two inputs."""
    for number, source in enumerate(SOURCES):
        for i in range(2):
            write_jsonl(tmp_path / source / f"{i}.jsonl", documents(20, 10 * number + i))
    return tmp_path


@pytest.mark.parametrize(
    "vocabulary",
    [
        "{size: 400}",
        "{size: 400, weights: {one: 1/2, two: 0}}",
        "{size: 400, pretokenizer: {scheme: superbpe}, superwords: {transition: 0.9}}",
    ],
)
def test_the_merged_counts_have_the_same_bytes(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, vocabulary: str
) -> None:
    settings = ("execution.unit_bytes=1kB", f"vocabulary={vocabulary}")
    plain = run(mixed_recipe_for(corpus, SOURCES, *settings, root=corpus / "plain"), until="learn")
    monkeypatch.setattr(combine, "COMBINE_FROM", 8)
    monkeypatch.setattr(combine, "COMBINE_FILES", 3)
    seen: list[StepStarted] = []

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            seen.append(event)

    recipe = mixed_recipe_for(corpus, SOURCES, *settings, root=corpus / "combined")
    combined = run(recipe, until="learn", observe=observe)
    assert contents(combined) == contents(plain)
    assert combined.stages["count"].facts == plain.stages["count"].facts
    steps = {event.step: event.units for event in seen}
    assert steps["combine"] >= 3
    assert ("combine pieces" in steps) == ("superwords" in vocabulary)
    left = [
        path
        for path in (corpus / "combined").rglob("*")
        if "combine" in str(path.relative_to(corpus / "combined"))
    ]
    assert [path for path in left if path.is_file()] == []


def test_groups_are_neighbours_that_count_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combine, "COMBINE_BYTES", 100)
    monkeypatch.setattr(combine, "COMBINE_FILES", 3)
    sizes = [10, 10, 10, 10, 99, 2, 200, 1]
    files = [
        StoredFile(path=f"{i}", role="words", bytes=size, sha256="", rows=0) for i, size in enumerate(sizes)
    ]
    factors = [1, 1, 1, 1, 1, 1, 1, 2]
    groups = list(grouped(list(zip(files, factors, strict=True))))
    assert [([file.path for file in group], factor) for group, factor in groups] == [
        (["0", "1", "2"], 1),
        (["3"], 1),
        (["4"], 1),
        (["5"], 1),
        (["6"], 1),
        (["7"], 2),
    ]
