"""Steps on tokens that are given, from Parquet to rows: prefixes, orders, scores, weights."""

import json
from pathlib import Path
from typing import Any

import pytest

from pairloom.operators.errors import DataError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.recipe import Recipe
from tests.runs.test_given_tokens import documents, proved, recipe, segments, write_parquet


def given(folder: Path, steps: list[Any], columns: Any = None, **keys: Any) -> Recipe:
    """A recipe of ids with coordinates and scores, and steps for them."""
    ids = documents(40, 50)
    write_parquet(
        folder / "in.parquet",
        ids=ids,
        y=[[i % 3 for i in one] for one in ids],
        x=[[i % 5 for i in one] for one in ids],
        loss_mask=[[i % 2 for i in one] for one in ids],
        score=[[i / 50 for i in one] for one in ids],
        weight=[len(one) / 8 for one in ids],
    )
    source = {
        "name": "codes",
        "paths": [str(folder / "in.parquet")],
        "given": {"tokens": "ids", "columns": columns or {"y": "uint8", "x": "uint8"}},
        **keys.pop("source", {}),
    }
    specials = ["<|endoftext|>", "<|startthought|>", "<|endthought|>"]
    keys.setdefault("pack", {"seq_len": 64, "steps": steps})
    return recipe(folder, source, vocabulary={"size": 50, "special_tokens": specials}, **keys)


def test_prefixes_and_orders_are_packed_and_proved(tmp_path: Path) -> None:
    """(D3, D5) prefixes drawn anew for each copy of a document; then the order of a grid."""
    steps = [{"prefix": {"keep": [4, 8, 16]}}, {"reorder": {"by": ["y", "x"], "cell": 2}}]
    made = given(tmp_path, steps, source={"epochs": 2})
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    found = segments(dataset, "input_ids", "y", "x", "place")
    assert len(found) == 80
    for one in found:
        grid = [(y // 2, x // 2, y, x) for y, x in zip(one["y"][:-1], one["x"][:-1], strict=True)]
        assert grid == sorted(grid)
        assert len(grid) <= 16
        assert sorted(one["place"]) == list(range(len(grid) + 1))
    kept = [k for row in dataset.table("train")["prefix_length"].to_pylist() for k in row]
    assert set(kept) == {4, 8, 16}


def test_tokens_are_selected_by_their_scores(tmp_path: Path) -> None:
    """(N11, D4)"""
    made = given(
        tmp_path,
        [{"select_tokens": {"score": "score", "at_least": 0.5}}],
        columns={"loss_mask": "uint8", "score": {"dtype": "float32", "elsewhere": 1}},
    )
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    for one in segments(dataset, "input_ids", "loss_mask"):
        assert one["loss_mask"] == [int(i == 50 or (i % 2 and i >= 25)) for i in one["input_ids"]]


def test_look_ahead_targets_and_slots_of_thought(tmp_path: Path) -> None:
    """(N10, N24) Quiet-STaR: slots for thoughts between reserved ids, and four tokens ahead as targets."""
    pack = {
        "seq_len": 128,
        "steps": [{"thought": {"every": 8, "slots": 4}}],
        "rows": [{"caft": {"ahead": 3}}],
    }
    made = given(tmp_path, [], pack=pack)
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    row = dataset.table("train").to_pylist()[0]
    assert 51 in row["input_ids"]
    assert 52 in row["input_ids"]
    length = row["segment_lengths"][0]
    for ahead in range(4):
        ids = row["input_ids"][:length]
        wanted = [*ids[ahead + 1 :], *[-100] * min(ahead + 1, length)]
        assert row[f"labels_{ahead}"][:length] == wanted


def test_targets_further_ahead_leave_out_what_is_not_trained(tmp_path: Path) -> None:
    """(N10) with a mask of the tokens that are to be predicted."""
    pack = {"seq_len": 64, "rows": [{"caft": {"ahead": 2}}]}
    made = given(tmp_path, [], columns=["loss_mask"], pack=pack)
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    for row in dataset.table("train").to_pylist():
        start = 0
        for length in row["segment_lengths"]:
            ids, mask = (row[name][start : start + length] for name in ("input_ids", "loss_mask"))
            for head in range(3):
                wanted = [i if m else -100 for i, m in zip(ids, mask, strict=True)][1 + head :]
                wanted += [-100] * min(1 + head, length)
                assert row[f"labels_{head}"][start : start + length] == wanted
            start += length


def test_a_weight_of_a_record_is_that_of_its_tokens(tmp_path: Path) -> None:
    made = given(tmp_path, [], columns={"loss_weight": {"field": "weight"}})
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    found = [tuple(one["loss_weight"]) for one in segments(dataset, "loss_weight")]
    lengths = [len(one) for one in documents(40, 50)]
    whole = [(*[n / 8] * n, 1.0) for n in lengths if n < 64]
    assert all(one in found for one in whole)


def test_a_weight_of_a_text_is_that_of_its_tokens(tmp_path: Path) -> None:
    lines = [{"text": "some words " * n, "w": n / 4} for n in range(1, 20)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = {"name": "web", "paths": [str(tmp_path / "in.jsonl")], "steps": [{"weight": {"field": "w"}}]}
    made = recipe(tmp_path, source, vocabulary={"size": 260}, pack={"seq_len": 512})
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    vocabulary = dataset.vocabulary()
    for one in segments(dataset, "input_ids", "loss_weight"):
        words = vocabulary.decode(one["input_ids"][:-1]).decode().count("words")
        assert set(one["loss_weight"]) == {words / 4}


@pytest.mark.parametrize("weight", [-1, None, "much", True, 1e400])
def test_a_weight_that_is_none_is_a_dead_letter(tmp_path: Path, weight: Any) -> None:
    lines = [{"text": "some words", "w": weight}, {"text": "some words", "w": "0.5"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = {"name": "web", "paths": [str(tmp_path / "in.jsonl")], "steps": [{"weight": {"field": "w"}}]}
    with pytest.raises(
        DataError, match=r"weight_invalid: field 'w' is .*, and a weight is a number from 0 on"
    ):
        run(recipe(tmp_path, source, vocabulary={"size": 260}))


def test_a_step_that_reads_a_column_which_nobody_gives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="the step reorder reads the column z, and documents have source, x, y"
    ):
        given(tmp_path, [{"reorder": {"by": ["z"]}}])
    with pytest.raises(ValueError, match="the step select_tokens reads the column loss_mask"):
        given(tmp_path, [{"select_tokens": {"score": "x", "share": 0.5}}])
