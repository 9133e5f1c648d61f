"""Texts of evaluations in documents: found as plain Python finds them, left out by list, or not trained."""

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.documents import DocumentBatch, Entries, spans_of
from pairloom.operators.documents.decontaminate import Decontaminate
from pairloom.operators.errors import RecipeError
from pairloom.operators.reference.documents.overlaps import find_runs, hash_runs, hash_words
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from tests.support.corpora import contents, recipe_for, write_jsonl

WORDS = st.lists(
    st.sampled_from(["a", "B", "\u00e9", "\u03a3", "7", "it's", "\u65e5\u672c", ".", "-"]), max_size=12
).map(" ".join)


def step(action: str, ngram: int, *lists: list[str]) -> object:
    """The step of some lists of texts."""
    made = Decontaminate(
        against=tuple(f"evals/{i}.jsonl" for i in range(len(lists))), ngram=ngram, action=action
    )
    return made.with_lists(
        tuple(Entries(np.zeros(0, np.int64), names=pa.array(texts, pa.large_string())) for texts in lists)
    )


@given(st.lists(WORDS, max_size=6), st.lists(WORDS, min_size=1, max_size=4), st.sampled_from([1, 2, 3]))
def test_runs_are_those_of_plain_python(texts: list[str], items: list[str], ngram: int) -> None:
    known = [one for item in items for one in hash_runs([word for word, _, _ in hash_words(item)], ngram)]
    if not known:
        with pytest.raises(
            RecipeError, match=rf"no item of evals/0\.jsonl has {ngram} words.*lower ngram, or correct column"
        ):
            step("drop", ngram, items)
        return
    batch = DocumentBatch.of(texts)
    masked = step("mask", ngram, items)(batch)
    kept = step("drop", ngram, items)(batch)
    clean = []
    for text, spans in zip(texts, masked.spans["loss_mask"].to_pylist(), strict=True):
        words = hash_words(text)
        shared = find_runs([word for word, _, _ in words], ngram, known)
        wanted = {i for (_, a, b), some in zip(words, shared, strict=True) if some for i in range(a, b)}
        inside = {i for span in spans for i in range(span["start"], span["end"])}
        assert wanted <= inside
        assert all(not text[i].isalnum() for i in inside - wanted)
        assert {span["value"] for span in spans} <= {0.0}
        if not wanted:
            clean.append(text)
    assert kept.content.to_pylist() == clean
    assert kept.dropped == ({"overlaps 0.jsonl": len(texts) - len(clean)} if len(clean) < len(texts) else {})


@given(
    st.lists(WORDS, max_size=5),
    st.lists(WORDS, min_size=1, max_size=4),
    st.lists(WORDS, min_size=1, max_size=4),
    st.sampled_from([1, 2, 3]),
)
def test_hits_are_those_of_plain_python(
    texts: list[str], some: list[str], more: list[str], ngram: int
) -> None:
    """Of a run that several items of a list have, the first is named; the overlap is the words of all runs that are its."""
    runs = [
        [hash_runs([word for word, _, _ in hash_words(item)], ngram) for item in one] for one in (some, more)
    ]
    if not all(any(one) for one in runs):
        return
    wanted = []
    for document, text in enumerate(texts):
        there: dict[tuple[int, int], set[int]] = {}
        for at, run_ in enumerate(hash_runs([word for word, _, _ in hash_words(text)], ngram)):
            for of, items in enumerate(runs):
                first = next((item for item, known in enumerate(items) if run_ in known), None)
                if first is not None:
                    there.setdefault((of, first), set()).update(range(at, at + ngram))
        for (of, item), places in sorted(there.items()):
            words = len(hash_words((some, more)[of][item]))
            wanted.append(
                (document, f"{of}.jsonl", item, (some, more)[of][item], words, len(places), "report")
            )
    made = step("report", ngram, some, more)
    batch = DocumentBatch.of(texts)
    assert [tuple(hit) for hit in made.hits(batch)] == wanted
    assert made(batch) is batch


def test_a_document_is_counted_for_the_list_of_its_first_run() -> None:
    made = step("drop", 2, ["what is up", "one two"], ["two three", "it is"])
    batch = DocumentBatch.of(
        ["One, TWO!", "x two; three one two", "it's what is", "nothing", "It Is what is up"]
    )
    left = made(batch)
    assert left.content.to_pylist() == ["nothing"]
    assert left.dropped == {"overlaps 0.jsonl": 2, "overlaps 1.jsonl": 2}


def test_small_letters_stand_where_capitals_did() -> None:
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    lowered = pc.utf8_lower(pa.array(points, pa.large_string()))
    assert set(pc.utf8_length(lowered).to_pylist()) == {1}


