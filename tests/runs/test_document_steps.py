"""Document steps in whole runs: everybody sees the same documents, and what is left out is counted by step."""

import json
from pathlib import Path

import pytest

from pairloom.jobs.show.progress import Progress
from pairloom.jobs.show.summary import show_summary, summary
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.pipeline import Dataset, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import Proof, verify
from pairloom.pipeline.flow.plan import make_plan
from pairloom.pipeline.generations.retokenize import retokenize, unchanged
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.receipts import Ledger
from tests.support.corpora import contents, recipe_for, write_jsonl

TEXTS = [
    "keep this one",
    "drop this one",
    "gone",
    "",
    "no",
    "keep that other one as well",
    "drop me too, please",
]
STEPS = '[{min_bytes: {bytes: 3}}, {python: {call: "tests.support.steps:upper", version: "1"}}, {max_bytes: {bytes: 25}}]'
UPPER = "python tests.support.steps:upper: says drop"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        write_jsonl(tmp_path / "in" / f"{name}.jsonl", [(f"{name}{i}", text) for i, text in enumerate(TEXTS)])
    return tmp_path


def of(folder: Path, *settings: str, steps: str = STEPS, **rest: Path) -> Recipe:
    return recipe_for(
        folder,
        f"corpus.0.steps={steps}",
        "vocabulary.size=280",
        "execution.unit_bytes=150",
        *settings,
        **rest,
    )


def proved(dataset: Dataset) -> Proof:
    """The proof of every unit, read again from its source."""
    proof = verify(dataset)
    round_trip(dataset, proof, sample=100)
    return proof


def check_shaped(manifest: Manifest) -> None:
    """Everything that the steps do to the corpus is in the ledgers of count and tokenize."""
    for stage in ("count", "tokenize"):
        ledger = manifest.stages[stage].ledger
        assert (ledger.documents_in, ledger.documents_out, ledger.empty) == (21, 3, 6)
        assert ledger.rejected == {}
        assert ledger.filtered == {"min_bytes": 3, UPPER: 6, "max_bytes": 3}
        assert ledger.text_bytes == 3 * len(TEXTS[0])


