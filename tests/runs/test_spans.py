"""Spans of documents reach the rows, the loader and the ledger, whatever the way that documents take."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline import Dataset, Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from tests.support.corpora import contents, documents, rows_of, write_jsonl

SMALL = ["execution.unit_bytes=6000", "pack.file_tokens=1500"]


def write(folder: Path, count: int = 200) -> dict[str, tuple[str, list[tuple[int, int]], list[Any]]]:
    """Documents with spans to be trained and weights, by their ids."""
    rng, made = random.Random(5), {}
    (folder / "in").mkdir(parents=True)
    with (folder / "in" / "a.jsonl").open("w", encoding="utf-8") as file:
        for name, text in documents(count):
            edges = sorted(rng.randint(0, len(text)) for _ in range(rng.choice([2, 4, 6])))
            spans = list(zip(edges[::2], edges[1::2], strict=True))
            weights = [[a, b, rng.choice([0.25, 2.0])] for a, b in spans]
            made[name] = (text, spans, weights)
            file.write(json.dumps({"id": name, "text": text, "spans": spans, "weights": weights}) + "\n")
    return made


def recipe(folder: Path, *settings: str) -> Recipe:
    text = f"""
root: {folder / "out"}
corpus:
  - name: lines
    paths: ["{folder}/in/*"]
    id: id
    steps:
      - spans: {{field: spans, keep_untrained: true}}
      - spans: {{field: weights, column: loss_weight, dtype: float16, rule: majority}}
vocabulary: {{size: 400}}
pack: {{seq_len: 64, validation: 0.1}}
execution: {{engine: local}}
"""
    return parse_recipe(text, overrides=[*SMALL, *settings])


def of_bytes(text: str, spans: list[Any], outside: float) -> list[float]:
    """The value of each byte."""
    out = [outside] * len(text.encode())
    for a, b, *value in spans:
        low, high = len(text[:a].encode()), len(text[:b].encode())
        out[low:high] = [value[0] if value else 1.0] * (high - low)
    return out


def check(dataset: Dataset, made: dict[str, tuple[str, list[tuple[int, int]], list[Any]]]) -> int:
    """Every segment of every row has the values of its bytes; how many tokens are trained in all."""

    numbers = dict(zip(document_numbers(pa.array(list(made), pa.large_string())).tolist(), made, strict=True))
    tokens, trained = dataset.vocabulary().tokens, 0
    whole: dict[int, dict[int, tuple[int, float, float]]] = {}
    for split in ("train", "validation"):
        for row in rows_of(dataset, split):
            at = 0
            for length, number, offset in zip(
                row["segment_lengths"], row["document"], row["offset"], strict=True
            ):
                for i in range(length):
                    values = tuple(row[name][at + i] for name in ("input_ids", "loss_mask", "loss_weight"))
                    whole.setdefault(number, {})[offset + i] = values
                at += length
            assert set(row["loss_mask"][at:]) <= {0}
    for number, places in whole.items():
        text, spans, weights = made[numbers[number]]
        masks, heavy = of_bytes(text, spans, 0.0), of_bytes(text, weights, 1.0)
        assert sorted(places) == list(range(len(places)))
        at = 0
        for place in range(len(places) - 1):  # the last is what the recipe appends
            token, mask, weight = places[place]
            size = len(tokens[token])
            assert mask == min(masks[at : at + size])
            counts = {value: heavy[at : at + size].count(value) for value in heavy[at : at + size]}
            assert weight == min(value for value in counts if counts[value] == max(counts.values()))
            trained += mask
            at += size
        assert at == len(masks)
        assert places[len(places) - 1][1:] == places[len(places) - 2][1:]
        trained += places[len(places) - 1][1]
    return trained


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["pack.shuffle.mode=block", "pack.shuffle.groups=4"],
        ["pack.shuffle.mode=none", "pack.strategy=concat"],
        ["pack.predict_every_token=true", "tokenize.prepend=[<|endoftext|>]"],
        ["pack.strategy=padded"],
    ],
)
def test_rows_have_the_values_of_their_bytes(tmp_path: Path, settings: list[str]) -> None:
    made = write(tmp_path)
    manifest = run(recipe(tmp_path, *settings))
    dataset = open_dataset(tmp_path / "out")
    if not any("prepend" in one for one in settings):
        trained = check(dataset, {name: one for name, one in made.items() if one[0]})
        assert manifest.stages["tokenize"].ledger.trained == trained > 100
    proof = verify(dataset)
    round_trip(dataset, proof, sample=2, everything=True)


def test_units_change_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    one = contents(run(recipe(tmp_path / "a")))
    other = contents(run(recipe(tmp_path / "b", "execution.unit_bytes=1000000")))
    assert [sha for _, sha in one["pack"]] != []
    assert len(one["tokenize"]) > len(other["tokenize"]) == 1


def test_documents_that_teach_nothing_are_dead_letters(tmp_path: Path) -> None:
    """As many as there are, by name and place; the run goes on only where the recipe allows for them."""
    rows = [{"text": f"some text {i}", "spans": [[0, 4]] if i % 2 else []} for i in range(10)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = f"""
