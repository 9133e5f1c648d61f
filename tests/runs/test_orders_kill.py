"""Orders by columns, groups and choices: made again after any death, after a change, and after a loss, with the same bytes."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pairloom.operators.errors import StorageError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.repair.repair import repair
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import contents, documents
from tests.support.fates import ONCE, Fate, Killed, fated

GROUP = {"mode": "group", "by": "repo", "then": "number"}
CHOICES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "group": ({}, {"shuffle": GROUP, "strategy": "concat"}),
    "related": ({}, {"shuffle": GROUP, "related": True}),
    "join": ({}, {"shuffle": GROUP, "join": {"separator": "\n--\n", "max_tokens": 100}}),
    "order": ({}, {"shuffle": {"mode": "order", "by": "quality", "window": 8}}),
    "epochs by buckets": ({"epochs": {"by": "quality", "buckets": [[0.6, 3], [0.3, 1]]}}, {}),
    "keep": ({"keep": {"by": "quality", "share": 0.4}}, {}),
    "keep, joined": (
        {"keep": {"by": "quality", "share": 0.6}},
        {"shuffle": GROUP, "join": {}, "strategy": "concat"},
    ),
}
EVERY = 41  # of the storage calls; which of them, each case chooses for itself


def write(folder: Path, name: str, seed: int, count: int = 12) -> None:
    path = folder / "in" / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    records = [
        {
            "id": f"{name} {seed} {i}",
            "text": text[:90],
            "repo": f"r{(seed + i) % 5}",
            "number": -i,
            "quality": i % 10 / 10,
        }
        for i, (_, text) in enumerate(documents(count, seed))
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    os.utime(path, ns=(1, 1_000_000_000 + seed))


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    for i in range(4):
        write(tmp_path, f"{i}", i)
    return tmp_path


def recipe(folder: Path, choice: str, root: str, **more: Any) -> Recipe:
    source, pack = CHOICES[choice]
    columns = [
        {"name": "repo", "type": "hash"},
        {"name": "number", "type": "int32"},
        {"name": "quality", "type": "float32"},
    ]
    return Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": [
                {
                    "name": "some",
                    "paths": [str(folder / "in" / "*")],
                    "id": "id",
                    "columns": columns,
                    **source,
                }
            ],
            "vocabulary": {"size": 264},
            "pack": {"seq_len": 32, "file_tokens": 700, "validation": 0.2, **pack},
            "execution": {"engine": "local", "unit_bytes": 1500},
            **more,
        }
    )


def prove(root: str) -> None:
    dataset = open_dataset(root)
    round_trip(dataset, verify(dataset), sample=100, everything=True)


def struck(
    folder: Path,
    work: Callable[[str, Any], Any],
    whole: dict[str, Any],
    calls: int,
    first: int,
    *,
    before: Path | None = None,
) -> None:
    """Die at every so many storage calls of some work, and go on: the bytes are those of the work that nothing struck."""
    for number, at in enumerate(range(first, calls + 1, EVERY)):
        error: type[BaseException] = Killed if number % 2 else StorageError
        root = folder / f"struck-{at}"
        if before is not None:
            shutil.copytree(before, root)
        with fated(LocalObjects, Fate(at, "after", error)), suppress(error):
            work(root.name, ONCE)
        assert contents(work(root.name, None)) == whole, (at, error)
        shutil.rmtree(root)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_run_may_die_at_any_storage_call(corpus: Path, choice: str) -> None:
    first = 1 + list(CHOICES).index(choice)
    with fated(LocalObjects, plain := Fate(0, "after", Killed)):
        whole = run(recipe(corpus, choice, "whole"))
    prove(str(corpus / "whole"))
    assert whole.stages["pack"].ledger.documents_out > 10
    assert plain.calls > 50
    struck(
        corpus,
        lambda root, executor: run(recipe(corpus, choice, root), executor=executor),
        contents(whole),
        plain.calls,
        first,
    )


@pytest.mark.parametrize("choice", CHOICES)
def test_what_has_changed_is_made_again_as_a_run_from_nothing_would(corpus: Path, choice: str) -> None:
    """One input is another, one is new and one is gone; and the run that sees to that may die too."""
    run(recipe(corpus, choice, "out"))
    write(corpus, "1", 11)
    write(corpus, "9", 9)
    (corpus / "in" / "2.jsonl").unlink()
    shutil.copytree(corpus / "out", corpus / "before")
    with fated(LocalObjects, plain := Fate(0, "after", Killed)):
        made, found = retokenize(recipe(corpus, choice, "out"))
    assert (found.added.inputs, found.changed.inputs, found.removed.inputs, found.same.inputs) == (1, 1, 1, 2)
    prove(str(corpus / "out"))
    (corpus / "tokenizer.json").write_bytes(open_dataset(str(corpus / "out")).vocabulary().to_json())
    fresh = run(recipe(corpus, choice, "fresh", vocabulary={"from": str(corpus / "tokenizer.json")}))
    assert contents(fresh)["pack"] == contents(made)["pack"]
    struck(
        corpus,
        lambda root, executor: retokenize(recipe(corpus, choice, root), executor=executor)[0],
        contents(made),
        plain.calls,
        1 + list(CHOICES).index(choice),
        before=corpus / "before",
    )


@pytest.mark.parametrize("choice", CHOICES)
def test_what_is_lost_is_made_again(corpus: Path, choice: str) -> None:
    root = corpus / "out"
    manifest = run(recipe(corpus, choice, "out"))
    stored = [file.path for stage in ("tokenize", "pack") for file in manifest.stages[stage].files]
    before = {path: (root / path).read_bytes() for path in stored}
    for path in stored[::2]:
        (root / path).unlink()
    assert repair(str(root)).whole
    assert {path: (root / path).read_bytes() for path in stored} == before
    prove(str(root))
