"""The sections of a report on the tables of a recipe."""

import json
import re
from pathlib import Path

from pairloom.jobs.report.page import page
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.report import Options, report_on_root

TITLES = ("Lengths of texts", "Scripts", "Domains", "Duplicates", "Contamination", "N-grams")


def test_every_table_that_people_look_at_has_a_section(tmp_path: Path) -> None:
    (tmp_path / "eval.txt").write_text("what is the capital of the country\n")
    with (tmp_path / "a.jsonl").open("w") as file:
        for i in range(60):
            asked = "What is the capital of the country?" if i % 20 == 0 else f"words {i} and {i * i}"
            text = f"<b>same line</b>\n{asked}\n\n\u03b1\u03b2\u03b3 {i % 3}"
            record = {"text": text, "url": f"https://site{i % 4}.org/{i}", "lang": ("de", None)[i % 2]}
            file.write(json.dumps(record) + "\n")
    recipe = Recipe.model_validate(
        {
            "root": str(tmp_path / "out"),
            "corpus": [
                {
                    "name": "web",
                    "paths": [str(tmp_path / "a.jsonl")],
                    "columns": ["lang"],
                    "steps": [
                        {
                            "decontaminate": {
                                "against": str(tmp_path / "eval.txt"),
                                "ngram": 5,
                                "action": "report",
                            }
                        }
                    ],
                }
            ],
            "vocabulary": {"size": 300},
            "statistics": [
                {"ngrams": {"n": [2]}},
                {"ngrams": {"n": [3], "per": "lang"}},
                {"cooccurrence": {"window": 2}},
                "scripts",
                {"scripts": {"per": "source"}},
                "characters",
                "domains",
                "duplicates",
                {"repetition": {"per": "lang"}},
                "text_lengths",
                {"text_lengths": {"per": "lang"}},
            ],
            "execution": {"engine": "local"},
        }
    )
    run(recipe, until="statistics")
    report = report_on_root(open_dataset(recipe.root), Options(against={}))
    found = {(one["name"], one["per"]): one for one in report["statistics"]}
    assert found["contamination", None]["by_source"] == [
        {"source": "web", "eval": "eval.txt", "documents": 3, "items": 1}
    ]
    assert {row["lang"] for row in found["ngrams", "lang"]["rows"]} == {"de", None}
    assert len(found["ngrams", "lang"]["rows"]) == 100 < found["ngrams", "lang"]["rows_in_all"]
    assert found["domains", None]["rows"][0] | {"bytes": 0} == {
        "domain": "site0.org",
        "urls": 15,
        "documents": 15,
        "bytes": 0,
    }
    lengths = [row for row in found["text_lengths", None]["rows"] if row["of"] == "lines"]
    assert lengths == [{"of": "lines", "from": 4, "documents": 60, "total": 240}]
    json.dumps(report)
    made = page(report)
    for title in TITLES:
        assert f">{title}</h2>" in made
        section = re.search(rf'<section id="{title.lower().replace(" ", "-")}".*?</section>', made, re.DOTALL)
        assert section is not None
        assert "<svg" in section[0]
        assert 'class="sortable"' in section[0]
    assert "&lt;b&gt;same line&lt;/b&gt;" in made
    assert "<b>same line" not in made