def test_count_and_tokenize_see_what_the_steps_leave(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = of(corpus)
    manifest = run(recipe)
    check_shaped(manifest)
    dataset = open_dataset(recipe.root)
    shards = contents(manifest)
    vocabulary = dataset.vocabulary()
    texts = [
        vocabulary.decode(ids).decode()
        for stored in manifest.stages["tokenize"].files
        for batch in read_batches(dataset.objects, stored)
        for ids in batch.column("input_ids").to_pylist()
    ]
    assert texts == [f"{TEXTS[0].upper()}<|endoftext|>"] * 3
    proof = proved(dataset)
    assert proof.source_documents == 3
    show_summary(summary(manifest, recipe.root, Progress()))
    said = capsys.readouterr().out
    assert f"12 left out by steps (max_bytes 3, min_bytes 3, {UPPER} 6)" in said
    assert "21 read, 3 kept, 6 empty, 0 rejected" in said
    fresh = of(corpus, "execution.unit_bytes=1GB", root=corpus / "whole")
    assert contents(run(fresh))["pack"] == shards["pack"], "units do not matter"


def test_the_summary_says_what_each_source_lost(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [
        {"name": name, "paths": [f"{corpus}/in/{name}.jsonl"], "steps": [{"min_bytes": {"bytes": size}}]}
        for name, size in (("a", 3), ("b", 20), ("c", 1))
    ]
    recipe = recipe_for(corpus, f"corpus={json.dumps(sources)}", "vocabulary.size=280")
    found = summary(run(recipe), recipe.root, Progress())
    assert found["filtered_of"] == {"a": {"min_bytes": 1}, "b": {"min_bytes": 5}, "c": {}}
    show_summary(found)
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    for line in (["of", "a", "min_bytes", "1"], ["of", "b", "min_bytes", "5"], ["of", "c", "none"]):
        assert line in said


def test_a_changed_step_is_done_again_and_an_unchanged_one_is_not(corpus: Path) -> None:
    plain = recipe_for(corpus, "vocabulary.size=280", "execution.unit_bytes=150")
    before = make_plan(plain)
    assert dict(make_plan(recipe_for(corpus, "vocabulary.size=280", "corpus.0.steps=[]")).keys) == dict(
        before.keys
    )
    recipe = of(corpus)
    first = run(recipe)
    assert make_plan(recipe).keys["tokenize"] != before.keys["tokenize"]
    assert unchanged(recipe)
    assert retokenize(recipe)[0].generation == first.generation
    newer = of(corpus, steps=STEPS.replace('version: "1"', 'version: "2"'))
    assert not unchanged(newer)
    redone, _ = retokenize(newer)
    assert redone.generation == first.generation + 1
    again = open_dataset(recipe.root).manifest
    assert not set(again.stages["tokenize"].units) & set(first.stages["tokenize"].units)
    assert again.stages["count"].units == first.stages["count"].units
    check_shaped(again)
    shorter = of(corpus, steps="[{min_bytes: {bytes: 3}}]")
    retokenize(shorter)
    ledger = open_dataset(recipe.root).manifest.stages["tokenize"].ledger
    assert ledger.filtered == {"min_bytes": 3}
    proved(open_dataset(recipe.root))


def test_a_function_that_looks_at_ids_is_called_again_where_these_are_others(corpus: Path) -> None:
    step = '[{python: {call: "tests.support.steps:even", version: "1"}}]'
    rows = [{"id": f"{i}", "other": f"{i + (i % 3 == 0)}", "text": f"document {i}"} for i in range(20)]
    for file in (corpus / "in").iterdir():
        file.unlink()
    (corpus / "in" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    odd = "python tests.support.steps:even: odd"
    assert run(of(corpus, steps=step)).stages["count"].ledger.filtered == {odd: 10}
    manifest = run(of(corpus, "corpus.0.id=other", steps=step))
    wanted = sum(int(row["other"]) % 2 for row in rows)
    assert wanted != 10
    for stage in ("count", "tokenize"):
        assert manifest.stages[stage].ledger.filtered == {odd: wanted}


def test_slices_that_are_taken_over_keep_what_was_filtered(corpus: Path) -> None:
    recipe = of(corpus, "execution.unit_bytes=1GB")
    run(recipe)
    write_jsonl(corpus / "in" / "d.jsonl", [("d0", "keep this one"), ("d1", "no")])
    retokenize(recipe)
    dataset = open_dataset(recipe.root)
    assert dataset.manifest.stages["tokenize"].ledger.filtered == {"max_bytes": 3, "min_bytes": 4, UPPER: 6}
    assert proved(dataset).source_documents == 4


def test_verify_sees_a_step_that_no_longer_does_the_same(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = of(corpus)
    run(recipe)
    from tests.support import steps

    monkeypatch.setattr(steps, "upper", lambda batch: batch)
    steps.upper.__name__ = "upper"
    with pytest.raises(CorruptionError):
        proved(open_dataset(recipe.root))


def test_rejects_of_a_step_are_dead_letters_and_count_as_rejected(corpus: Path) -> None:
    write_jsonl(corpus / "in" / "a.jsonl", [("a0", "a bad one"), ("a1", "a good one")])
    call = 'python: {call: "tests.support.steps:raises", version: "1", on_error: %s}'
    with pytest.raises(
        DataError,
        match=r"(?s)1 of \d+ records were rejected.*step_failed: python tests.support.steps:raises: ",
    ):
        run(of(corpus, steps="[{" + call % "reject" + "}]"))
    with pytest.raises(DataError, match=r"failed for the document at file://.*a.jsonl, row 0 \('a0'\)"):
        run(of(corpus, steps="[{" + call % "fail" + "}]"))
    recipe = of(corpus, "max_rejected=0.5", steps="[{" + call % "reject" + "}]")
    manifest = run(recipe)
    assert manifest.stages["tokenize"].ledger.rejected == {"step_failed": 1}
    proved(open_dataset(recipe.root))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            "[{min_bytes: {byte: 3}}]",
            r"corpus.0.steps.0.min_bytes.byte: unknown key 'byte'; did you mean 'bytes'\? \(keys here: bytes\)",
        ),
        (
            "[{min_byte: {bytes: 3}}]",
            r"corpus.0.steps.0.min_byte: there is no document step 'min_byte'; did you mean 'min_bytes'\?",
        ),
        ("[{min_bytes: {bytes: many}}]", "corpus.0.steps.0.min_bytes.bytes: .* should be a valid integer"),
        ("[{min_bytes: {bytes: 0}}]", "corpus.0.steps.0.min_bytes.bytes: bytes must be positive, got 0"),
        ("[min_bytes]", "min_bytes needs the key 'bytes'"),
        ("[{min_bytes: 3}]", "the keys of min_bytes are a mapping, not 3"),
        ("[{min_bytes: {bytes: 3}, max_bytes: {bytes: 4}}]", "a document step is written"),
        ("[7]", "a document step is written"),
        ('[{python: {call: "a.b:c"}}]', "python needs the key 'version'"),
        ('[{python: {call: "__main__:c", version: "1"}}]', "python.call: call names __main__"),
        ('[{python: {call: "lambda b: b", version: "1"}}]', "python.call: call is"),
        (
            '[{python: {call: "a.b:c", version: "1", on_error: ignore}}]',
            "python.on_error: .* should be 'reject' or 'fail'",
        ),
        ("[{fim: {rate: 0.5}}]", "'fim' is not a document step, it is a token step: put it under pack.steps"),
    ],
)
def test_mistakes_in_steps_are_named_with_their_line(steps: str, message: str) -> None:
    text = f"corpus:\n  - name: a\n    paths: [x]\n    steps: {steps}\n"
    with pytest.raises(RecipeError, match=rf"recipe, line 4: .*{message}"):
        parse_recipe(text)


def test_steps_are_written_as_they_are_read(corpus: Path) -> None:
    recipe = of(corpus)
    again = Recipe.model_validate_json(recipe.model_dump_json(by_alias=True))
    assert again == recipe
    assert recipe.model_dump(mode="json")["corpus"][0]["steps"][0] == {"min_bytes": {"bytes": 3}}


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("drops_in_silence", RecipeError, r"gave \d documents for \d"),
        ("short_mask", RecipeError, r"a mask of \d for \d documents"),
        ("renames", RecipeError, "changed the ids"),
        ("missing", RecipeError, "source 'lines': .* has no function 'missing'"),
        (
            "english",
            DataError,
            "python tests.support.steps:english failed for the document at .*KeyError: 'lang'",
        ),
    ],
)
def test_bad_functions(corpus: Path, function: str, error: type[Exception], message: str) -> None:
    recipe = of(corpus, steps=f'[{{python: {{call: "tests.support.steps:{function}", version: "1"}}}}]')
    with pytest.raises(error, match=message):
        run(recipe)


def test_a_field_that_no_record_has_is_null_in_json_and_an_error_in_a_table(corpus: Path) -> None:
    step = '[{python: {call: "tests.support.steps:english", version: "1", fields: [lang]}}]'
    manifest = run(of(corpus, steps=step), until="count")
    assert manifest.stages["count"].ledger.filtered == {"python tests.support.steps:english: not English": 18}
    (corpus / "in" / "x.csv").write_text("id,text\n1,a\n")
    with pytest.raises(DataError, match="no column named 'lang'"):
        run(of(corpus, steps=step), until="count")


def test_ledgers_without_steps_read_as_before() -> None:
    old = '{"documents_in": 3, "documents_out": 2, "empty": 1, "rejected": {}, "bytes_in": 1, "text_bytes": 1, "tokens": 1}'
    ledger = Ledger.model_validate_json(old)
    ledger.check("an old one")
    assert ledger.filtered == {}
    with pytest.raises(CorruptionError, match="1 filtered"):
        (ledger + Ledger(filtered={"min_bytes": 1})).check("a new one")
