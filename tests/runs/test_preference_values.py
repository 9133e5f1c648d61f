"""Values of tokens through whole runs: in rows, in groups, by units of any size, and after a kill."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.reference import preferences as reference
from pairloom.pipeline import Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export.groups import groups
from tests.support.corpora import contents, rows_of
from tests.support.kills import killed_runs

ANSWERS = ["it is two", "it is three", "it is two plus one", "no", "it is two"]


def sampled(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"s{i}",
            "question": f"Question {i}: what is it?",
            "answers": [f" {answer}, {i % 3}" for answer in ANSWERS[: 2 + i % 4]],
            "correct": [(i + k) % 3 / 2 for k in range(2 + i % 4)],
        }
        for i in range(count)
    ]


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "in").mkdir(parents=True, exist_ok=True)
    (folder / "in" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def recipe(folder: Path, *settings: str, keys: Any = None, **more: Any) -> Recipe:
    keys = keys or {
        "prompt": "question",
        "completions": "answers",
        "rewards": "correct",
        "values": ["value", "advantage"],
    }
    text = {
        "root": str(folder / "out"),
        "corpus": [{"name": "s", "paths": [f"{folder}/in/*"], "id": "id", "preferences": keys, **more}],
        "vocabulary": {"size": 330},
        "pack": {"seq_len": 512},
        "execution": {"engine": "local"},
    }
    return parse_recipe(json.dumps(text), overrides=settings)


def test_rows_and_groups_have_the_values_of_their_tree(tmp_path: Path) -> None:
    """N12, N13: what comes out equals the tree over the tokens behind the prompt."""
    rows = sampled(30)
    write(tmp_path, rows)
    run(recipe(tmp_path))
    dataset = open_dataset(tmp_path / "out")
    found = list(groups(dataset))
    for group, row in zip(found, rows, strict=True):
        assert len(group.completions) == len(row["answers"])
        begins = len(group.prompt_ids)
        wanted = reference.prefix_values(group.completion_ids, row["correct"])
        better = reference.advantages(group.completion_ids, row["correct"])
        deviation = np.std(row["correct"])
        for one, value, advantage in zip(group.completions, wanted, better, strict=True):
            assert not one.columns["value"][:begins].any()
            assert not one.columns["advantage"][:begins].any()
            np.testing.assert_allclose(one.columns["value"][begins:], value, rtol=1e-6)
            np.testing.assert_allclose(
                one.columns["advantage"][begins:], np.array(advantage) / deviation, rtol=1e-5, atol=1e-6
            )
    stored = {one.columns["value"].tobytes() for group in found for one in group.completions}
    packed = set()
    for row in rows_of(dataset):
        at = 0
        for length in row["segment_lengths"]:
            packed.add(np.array(row["value"][at : at + length], np.float32).tobytes())
            at += length
    assert packed == stored
    round_trip(dataset, verify(dataset), sample=9)


PAIRS: dict[str, Any] = {
    "prompt": "question",
    "probabilities": ["p", "q"],
    "critical": True,
    "segments": {"threshold": 0.6, "interval": 2},
}


def pairs(folder: Path, count: int = 12) -> list[dict[str, Any]]:
    """Pairs of texts with as many probabilities as they have tokens by the vocabulary of a first run."""
    rows = [
        {
            "id": f"s{i}",
            "question": f"Question {i}?",
            "chosen": f" it is {i}, yes",
            "rejected": f" it is not {i}",
        }
        for i in range(count)
    ]
    write(folder, rows)
    run(recipe(folder, keys={"prompt": "question"}))
    rng = np.random.default_rng(1)
    for group, row in zip(groups(open_dataset(folder / "out")), rows, strict=True):
        for key, one in zip("pq", group.completions, strict=True):
            # The appended token has none in every second record.
            row[key] = rng.random(int(one.mask.sum()) - int(row["id"][1:]) % 2).round(3).tolist()
    write(folder, rows)
    return rows


def test_pairs_are_weighed_and_cut_by_probabilities(tmp_path: Path) -> None:
    """N16, N18: weights, segments and masks beside the tokens that the probabilities are of."""
    rows = pairs(tmp_path)
    run(recipe(tmp_path, keys=PAIRS))
    dataset = open_dataset(tmp_path / "out")
    for group, row in zip(groups(dataset), rows, strict=True):
        for side, (key, one) in enumerate(zip("pq", group.completions, strict=True)):
            given = np.array(row[key])
            ended = int(row["id"][1:]) % 2
            probability = np.append(given, [-1.0] * ended)
            begins = len(one.ids) - len(probability)
            np.testing.assert_allclose(one.columns["probability"][begins:], probability, rtol=1e-6)
            assert (one.columns["probability"][:begins] == -1).all()
            weight = np.where(probability < 0, 1, 1 - probability if side else probability)
            np.testing.assert_allclose(one.columns["loss_weight"][begins:], weight, rtol=1e-6)
            assert one.columns["segment"][begins:].tolist() == reference.segments_of(
                probability.tolist(), 0.6, 2
            )
            assert not one.columns["segment"][:begins].any()
            assert one.mask[begins:].tolist() == (probability <= 0.6).astype(int).tolist()
            assert not one.mask[:begins].any()
    round_trip(dataset, verify(dataset), sample=9)


@pytest.mark.parametrize(
    ("change", "reason", "place"),
    [
        (lambda row: row["p"].append(0.5), "probabilities_not_aligned", "row 0, 1 of its 2 completions"),
        (
            lambda row: [row["q"].pop() for _ in range(2)],
            "probabilities_not_aligned",
            "row 0, 2 of its 2 completions",
        ),
        (lambda row: row.update(p=[1.5, *row["p"][1:]]), "probability_invalid", "row 0"),
        (lambda row: row.update(p=[None, *row["p"][1:]]), "probability_invalid", "row 0"),
        (lambda row: row.update(q=None), "probability_invalid", "row 0"),
    ],
)
def test_probabilities_of_other_tokens_are_dead_letters(
    tmp_path: Path, change: Any, reason: str, place: str
) -> None:
    rows = pairs(tmp_path, 6)
    change(rows[0])
    write(tmp_path, rows)
    manifest = run(recipe(tmp_path, "max_rejected=0.5", keys=PAIRS))
    letters = [
        one for one in open_dataset(tmp_path / "out").rejected() if one["reason"] != "incomplete_group"
    ]
    assert [(one["reason"], one["position"]) for one in letters] == [(reason, place)]
    assert manifest.stages["tokenize"].ledger.documents_out == 10
    round_trip(open_dataset(tmp_path / "out"), verify(open_dataset(tmp_path / "out")), sample=9)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"values": ["value"]}, "values are of rewards"),
        ({"critical": True}, "critical is about probabilities"),
        ({"segments": {}}, "segments is about probabilities"),
        ({"probabilities": ["p"]}, "pairs have two"),
        ({"completions": "c", "probabilities": ["p"], "critical": True}, "chosen and rejected"),
        ({"rewards": ["a", "b"], "values": ["value", "value"]}, "twice"),
    ],
)
def test_recipes_that_cannot_be(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(tmp_path, keys=keys)


CODE = "import sys; from pathlib import Path; from tests.runs.test_preference_values import job; job(Path(sys.argv[1]))"


def job(folder: Path) -> None:
    run(recipe(folder, "execution.unit_bytes=2000", f"root={folder / 'killed'}"))


def test_units_and_kills_change_nothing(tmp_path: Path) -> None:
    write(tmp_path, sampled(100))
    whole = run(recipe(tmp_path, "execution.unit_bytes=2000"))
    other = run(recipe(tmp_path, "execution.unit_bytes=1000000", f"root={tmp_path / 'other'}"))
    assert contents(whole)["pack"] == contents(other)["pack"]
    assert killed_runs(CODE, tmp_path, (0.0, 0.05, 0.2)) > 0
    last = run(recipe(tmp_path, "execution.unit_bytes=2000", f"root={tmp_path / 'killed'}"))
    assert contents(last) == contents(whole)
    assert open_dataset(tmp_path / "killed").table().equals(open_dataset(tmp_path / "out").table())
