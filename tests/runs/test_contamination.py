"""Which item of an evaluation is in which document: planted ones are found, whatever is done about them."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages import stage
from pairloom.pipeline.stages.statistics.checking import check_left_out
from tests.runs.test_verify import forged

WORDS = [f"w{i}" for i in range(400)]


def planted(folder: Path) -> list[dict[str, object]]:
    """A corpus of two sources with items of two evaluations in some documents, and which is where."""
    rng = random.Random(7)
    items = {name: [" ".join(rng.choices(WORDS, k=15)) for _ in range(6)] for name in ("arith", "facts")}
    (folder / "evals").mkdir()
    for name, texts in items.items():
        lines = (json.dumps({"question": text}) + "\n" for text in ["too short", *texts])
        (folder / "evals" / f"{name}.jsonl").write_text("".join(lines))
    found = []
    for source in ("web", "books"):
        with (folder / f"{source}.jsonl").open("w") as file:
            for row in range(60):
                text = " ".join(rng.choices(WORDS, k=30))
                if row % 4 == 0:
                    name = rng.choice(["arith", "facts"])
                    item = rng.randrange(6)
                    some = items[name][item].split()[1:14]
                    text = f"{text}. {' - '.join(some).upper()}! {' '.join(rng.choices(WORDS, k=5))}"
                    found.append(
                        {
                            "source": source,
                            "eval": f"{name}.jsonl",
                            "item": item + 1,
                            "row": row,
                            "overlap": 13,
                        }
                    )
                file.write(
                    json.dumps({"text": text} | ({"id": f"b{row}"} if source == "books" else {})) + "\n"
                )
    return found


def recipe(folder: Path, root: str, action: str, unit_bytes: int) -> Recipe:
    against = [str(folder / "evals" / f"{name}.jsonl") for name in ("arith", "facts")]
    step = {"decontaminate": {"against": against, "column": "question", "action": action}}
    corpus = [
        {"name": name, "paths": [str(folder / f"{name}.jsonl")], "steps": [step]} | more
        for name, more in (("web", {}), ("books", {"id": "id"}))
    ]
    return Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": corpus,
            "vocabulary": {"size": 300},
            "pack": {"seq_len": 64},
            "execution": {"engine": "local", "unit_bytes": unit_bytes},
        }
    )


@pytest.mark.parametrize("action", ["drop", "mask", "report"])
def test_every_planted_item_is_in_the_table(tmp_path: Path, action: str) -> None:
    wanted = planted(tmp_path)
    sums = set()
    for unit_bytes in (1 << 20, 3000):
        chosen = recipe(tmp_path, f"out{unit_bytes}", action, unit_bytes)
        run(chosen)
        dataset = open_dataset(chosen.root)
        round_trip(dataset, verify(dataset), sample=30)
        sums.update(file.sha256 for file in dataset.manifest.stage("statistics").files)
    assert len(sums) == 1  # the table is the same from other units
    table = dataset.statistic("contamination").to_pylist()
    key = ("source", "eval", "item", "row")
    assert [{name: row[name] for name in (*key, "overlap")} for row in table] == sorted(
        wanted, key=lambda row: tuple(row[name] for name in key)
    )
    assert {row["action"] for row in table} == {action}
    assert all(row["words"] == 15 and row["text"].startswith("w") for row in table)
    for row in table:
        assert row["document"] == (
            f"b{row['row']}" if row["source"] == "books" else f"{row['uri']}#{row['row']}"
        )
    lost = len(wanted) if action == "drop" else 0
    assert dataset.manifest.stage("tokenize").ledger.documents_out == 120 - lost
    record = dataset.manifest.stage("statistics")
    lines = dict(stage("statistics").lines(stage("statistics").summary(record)))
    web = {row["row"] for row in wanted if row["source"] == "web" and row["eval"] == "arith.jsonl"}
    items = {row["item"] for row in wanted if row["source"] == "web" and row["eval"] == "arith.jsonl"}
    assert f"web: {len(web)} documents share with {len(items)} items of arith.jsonl" in lines["contamination"]
    if action == "drop":
        less = {"decontaminate: overlaps arith.jsonl": 1}
        ledger = dataset.manifest.stage("tokenize").ledger.model_copy(update={"filtered": less})
        dataset.manifest.stages["tokenize"] = dataset.manifest.stage("tokenize").model_copy(
            update={"ledger": ledger}
        )
        with pytest.raises(
            CorruptionError, match=rf"names {lost} documents that were left out, and tokenize has left out 1"
        ):
            check_left_out(dataset)


def test_a_mask_that_was_changed_is_found(tmp_path: Path) -> None:
    """A masked span that is trained on after all, where every checksum fits: in rows, in shards, and in both alike."""
    planted(tmp_path)
    both = recipe(tmp_path, "out", "mask", 1 << 20)
    chosen = both.model_copy(update={"corpus": both.corpus[:1]})
    run(chosen)
    dataset = open_dataset(chosen.root)
    verify(dataset)

    def a_token(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        masked = [
            (i, j)
            for i, row in enumerate(rows)
            for j in range(sum(row["segment_lengths"]))
            if not row["loss_mask"][j]
        ]
        row, place = masked[-1]
        rows[row]["loss_mask"][place] = 1
        return rows

    def all_of_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            many = sum(row["segment_lengths"])
            row["loss_mask"][:many] = [1] * many
        return rows

    def all_of_shards(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"loss_mask": [1] * len(row["loss_mask"])} for row in rows]

    said = "are not exactly those of its token shard"
    shutil.copytree(chosen.root, tmp_path / "rows")
    with pytest.raises(CorruptionError, match=said):
        verify(forged(open_dataset(tmp_path / "rows"), "pack", a_token))
    dataset = forged(dataset, "tokenize", all_of_shards)
    with pytest.raises(CorruptionError, match=said):
        verify(dataset)
    dataset = forged(dataset, "pack", all_of_rows)
    with pytest.raises(
        CorruptionError, match="loss_mask of the documents from 0 on is not what the spans of their texts"
    ):
        round_trip(dataset, verify(dataset), sample=30)


def test_a_new_input_is_looked_through_alone(tmp_path: Path) -> None:
    planted(tmp_path)
    chosen = recipe(tmp_path, "out", "report", 3000)
    run(chosen, until="statistics")
    first = open_dataset(chosen.root)
    first.vocabulary().save(tmp_path / "tokenizer.json")
    given = chosen.model_copy(
        update={"vocabulary": chosen.vocabulary.model_validate({"from": str(tmp_path / "tokenizer.json")})}
    )
    steps: dict[str, StepStarted] = {}
    text = (tmp_path / "web.jsonl").read_text()
    (tmp_path / "web.jsonl").write_text(text[: len(text) // 2].rpartition("\n")[0] + "\n")

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            steps[event.step] = event

    run(given, until="statistics", observe=observe)
    table = open_dataset(chosen.root).statistic("contamination").to_pylist()
    before = first.statistic("contamination").to_pylist()
    rows = (tmp_path / "web.jsonl").read_text().count("\n")
    assert table == [row for row in before if row["source"] == "books" or row["row"] < rows]
    assert steps["measure text"].reused > 0
