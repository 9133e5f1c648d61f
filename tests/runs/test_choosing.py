"""The best share of a source's documents, and epochs by value: exact, whatever the shards, and proved."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairloom.operators.selection.order import in_validation
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export import export
from pairloom.pipeline.recipe import Recipe
from tests.support.command import Command
from tests.support.exports import read_parquet

COUNT = 400


def scores(kind: str) -> list[float | None]:
    rng = np.random.default_rng(3)
    found: dict[str, list[float | None]] = {
        "spread": [float(v) for v in rng.normal(size=COUNT)],
        "few": [float(v) for v in rng.integers(0, 4, COUNT) / 4],
        "one": [0.5] * COUNT,
        "missing": [None if i % 3 else float(v) for i, v in enumerate(rng.random(COUNT))],
    }
    return found[kind]


def write(folder: Path, values: list[float | None], *, twice: bool = False) -> None:
    (folder / "in").mkdir(exist_ok=True)
    lines = [
        {
            "id": f"doc {i}",
            "text": f"document {i // 2 if twice else i} says {'words ' * (i // 2 % 7)}",
            "quality": value,
        }
        for i, value in enumerate(values)
    ]
    (folder / "in" / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def recipe(
    folder: Path, source: dict[str, Any], *, unit: int = 4000, root: str = "out", **pack: Any
) -> Recipe:
    columns = [{"name": "quality", "type": "float64"}]
    web = {"name": "web", "paths": [str(folder / "in" / "*")], "id": "id", "columns": columns} | source
    return Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": [web],
            "vocabulary": {"size": 300},
            "pack": {"seq_len": 32, "file_tokens": 1000, "validation": 0.1} | pack,
            "execution": {"engine": "local", "unit_bytes": unit},
        }
    )


def taken(dataset: Dataset, split: str = "train") -> Counter[str]:
    """How often each document begins in rows, by its id."""
    from pairloom.jobs.show.rows import _ids_of

    numbers: Counter[int] = Counter()
    for batch in dataset.batches(split):
        for row in batch.to_pylist():
            numbers.update(n for n, offset in zip(row["document"], row["offset"], strict=True) if not offset)
    ids = _ids_of(dataset, set(numbers))
    return Counter({ids[number]: count for number, count in numbers.items()})


def for_training(values: list[float | None]) -> dict[str, float | None]:
    import pyarrow as pa

    ids = [f"doc {i}" for i in range(len(values))]
    held = in_validation(pa.array(ids), 0.1)
    return {name: value for name, value, out in zip(ids, values, held, strict=True) if not out}


@pytest.mark.parametrize("kind", ["spread", "few", "one", "missing"])
@pytest.mark.parametrize("share", ["0.2", "1/3", "1"])
def test_the_best_share_is_kept_exactly(tmp_path: Path, kind: str, share: str) -> None:
    values = scores(kind)
    write(tmp_path, values)
    run(asked := recipe(tmp_path, {"keep": {"by": "quality", "share": share}}))
    dataset = open_dataset(asked.root)
    there = for_training(values)
    (source,) = dataset.manifest.stages["pack"].sources
    part = {"0.2": 0.2, "1/3": 1 / 3, "1": 1}[share]
    wanted = int(np.ceil(len(there) * part - 1e-9))
    found = taken(dataset)
    assert set(found.values()) == {1}
    assert len(found) == wanted == source.delivered_documents
    known = {name: -np.inf if value is None else value for name, value in there.items()}
    assert min(known[name] for name in found) >= max(
        (known[name] for name in known.keys() - found.keys()), default=-np.inf
    )
    assert source.chosen is not None
    assert source.chosen.tokens == source.delivered_tokens
    assert len(taken(dataset, "validation")) == COUNT - len(there)
    round_trip(dataset, verify(dataset), sample=3)


def test_shards_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, scores("few"))
    found = []
    for unit in (1500, 10**6):
        run(
            asked := recipe(tmp_path, {"keep": {"by": "quality", "share": 0.3}}, unit=unit, root=f"out{unit}")
        )
        found.append(open_dataset(asked.root))
    assert taken(found[0]) == taken(found[1])
    assert found[0].manifest.stages["pack"].sources == found[1].manifest.stages["pack"].sources


def test_duplicates_are_no_candidates(tmp_path: Path) -> None:
    write(tmp_path, values := scores("spread"), twice=True)
    run(asked := recipe(tmp_path, {"keep": {"by": "quality", "share": 0.5}}, deduplicate="exact"))
    dataset = open_dataset(asked.root)
    (source,) = dataset.manifest.stages["pack"].sources
    assert source.duplicate_documents > 100
    assert source.delivered_documents == -(-source.train_documents // 2)
    assert len(taken(dataset)) == source.delivered_documents
    verify(dataset)
    assert values


def test_what_is_kept_is_mixed(tmp_path: Path) -> None:
    write(tmp_path, scores("spread"))
    run(asked := recipe(tmp_path, {"keep": {"by": "quality", "share": 0.25}, "epochs": 2}))
    dataset = open_dataset(asked.root)
    assert set(taken(dataset).values()) == {2}
    verify(dataset)


@pytest.mark.parametrize("mode", ["none", "block", "document"])
def test_every_order_takes_what_is_kept(tmp_path: Path, mode: str) -> None:
    write(tmp_path, scores("spread"))
    run(asked := recipe(tmp_path, {"keep": {"by": "quality", "share": 0.25}}, shuffle=mode))
    dataset = open_dataset(asked.root)
    assert len(taken(dataset)) == -(-len(for_training(scores("spread"))) // 4)
    verify(dataset)


def test_epochs_go_by_value(tmp_path: Path) -> None:
    values = scores("missing")
    write(tmp_path, values)
    buckets = [[0.9, 4], [0.5, 1], [0.25, "1/2"]]
    run(asked := recipe(tmp_path, {"epochs": {"by": "quality", "buckets": buckets}}))
    dataset = open_dataset(asked.root)
    found, halves = taken(dataset), []
    for name, value in for_training(values).items():
        if value is not None and 0.25 <= value < 0.5:
            halves.append(found[name])
        else:
            assert found[name] == (0 if value is None or value < 0.25 else 4 if value >= 0.9 else 1)
    assert set(halves) == {0, 1}
    (source,) = dataset.manifest.stages["pack"].sources
    assert source.delivered_documents == found.total()
    round_trip(dataset, verify(dataset), sample=3)
    export(dataset, "parquet", str(tmp_path / "x"), unit="documents")
    assert Counter(row["id"] for row in read_parquet(tmp_path / "x")) == +found


def test_the_summary_has_both_shares(tmp_path: Path, pairloom: Command) -> None:
    write(tmp_path, [float(i // 2 % 7) for i in range(COUNT)])
    asked = recipe(tmp_path, {"keep": {"by": "quality", "share": 0.2}})
    (tmp_path / "r.json").write_text(asked.model_dump_json(by_alias=True))
    code, out, err = pairloom("run", tmp_path / "r.json")
    assert code == 0
    assert "of web, by quality: 20.1% of its documents for training, 26.0% of their tokens" in out + err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {"keep": {"by": "stars", "share": 0.2}},
            "keep.by is stars, which is none of its columns that are numbers",
        ),
        ({"keep": {"by": "quality", "share": 2}}, "share is 2, and all documents are 1"),
        (
            {"epochs": {"by": "stars", "buckets": [[1, 1]]}},
            "epochs.by is stars, which is none of its columns",
        ),
        ({"epochs": {"by": "quality", "buckets": [[0.5, 1], [0.9, 4]]}}, "from the highest value down"),
        ({"epochs": {"by": "quality", "buckets": []}}, "at least 1"),
        (
            {"keep": {"by": "quality", "share": 0.2}, "epochs": {"by": "quality", "buckets": [[1, 1]]}},
            "names keep, and epochs by quality",
        ),
    ],
)
def test_rules_that_cannot_be_are_refused(tmp_path: Path, source: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(tmp_path, source)


def test_epochs_by_a_column_need_an_order(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose another shuffle than none"):
        recipe(tmp_path, {"epochs": {"by": "quality", "buckets": [[0.5, 1]]}}, shuffle="none")
