"""Rules and transforms in whole runs: the same documents whatever the units, read again as they were, done again when changed."""

import json
from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

STEPS = [
    {"clean_text": {"form": "nfc", "max_newlines": 2}},
    {"length": {"min_words": 3, "max_characters": 2000}},
    {"script": {"scripts": ["Latin", "Han"], "min_share": 0.6}},
    {"gopher_repetition": {"max_top": [[2, 0.5]], "max_repeated": []}},
    {
        "gopher_quality": {
            "min_words": 5,
            "min_stop_words": 1,
            "min_alphabetic_words": 0.3,
            "min_word_length": 1,
        }
    },
    {"fineweb_quality": {"min_ended_lines": None, "max_short_lines": None, "max_newlines": None}},
    {"c4_quality": {"line_ends": False, "min_sentences": None, "brackets": False}},
    {"rewrite": {"layers": [[{"find": "aa+", "write": "a"}]]}},
    {"typos": {"rate": 0.2, "seed": 3}},
    {"shuffle_words": {"window": 4}},
    {"drop_words": {"keep": 0.9}},
    {"shorten": {"max_words": 40}},
    "separate_digits",
]


def of(folder: Path, *settings: str, steps: object = STEPS, root: str = "out") -> Recipe:
    settings = (f"corpus.0.steps={json.dumps(steps)}", "vocabulary.size=300", *settings)
    return recipe_for(folder, *settings, root=folder / root)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for seed, name in enumerate("abc"):
        found = [(f"{name}{i}", text) for i, (_, text) in enumerate(documents(80, seed))]
        write_jsonl(tmp_path / "in" / f"{name}.jsonl", found)
    return tmp_path


def test_all_steps_in_a_run(corpus: Path) -> None:
    recipe = of(corpus, "execution.unit_bytes=2000")
    manifest = run(recipe)
    ledger = manifest.stages["tokenize"].ledger
    assert ledger.filtered == manifest.stages["count"].ledger.filtered
    assert {key.partition(": ")[0] for key in ledger.filtered} >= {
        "length",
        "gopher_repetition",
        "gopher_quality",
    }
    assert ledger.documents_in == ledger.documents_out + ledger.empty + sum(ledger.filtered.values())
    dataset = open_dataset(recipe.root)
    proof = verify(dataset)
    round_trip(dataset, proof, sample=50)
    assert proof.source_documents == ledger.documents_out > 20
    whole = run(of(corpus, "execution.unit_bytes=1GB", root="whole"))
    assert contents(whole)["pack"] == contents(manifest)["pack"]
    assert whole.stages["tokenize"].ledger.filtered == ledger.filtered


def test_a_threshold_that_changes_is_done_again_and_kept_ones_are_not(corpus: Path) -> None:
    recipe = of(corpus)
    first = run(recipe)
    assert retokenize(recipe)[0].generation == first.generation
    steps = [{"length": {"min_words": 9}}, *STEPS[2:]]
    assert retokenize(of(corpus, steps=steps))[0].generation == first.generation + 1


def test_steps_are_written_as_they_are_read(corpus: Path) -> None:
    recipe = of(corpus)
    again = Recipe.model_validate_json(recipe.model_dump_json(by_alias=True))
    assert again == recipe
    assert [step.identity() for step in again.corpus[0].steps] == [
        step.identity() for step in recipe.corpus[0].steps
    ]
    assert json.dumps([step.identity() for step in again.corpus[0].steps])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"gopher_quality": {"max_bullet_lines": 90}}, "max_bullet_lines is a share from 0 to 1, got 90"),
        ({"gopher_qualty": {}}, "did you mean 'gopher_quality'"),
        ({"length": {"min_wrods": 3}}, "unknown key 'min_wrods'; did you mean 'min_words'"),
        ({"typos": {"kinds": ["slip"]}}, "typos.kinds"),
        ({"rewrite": {"layers": [[{"find": "a"}]]}}, "rewrite.layers"),
    ],
)
def test_mistakes_in_steps_are_named(corpus: Path, step: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        of(corpus, steps=[step])
