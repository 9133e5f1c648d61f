"""Shuffle `order`: rows go from low values to high ones, mixed within windows, whatever the units and partitions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.exchange import orders

COUNT = 600


def values(count: int = COUNT) -> list[float | None]:
    found = np.random.default_rng(1).random(count).round(4)
    return [None if i % 50 == 49 else float(value) for i, value in enumerate(found)]


def write(folder: Path, scores: list[Any]) -> None:
    (folder / "in").mkdir(exist_ok=True)
    lines = [
        {"id": f"doc {i}", "text": f"document {i} has words " * (1 + i % 9), "quality": score}
        for i, score in enumerate(scores)
    ]
    (folder / "in" / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def recipe(
    folder: Path, *, kind: str = "float64", unit: int = 6000, root: str = "out", **more: Any
) -> Recipe:
    pack = {"seq_len": 32, "file_tokens": 1500, "strategy": "concat"} | more.pop("pack", {})
    shuffle = {"mode": "order", "by": "quality"} | more.pop("shuffle", {})
    columns = [{"name": "quality", "type": kind}]
    return Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": [
                {"name": "web", "paths": [str(folder / "in" / "*")], "id": "id", "columns": columns, **more}
            ],
            "vocabulary": {"size": 300},
            "pack": pack | {"shuffle": shuffle},
            "execution": {"engine": "local", "unit_bytes": unit},
        }
    )


def seen(dataset: Dataset, split: str = "train") -> list[float | None]:
    """The values of the documents in the order in which the stored rows begin them."""
    column, found = dataset.columns["quality"], []
    for batch in dataset.batches(split):
        for row in batch.to_pylist():
            pairs = zip(row["quality"], row["offset"], strict=True)
            found += [column.said(value) for value, offset in pairs if not offset]
    return found


def key(value: float | None) -> float:
    return float("inf") if value is None else value


def test_rows_go_up_and_what_has_no_value_is_last(tmp_path: Path) -> None:
    write(tmp_path, values())
    run(recipe(tmp_path, shuffle={"window": 1}))
    dataset = open_dataset(recipe(tmp_path).root)
    assert len(dataset.manifest.stages["pack"].files) > 5
    assert seen(dataset) == sorted(values(), key=key)
    round_trip(dataset, verify(dataset), sample=3)


def test_rows_go_down(tmp_path: Path) -> None:
    write(tmp_path, values())
    run(asked := recipe(tmp_path, shuffle={"window": 1, "descending": True}))
    known = sorted((v for v in values() if v is not None), reverse=True)
    assert seen(open_dataset(asked.root)) == known + [None] * 12


@pytest.mark.parametrize(
    ("kind", "scores"),
    [("int64", [-(2**40), 3, -3, 10**12, 0]), ("string", ["b", "a", "ü"]), ("bool", [True, False])],
)
def test_other_types_have_an_order_too(tmp_path: Path, kind: str, scores: list[Any]) -> None:
    write(tmp_path, [*(scores * 60), None])
    run(asked := recipe(tmp_path, kind=kind, shuffle={"window": 1}, pack={"file_tokens": 10**6}))
    assert seen(open_dataset(asked.root)) == [*sorted(scores * 60), None]


def test_a_window_mixes_neighbours_and_no_others(tmp_path: Path) -> None:
    write(tmp_path, values())
    found = {}
    for seed in (0, 1):
        run(
            asked := recipe(
                tmp_path, root=f"out{seed}", shuffle={"window": 16, "seed": seed}, pack={"file_tokens": 10**6}
            )
        )
        found[seed] = seen(open_dataset(asked.root))
    assert found[0] != found[1]
    for values_seen in found.values():
        wanted = sorted(values(), key=key)
        assert values_seen != wanted
        for start in range(0, COUNT, 16):
            assert sorted(values_seen[start : start + 16], key=key) == wanted[start : start + 16]


@pytest.mark.parametrize("one_pass", [512, 3])
def test_nothing_depends_on_units_or_on_how_documents_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_pass: int
) -> None:
    monkeypatch.setattr(orders, "ONE_PASS", one_pass)
    write(tmp_path, values())
    tables = []
    for unit in (3000, 10**6):
        run(asked := recipe(tmp_path, root=f"out{unit}", unit=unit, pack={"validation": 0.1}))
        tables.append([row["document"] for row in open_dataset(asked.root).table().to_pylist()])
        verify(open_dataset(asked.root))
    assert tables[0] == tables[1]


def test_equal_values_fill_several_files(tmp_path: Path) -> None:
    write(tmp_path, [0.5] * COUNT)
    run(asked := recipe(tmp_path))
    rows = [file.rows for file in open_dataset(asked.root).manifest.stages["pack"].files]
    assert len(rows) > 5
    assert max(rows) < 3 * min(rows)


@pytest.mark.parametrize("strategy", ["best_fit", "first_fit", "padded"])
def test_rows_of_every_strategy_begin_in_order(tmp_path: Path, strategy: str) -> None:
    write(tmp_path, values())
    run(asked := recipe(tmp_path, shuffle={"window": 1}, pack={"strategy": strategy}))
    dataset = open_dataset(asked.root)
    column = dataset.columns["quality"]
    for file in dataset.manifest.stages["pack"].files:
        assert file.role == "train"
    least = [
        min(key(column.said(value)) for value in row["quality"])
        for batch in dataset.batches()
        for row in batch.to_pylist()
    ]
    assert least == sorted(least)
    verify(dataset)


def test_copies_of_a_mixture_are_in_order_too(tmp_path: Path) -> None:
    write(tmp_path, values())
    run(asked := recipe(tmp_path, shuffle={"window": 1}, epochs=2))
    assert seen(open_dataset(asked.root)) == sorted(values() * 2, key=key)
    verify(open_dataset(asked.root))


def test_an_order_by_no_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"pack.shuffle.by is stars, and no source has a column of this name \(there is quality\)",
    ):
        recipe(tmp_path, shuffle={"by": "stars"})
