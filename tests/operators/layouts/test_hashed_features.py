"""Hashed features: as many collisions as chance gives, independent ones for each seed, the same ids whatever the batch (N15)."""

import json
from pathlib import Path

import numpy as np
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts.hashed_features import HashedFeatures, collisions
from pairloom.operators.schema import columns_of
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from tests.support.corpora import recipe_for

VALUES: dict[str, list[object]] = {
    "lang": [f"l{i}" for i in range(3000)],
    "site": [f"s{i}" for i in range(2000)],
}


def test_collisions_are_those_of_chance_and_others_for_each_seed() -> None:
    step = HashedFeatures(columns_of_documents=("lang", "site"), size=20_000, hashes=2)
    found = collisions(step, VALUES)
    assert found.ids == 10_000
    assert abs(found.within + found.across - found.expected) < 6 * found.expected**0.5
    assert found.within > found.across > 0
    sets = []
    for seed in (0, 1):
        anew = HashedFeatures(columns_of_documents=("lang",), size=20_000, hashes=1, seed=seed)
        ids = [anew.ids("lang", value)[0] for value in VALUES["lang"]]
        counted = np.bincount(ids, minlength=20_000)
        sets.append({value for value, i in zip(VALUES["lang"], ids, strict=True) if counted[i] > 1})
    share = len(sets[0]) / 3000
    assert abs(len(sets[0] & sets[1]) - 3000 * share**2) < 6 * (3000 * share**2) ** 0.5
    assert step.ids("lang", "x") != step.ids("site", "x")


def test_segments_have_the_ids_of_their_values(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "a.jsonl").open("w") as file:
        for i in range(60):
            record = {
                "id": str(i),
                "text": f"text number {i}",
                "score": i % 3,
                **({"lang": f"l{i % 7}"} if i % 5 else {}),
            }
            file.write(json.dumps(record) + "\n")
    keys = "{columns_of_documents: [lang, score], size: 5000, hashes: 3}"
    recipe = recipe_for(
        tmp_path,
        "corpus.0.columns=[lang, {name: score, type: int32}]",
        f"pack.rows=[{{hashed_features: {keys}}}]",
        "execution.unit_bytes=900",
        "pack.validation=0",
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    round_trip(dataset, verify(dataset), sample=60)
    (step,) = recipe.pack.rows
    assert isinstance(step, HashedFeatures)
    table = dataset.table()
    (rows,) = table.combine_chunks().to_batches()
    found = step.built("feature_ids", rows, None)
    assert (found.dtype, found.shape) == (np.uint32, (60, 6))
    langs = dict(zip(range(7), (f"l{i}" for i in range(7)), strict=True))
    meanings = {column.name: column for column in columns_of(rows.schema)}
    given = zip(
        rows.column("lang").flatten().to_pylist(), rows.column("score").flatten().to_pylist(), strict=True
    )
    for ids, (lang, score) in zip(found.tolist(), given, strict=True):
        said = meanings["lang"].said(lang)
        assert said is None or said in langs.values()
        assert ids == step.ids("lang", said) + step.ids("score", score)
    # A batch of other rows has the same ids.
    first = rows.slice(0, 1)
    many = len(first.column("segment_lengths")[0])
    assert step.built("feature_ids", first, None).tolist() == found[:many].tolist()


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"id": "1", "text": "a b"}\n')
    with pytest.raises(RecipeError, match="hashed_features reads the column lang, and documents have source"):
        recipe_for(tmp_path, "pack.rows=[{hashed_features: {columns_of_documents: [lang]}}]")
    recipe = recipe_for(tmp_path, "pack.seq_len=8")
    run(recipe)
    loader = open_dataset(recipe.root).loader(1, steps=[HashedFeatures(columns_of_documents=("lang",))])
    with pytest.raises(RecipeError, match="columns_of_documents must be columns that documents bring"):
        next(iter(loader))
    for keys, message in (
        ({"size": 0}, "size must be from 1"),
        ({"hashes": 0}, "hashes must be from 1 to 64"),
        ({"columns_of_documents": ("a", "a")}, "each once"),
    ):
        with pytest.raises(ValueError, match=message):
            HashedFeatures(**keys)
