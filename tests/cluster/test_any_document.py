"""Any document in, on workers: containers, steps of documents, of tokens and of rows, groups and orders, as in this process."""

import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pairloom.pipeline import Recipe, run
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.receipts import committed_receipts
from tests.runs import test_orders_kill as orders
from tests.runs.test_containers import MAKE, SOURCES
from tests.support.corpora import contents, documents, open_objects_of, write_jsonl
from tests.support.warc import PAGE, answer, record, warc_file

STEPS: list[Any] = [
    {"clean_text": {}},
    {"length": {"min_characters": 3, "max_words": 5000}},
    {"min_bytes": {"bytes": 4}},
    {"max_bytes": {"bytes": 100_000}},
    {"rewrite": {"layers": [[{"find": "needle", "write": "pin"}]]}},
    {"separate_digits": {}},
    {"typos": {"rate": 0.2}},
    {"drop_words": {"keep": 0.9}},
    {"shuffle_words": {"window": 3}},
    {"shorten": {"max_words": 60}},
    {"sample": {"share": 0.8}},
    {"c4_quality": {"line_ends": False, "min_words": 1, "min_sentences": 0}},
    {"script": {"scripts": ["Latin"], "min_share": 0.1}},
    {"gopher_repetition": {}},
]
TOKEN_STEPS: list[Any] = [
    {"bpe_dropout": {"rate": 0.2}},
    {"fim": {"rate": 0.5}},
    {"stochastok": {"rate": 0.1}},
    {"landmark": {"every": 15}},
]
SPECIAL = ["<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<landmark>", "[MASK]"]


def receipts(folder: Path, manifest: Manifest) -> list[object]:
    """What tokenizing says of each unit: its ledger, its files, dead letters among them."""
    return [
        (receipt.unit, receipt.ledger, [(file.role, file.sha256) for file in receipt.files])
        for receipt in committed_receipts(
            open_objects_of(folder), "tokenize", manifest.stages["tokenize"].units
        )
    ]


def compare(folder: Path, recipe: dict[str, Any]) -> Manifest:
    """Run a recipe here and on workers: every file and every ledger is the same."""
    made = {}
    for engine in ("local", "ray"):
        execution = {"engine": engine, **recipe.get("execution", {})}
        asked = {**recipe, "root": str(folder / engine), "execution": execution}
        made[engine] = run(Recipe.model_validate(asked))
    assert contents(made["local"]) == contents(made["ray"])
    assert receipts(folder / "local", made["local"]) == receipts(folder / "ray", made["ray"])
    return made["local"]


def test_containers(tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """xz, bzip2, zip, tar, WET and WARC, whole and cut into small units, with a member that cannot be read as text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for seed, (name, make) in enumerate(MAKE.items()):
        make(tmp_path / "in" / name, documents(30, seed))
    page = answer(PAGE.encode(), "text/html; charset=utf-8")
    web = [record("response", page, "application/http; msgtype=response", number=k) for k in range(9)]
    pages = warc_file([*web, record("metadata", b"{}", "application/json")])
    (tmp_path / "in" / "pages.warc.gz").write_bytes(pages)
    lines = "".join(json.dumps({"text": text}) + "\n" for _, text in documents(40, 8)) + "{broken\n"
    (tmp_path / "in" / "plain.jsonl.bz2").write_bytes(bz2.compress(lines.encode()))
    (tmp_path / "in" / "fine.txt.gz").write_bytes(gzip.compress(b"a book of some words"))
    (tmp_path / "in" / "book.txt.gz").write_bytes(gzip.compress(b"\xff\xfe no text of UTF-8"))
    more: list[dict[str, Any]] = [
        {"name": "pages", "paths": "in/pages.warc.gz", "text": "html", "where": "html is not null"},
        {"name": "plain", "paths": "in/*.bz2"},
        {"name": "books", "paths": "in/*.txt.gz"},
    ]
    made = compare(
        tmp_path,
        {
            "corpus": [*SOURCES, *more],
            "vocabulary": {"size": 300},
            "pack": {"seq_len": 64},
            "execution": {"unit_bytes": 1000},
            "max_rejected": 0.1,
        },
    )
    ledger = made.stages["tokenize"].ledger
    assert sum(ledger.rejected.values()) == 2
    assert ledger.filtered["where"] > 10
    assert len(made.stages["tokenize"].units) > 7


def test_steps(tmp_path: Path, cluster: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(150))
    made = compare(
        tmp_path,
        {
            "corpus": [{"name": "some", "paths": [str(tmp_path / "in" / "*")], "id": "id", "steps": STEPS}],
            "vocabulary": {"size": 320, "special_tokens": SPECIAL},
            "pack": {
                "seq_len": 64,
                "file_tokens": 1500,
                "validation": 0.1,
                "steps": TOKEN_STEPS,
                "rows": [{"masked_lm": {}}],
            },
            "execution": {"unit_bytes": 3000},
        },
    )
    assert made.stages["tokenize"].ledger.filtered
    assert made.stages["pack"].facts["added_tokens"] > 0


@pytest.mark.parametrize("choice", orders.CHOICES)
def test_groups_orders_and_choices(tmp_path: Path, cluster: str, choice: str) -> None:
    for i in range(4):
        orders.write(tmp_path, f"{i}", i)
    asked = orders.recipe(tmp_path, choice, "out").model_dump(mode="json", by_alias=True)
    compare(tmp_path, asked | {"execution": {"unit_bytes": 1500}})
