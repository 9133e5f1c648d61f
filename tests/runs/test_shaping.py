"""Runs over shaped records: the same tokens from every format, counted, verified, and brought up to date."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.recipe import Recipe
from tests.support.corpora import documents

KEYS = {
    "text": "# {head.title?}\n\n{body.text}",
    "id": "key",
    "where": "lang in ('de', 'en') and meta.score >= 0.5",
}


def records(count: int) -> list[dict[str, object]]:
    return [
        {
            "key": name,
            "head": {"title": f"title {i}" if i % 3 else None},
            "body": {"text": text},
            "lang": ("de", "en", "fr")[i % 3],
            "meta": {"score": (i % 10) / 10},
        }
        for i, (name, text) in enumerate(documents(count))
    ]


def store(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=20)


def recipe(folder: Path, kind: str, **keys: str) -> Recipe:
    return Recipe(
        root=str(folder / f"out-{kind}"),
        corpus=({"name": "web", "paths": (str(folder / kind / "*"),), **KEYS, **keys},),
        vocabulary={"size": 300},
        pack={"seq_len": 64},
        execution={"engine": "local"},
    )


def rows_of(asked: Recipe) -> list[list[int]]:
    return open_dataset(asked.root).table("train").column("input_ids").to_pylist()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for kind in ("jsonl", "parquet"):
        for part in range(2):
            store(tmp_path / kind / f"{part}.{kind}", records(120)[part * 60 : part * 60 + 60])
    return tmp_path


def test_formats_give_the_same_rows_and_what_is_left_out_is_counted(corpus: Path) -> None:
    made = []
    for kind in ("jsonl", "parquet"):
        asked = recipe(corpus, kind)
        run(asked)
        dataset = open_dataset(asked.root)
        round_trip(dataset, verify(dataset), sample=100)
        ledger = dataset.manifest.stages["tokenize"].ledger
        kept = [row for row in records(120) if row["lang"] != "fr" and row["meta"]["score"] >= 0.5]  # type: ignore[index]
        assert ledger.documents_out == len(kept)
        assert ledger.filtered == {"where": 120 - len(kept)}
        assert ledger.rejected == {}
        made.append(rows_of(asked))
    assert made[0] == made[1]


def test_another_condition_or_template_or_file_makes_other_rows(corpus: Path) -> None:
    asked = recipe(corpus, "jsonl")
    run(asked)
    for keys in ({"where": "meta.score < 0.5"}, {"text": "{body.text}!"}, {"text": "body.text"}):
        other = recipe(corpus, "jsonl", **keys)
        run(other)
        dataset = open_dataset(other.root)
        round_trip(dataset, verify(dataset), sample=100)
        fresh = other.model_copy(update={"root": str(corpus / f"fresh-{len(str(keys))}")})
        run(fresh)
        assert rows_of(other) == rows_of(fresh)
    store(corpus / "jsonl" / "1.jsonl", records(150)[90:])
    retokenize(other)
    dataset = open_dataset(other.root)
    assert dataset.manifest.generation == 5
    round_trip(dataset, verify(dataset), sample=100)
