"""What a page says, a newcomer reads: names, words for numbers, nothing twice, and advice with its reasons."""

import json
from typing import Any

import pytest

from pairloom.jobs.report.page import page
from pairloom.jobs.report.sections.advice import advice
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.report import Options, report_on_root
from tests.runs.report.checks import check_page
from tests.support.corpora import documents, recipe_for

SAME = "".join(chr(0x3400 + 37 * i) for i in range(60))


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twelve documents that are the same, or the same with another end, among others, in several shards."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "in").mkdir()
    rows = [{"id": key, "text": text} for key, text in documents(60, 5)]
    for i in range(12):
        rows.insert(5 * i, {"id": f"same-{i:02}", "text": SAME + " the end" * (i % 2)})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "in" / "text.jsonl").write_text(lines, encoding="utf-8")
    run(recipe_for(folder, "execution.unit_bytes=4KB"))
    return open_dataset(str(folder / "out"))


@pytest.fixture(scope="module")
def found(repeated: Dataset) -> dict[str, Any]:
    return report_on_root(repeated, Options(against={}))


def test_documents_that_begin_the_same_are_one_of_the_worst(
    found: dict[str, Any],
) -> None:
    """U10: once, with how many there are."""
    begins = [tuple(text for text, _ in row["pieces"][:16]) for row in found["worst"]]
    assert len(set(begins)) == len(begins) == 8
    worst = found["worst"][0]
    assert (worst["document"], worst["alike"]) == ("same-00", 12)
    made = page(found)
    assert "at least 12 documents begin so" in made
    assert "same-02" not in made[made.index('id="worst-tokenized-documents"') :]
    check_page(made)


def test_a_mixture_is_told_in_points(report: dict[str, Any]) -> None:
    """U10: a figure that is negative where all is well stands in the details, with what it means."""
    rows = [
        {"source": "a", "inferred": 0.612, "actual": 0.6, "difference": 0.012},
        {"source": "b", "inferred": 0.388, "actual": 0.4, "difference": -0.012},
    ]
    told = {"rows": rows, "merges": 300, "log10_mse": -10.55, "limit": -4.0, "reflects": True}
    made = page(report | {"mixture": told})
    check_page(made)
    part = made[made.index('<section id="mixture"') :].split("</section>")[0]
    before, after = part.split("<details>")
    assert "in the shares that the recipe asks for?" in before
    assert "differ by at most 1.2 points." in before
    assert "10.55" not in before
    assert "-10.55 and has to be at most -4: the lower, the nearer" in after
    assert "and up to 1 counts as the same" in after
    assert made.count("differ by at most 1.2 points.") == 2, "it is among what stands out too"


def test_packing_is_told_by_split(repeated: Dataset, found: dict[str, Any]) -> None:
    """U10: rows, efficiency, cuts and documents a row, as the rows themselves have them."""
    assert [row["split"] for row in found["packing"]] == list(repeated.manifest.stage("pack").splits)
    for row in found["packing"]:
        files = [file for file in repeated.manifest.stage("pack").files if file.role == row["split"]]
        assert row["rows"] == sum(file.rows for file in files) > 0
        tokens = sum(file.facts["tokens"] for file in files)
        assert row["efficiency"] == tokens / (64 * row["rows"])
        assert row["documents_per_row"] == sum(file.facts["segments"] for file in files) / row["rows"]
    assert sum(row["splits"] for row in found["packing"]) == repeated.manifest.stage("pack").facts["splits"]
    made = page(found)
    part = made[made.index('<section id="packing"') :].split("</section>")[0]
    assert "cuts inside documents" in part
    assert f'<td data-v="{found["packing"][0]["rows"]}">' in part


def test_the_title_says_what_it_is_on(report: dict[str, Any], found: dict[str, Any]) -> None:
    """U10: the sources and the size of the vocabulary, not a folder alone."""
    assert "<h1>out: 400 tokens for a and b</h1>" in page(report)
    assert "<title>out: 400 tokens for lines: tokenizer report</title>" in page(found)


def test_the_vocabulary_is_named_where_another_stands_beside_it(
    report: dict[str, Any], found: dict[str, Any]
) -> None:
    """U10: by its name, and by none where it is alone; `this` is a word of the figures only."""
    beside, alone = page(report), page(found)
    for made in (beside, alone):
        check_page(made)
        assert ">this<" not in made
        assert "per token this" not in made
    assert ">bytes per token, out</th>" in beside
    assert ">bytes per token, other</th>" in beside
    assert ">bytes per token</th>" in alone
    assert ">tokenizer</th>" in beside
    assert ">tokenizer</th>" not in alone


@pytest.mark.parametrize(
    ("tokens", "said"),
    [(980, "500 would do"), (950, "keep 1,000"), (800, "try a larger one")],
)
def test_advice_gives_its_reasons(found: dict[str, Any], tokens: int, said: str) -> None:
    """U10: on size, sequence length and sources, from the figures that the report has."""
    curve = [{"size": 256, "tokens": 2000}, {"size": 500, "tokens": 1000}, {"size": 1000, "tokens": tokens}]
    lengths = [
        {"seq_len": 64, "whole": 0.5, "truncated": 0.4},
        {"seq_len": 128, "whole": 0.96, "truncated": 0.02},
        {"seq_len": 256, "whole": 1.0, "truncated": 0.0},
    ]
    sources = [
        {"source": "dear", "tokens": 10, "bytes_per_token": 3.0},
        {"source": "cheap", "tokens": 10, "bytes_per_token": 4.1},
    ]
    summary = found["summary"] | {"bytes_per_token": 4.0}
    made = advice(
        found
        | {"curve": curve, "documents": [{"at_lengths": lengths}], "sources": sources, "summary": summary}
    )
    assert said in made
    assert f"from 500 to 1,000 tokens saves {1 - tokens / 1000:.1%}" in made
    assert "Sequence length: 128, because it is the shortest that holds 96.0% of the documents whole" in made
    assert "weigh dear more" in made
    assert "weigh cheap" not in made