root: {tmp_path / "out"}
corpus: {{name: a, paths: "{tmp_path}/in/*", steps: [{{spans: {{}}}}]}}
vocabulary: {{size: 300}}
pack: {{seq_len: 16}}
execution: {{engine: local}}
"""
    with pytest.raises(DataError, match="nothing_trained: none of its tokens is to be predicted"):
        run(parse_recipe(text))
    manifest = run(parse_recipe(text, overrides=["max_rejected=1"]))
    ledger = manifest.stages["tokenize"].ledger
    assert ledger.rejected == {"nothing_trained": 5}
    assert ledger.trained == sum(sum(row["loss_mask"]) for row in rows_of(open_dataset(tmp_path / "out")))
    proof = verify(open_dataset(tmp_path / "out"))
    round_trip(open_dataset(tmp_path / "out"), proof, sample=9)


def test_sources_without_spans_are_trained_whole(tmp_path: Path) -> None:
    write(tmp_path, 40)
    write_jsonl(tmp_path / "plain" / "a.jsonl", documents(40, seed=3))
    made = recipe(tmp_path)
    corpus = [one.model_dump(exclude_none=True) for one in made.corpus]
    corpus.append({"name": "plain", "paths": [f"{tmp_path}/plain/*"], "id": "id"})
    run(
        parse_recipe(
            made.model_copy(update={"corpus": ()}).model_dump_json(by_alias=True),
            overrides=[f"corpus={json.dumps(corpus)}"],
        )
    )
    dataset = open_dataset(tmp_path / "out")
    seen = set()
    for row in rows_of(dataset):
        at = 0
        for length, source in zip(row["segment_lengths"], row["source"], strict=True):
            if source == 1:
                assert set(row["loss_mask"][at : at + length]) == {1}
                assert set(row["loss_weight"][at : at + length]) == {1.0}
            seen.add(source)
            at += length
    assert seen == {0, 1}


def test_a_mask_that_was_changed_is_found(tmp_path: Path) -> None:
    write(tmp_path, 60)
    run(recipe(tmp_path))
    dataset = open_dataset(tmp_path / "out")
    proof = verify(dataset)
    other = tmp_path / "in" / "a.jsonl"
    stat, lines = other.stat(), other.read_text().splitlines()
    for i, line in enumerate(lines):
        row = json.loads(line)
        if len(row["text"]) > 20:
            row["spans"] = [[row["spans"][0][0], row["spans"][0][1]]]
            row["weights"] = [[a, b, 0.5 if v == 2.0 else 0.25] for a, b, v in row["weights"]]
            lines[i] = json.dumps(row)
    other.write_text("".join(line + "\n" for line in lines))

    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(
        (CorruptionError, RecipeError), match=r"is not what the spans of their texts|cannot be read again"
    ):
        round_trip(dataset, proof, sample=9)


def test_two_steps_cannot_give_one_column(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="gives the column loss_mask twice"):
        recipe(tmp_path, 'corpus.0.steps=[{"spans": {}}, {"spans": {"field": "more"}}]')