@pytest.mark.parametrize("action", ["drop", "mask"])
def test_every_planted_item_is_found_in_a_run(tmp_path: Path, action: str) -> None:
    rng = random.Random(4)
    words = [f"w{i}" for i in range(300)]
    items = {name: [" ".join(rng.choices(words, k=20)) for _ in range(12)] for name in ("arith", "facts")}
    (tmp_path / "evals").mkdir()
    for name, texts in items.items():
        lines = (json.dumps({"question": text}) for text in [*texts, "too short"])
        (tmp_path / "evals" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    documents, planted = [], {}
    for number in range(120):
        text = " ".join(rng.choices(words, k=60))
        if number % 5 == 0:
            name = ("arith", "facts")[number % 2]
            item = rng.choice(items[name]).split()[3:17]
            planted[number] = (name, item)
            text = f"{text} {'; '.join(item).upper()}! {' '.join(rng.choices(words, k=9))}"
        documents.append((str(number), text))
    write_jsonl(tmp_path / "in" / "a.jsonl", documents)
    against = [str(tmp_path / "evals" / f"{name}.jsonl") for name in items]
    made = []
    for unit in ("100MB", "3000"):
        recipe = recipe_for(
            tmp_path,
            f"corpus.0.steps=[{{decontaminate: {{against: {against}, column: question, action: {action}}}}}]",
            f"execution.unit_bytes={unit}",
            root=tmp_path / unit,
        )
        manifest = run(recipe)
        made.append(contents(manifest)["pack"])
        dataset = open_dataset(recipe.root)
        round_trip(dataset, verify(dataset), sample=100)
    assert made[0] == made[1]
    ledger = manifest.stages["tokenize"].ledger
    if action == "drop":
        counted = {f"decontaminate: overlaps {name}.jsonl": 0 for name in items}
        for name, _ in planted.values():
            counted[f"decontaminate: overlaps {name}.jsonl"] += 1
        assert ledger.filtered == counted
        # Another evaluation makes another dataset.
        (tmp_path / "evals" / "facts.jsonl").write_text(json.dumps({"question": " ".join(words[:13])}) + "\n")
        assert retokenize(recipe)[0].stages["tokenize"].ledger.filtered != counted
        return
    assert ledger.filtered == {}
    vocabulary, hidden = dataset.vocabulary(), 0
    for split in ("train", "validation"):
        table = dataset.table(split)
        for ids, mask in zip(table["input_ids"].to_pylist(), table["loss_mask"].to_pylist(), strict=True):
            untrained = vocabulary.decode([i for i, one in zip(ids, mask, strict=True) if not one]).decode()
            trained = vocabulary.decode([i for i, one in zip(ids, mask, strict=True) if one]).decode()
            assert "W" not in trained
            hidden += untrained.count("W")
    assert hidden == sum(len(item) for _, item in planted.values())


def test_a_mask_is_laid_over_the_one_that_is_there() -> None:
    batch = DocumentBatch.of(["ask: one two three. say: four", "one two", "clean text"])
    batch = batch.with_spans(
        loss_mask=spans_of([[(5, 24, 1.0), (25, 29, 1.0)], [(0, 7, 1.0)], [(0, 5, 1.0)]])
    )
    made = step("mask", 2, ["One, two"])(batch)
    spans = [[tuple(span.values()) for span in one] for one in made.spans["loss_mask"].to_pylist()]
    assert spans == [[(5, 12, 0.0), (12, 24, 1.0), (25, 29, 1.0)], [(0, 7, 0.0)], [(0, 5, 1.0)]]


def test_conversations_keep_their_mask_but_on_what_an_evaluation_asks(tmp_path: Path) -> None:
    """Two evaluations, one after another, behind a chat: what is trained is the answers less their runs."""
    (tmp_path / "in").mkdir()
    answers = ["the sky is blue today and so is the sea", "seven times six is forty two as you know"]
    with (tmp_path / "in" / "a.jsonl").open("w") as file:
        for i in range(20):
            messages = [
                {"role": "user", "content": f"question {i}"},
                {"role": "assistant", "content": answers[i % 2]},
            ]
            file.write(json.dumps({"id": str(i), "messages": messages}) + "\n")
    for name, item in (("a", "sky is blue today"), ("b", "six is forty two")):
        (tmp_path / f"{name}.txt").write_text(item + "\n")
    steps = [
        {"decontaminate": {"against": [str(tmp_path / f"{name}.txt")], "ngram": 4, "action": "mask"}}
        for name in "ab"
    ]
    recipe = Recipe.model_validate(
        {
            "root": str(tmp_path / "out"),
            "corpus": [
                {
                    "name": "chats",
                    "paths": [str(tmp_path / "in" / "*.jsonl")],
                    "id": "id",
                    "messages": "messages",
                    "template": "chatml",
                    "steps": steps,
                }
            ],
            "vocabulary": {"size": 300, "special_tokens": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]},
            "pack": {"seq_len": 128, "validation": 0},
            "execution": {"engine": "local"},
        }
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    round_trip(dataset, verify(dataset), sample=20)
    table, vocabulary = dataset.table(), dataset.vocabulary()
    said = "".join(
        vocabulary.decode([i for i, one in zip(ids, mask, strict=True) if one]).decode()
        for ids, mask in zip(table["input_ids"].to_pylist(), table["loss_mask"].to_pylist(), strict=True)
    )
    assert "blue" not in said
    assert "forty" not in said
    assert said.count("seven times") == said.count(" as you know<|im_end|>") == 10
    assert said.count(" and so is the sea<|im_end|>") == 10
    assert "question" not in said


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"against": ()}, "against must be paths"),
        ({"against": ("a",), "ngram": 0}, "ngram must be from 1 to 1000"),
        ({"against": ("a",), "column": ""}, "column must not be empty"),
    ],
)
def test_what_makes_no_sense_is_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Decontaminate(**keys)
