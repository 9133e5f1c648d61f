"""The step `cdas` (C06): what is kept is what the function of all scores keeps, whatever the units."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.selection.cdas import cdas
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline import Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from tests.runs.test_id_lists import ids_in

COUNT, SCORED = 240, 200


def scores() -> dict[str, Any]:
    draw = np.random.default_rng(7)
    centres = np.repeat(np.arange(4), SCORED // 4)[:, None] * 50.0
    return {
        "id": [f"d{i}" for i in range(SCORED)],
        "ifd": draw.uniform(0.2, 1.2, SCORED).round(4).tolist(),
        "embedding": (draw.normal(size=(SCORED, 5)) + centres).round(4).tolist(),
    }


def write(folder: Path, given: dict[str, Any], kind: str = "parquet") -> Path:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "a.jsonl").write_text(
        "".join(
            json.dumps({"id": f"d{i}", "text": f"question {i} and its answer"}) + "\n" for i in range(COUNT)
        )
    )
    path = folder / f"scores.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(given), path, row_group_size=33)
    else:
        rows = [dict(zip(given, values, strict=True)) for values in zip(*given.values(), strict=True)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def recipe(folder: Path, path: Path, *settings: str, **keys: Any) -> Recipe:
    text = {
        "root": str(folder / "out"),
        "corpus": {
            "name": "tuning",
            "paths": f"{folder}/in/*",
            "id": "id",
            "steps": [{"cdas": {"scores": str(path), "clusters": 4, **keys}}],
        },
        "vocabulary": {"size": 300},
        "pack": {"seq_len": 128},
        "execution": {"engine": "local"},
    }
    return parse_recipe(json.dumps(text), overrides=settings)


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_what_is_kept_is_what_all_scores_say(tmp_path: Path, kind: str) -> None:
    """(C06)"""
    given = scores()
    made = recipe(tmp_path, write(tmp_path, given, kind), "execution.unit_bytes=2000")
    manifest = run(made)
    order = np.argsort(document_numbers(pa.array(given["id"], pa.large_string())))
    ifd, points = np.array(given["ifd"]), np.array(given["embedding"])
    chosen = cdas(points[order], ifd[order], clusters=4)
    kept = {given["id"][int(order[i])] for i in chosen.kept}
    assert set(ids_in(made)) == kept
    assert len(kept) == sum(int(0.4 * (chosen.cluster == k).sum()) for k in range(4))
    usable = int((ifd < 1).sum())
    assert manifest.stages["tokenize"].ledger.filtered == {
        "cdas: no scores": COUNT - SCORED,
        "cdas: ifd of 1 or more": SCORED - usable,
        "cdas: lower ifd": usable - len(kept),
    }
    dataset = open_dataset(made.root)
    round_trip(dataset, verify(dataset), sample=9)
    other = recipe(
        tmp_path, tmp_path / f"scores.{kind}", "execution.unit_bytes=100000", f"root={tmp_path / 'other'}"
    )
    run(other)
    assert open_dataset(other.root).table().equals(dataset.table())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda given: given["embedding"].__setitem__(3, [1.0]), "different lengths"),
        (lambda given: given["embedding"].__setitem__(3, None), "1 nulls: leave out entries without a list"),
        (lambda given: given["ifd"].__setitem__(3, None), "1 nulls: leave out entries without a number"),
        (lambda given: [column.clear() for column in given.values()], "has no scores: name the table"),
        (lambda given: given["ifd"].__setitem__(3, float("nan")), "not finite"),
        (lambda given: given.pop("embedding"), "embedding"),
        (lambda given: given.update(embedding=given["ifd"]), "no lists of numbers"),
    ],
)
def test_scores_that_are_none_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    given = scores()
    change(given)
    with pytest.raises(DataError, match=said):
        run(recipe(tmp_path, write(tmp_path, given)))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"share": 0}, "share"),
        ({"clusters": 0}, "clusters"),
        ({"scores": ""}, "scores"),
        ({"seed": -1}, "seed"),
    ],
)
def test_keys_that_cannot_be(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(tmp_path, tmp_path / "s.parquet", **keys)
