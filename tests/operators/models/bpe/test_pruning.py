"""Pruning: what stays can be made, what goes is what occurs least, and the map says what each token is now."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Vocabulary, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.models.bpe import unreachable_tokens
from pairloom.operators.models.bpe.pruning import prune
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.transplant import transplant
from tests.operators.models.bpe.sharded.test_sharded_properties import counts_of, words_of_few_letters
from tests.support.corpora import documents, recipe_for, write_jsonl


def by_hand(vocabulary: Vocabulary, counts: list[int], size: int) -> list[int]:
    """The ids that stay."""
    weights, merges = list(counts), vocabulary.model.merges.tolist()
    first = len(vocabulary) - len(merges)
    stay = list(range(len(vocabulary)))
    while len(stay) > size:
        used = {part for k, pair in enumerate(merges) if first + k in stay for part in pair}
        token = min((i for i in stay if i >= first and i not in used), key=lambda i: (weights[i], -i))
        stay.remove(token)
        for part in merges[token - first]:
            weights[part] += weights[token]
    return stay


@given(words_of_few_letters, st.integers(1, 40), st.data())
@settings(max_examples=30, deadline=None)
def test_what_stays_is_as_by_hand_and_can_be_made(words, merges, data) -> None:
    vocabulary = learn_bpe(counts_of(words), 257 + merges, special_tokens=["<s>"])
    if len(vocabulary) == 257:
        return
    drawn = data.draw(st.lists(st.integers(0, 5), min_size=len(vocabulary), max_size=len(vocabulary)))
    size = data.draw(st.integers(257, len(vocabulary) - 1))
    found = prune(vocabulary, np.array(drawn, np.int64), size)
    stay = by_hand(vocabulary, drawn, size)
    assert list(found.vocabulary.tokens) == [vocabulary.tokens[i] for i in stay]
    assert unreachable_tokens(found.vocabulary).size == 0
    for i, token in enumerate(vocabulary.tokens):
        ids = found.new_ids[found.offsets[i] : found.offsets[i + 1]].tolist()
        assert b"".join(found.vocabulary.tokens[one] for one in ids) == token
        assert (len(ids) == 1) == (i in stay)
    assert Vocabulary.from_json(found.vocabulary.to_json()) == found.vocabulary


def test_special_tokens_keep_their_places_in_templates() -> None:
    vocabulary = learn_bpe(counts_of({b"abab": 3, b"abc": 2}), 259)
    template = {"type": "TemplateProcessing", "special_tokens": {"</s>": {"id": "</s>", "ids": [259]}}}
    vocabulary = replace(
        vocabulary,
        tokens=[*vocabulary.tokens, b"</s>"],
        special_tokens=("</s>",),
        special_ids=(259,),
        post_processor=json.dumps(template),
    )
    found = prune(vocabulary, np.zeros(260, np.int64), 258).vocabulary
    assert found.special_ids == (257,)
    assert json.loads(found.post_processor)["special_tokens"]["</s>"]["ids"] == [257]
    for size, said in ((260, "not below the 260 tokens"), (200, "size 200 is too small")):
        with pytest.raises(RecipeError, match=said):
            prune(vocabulary, np.zeros(260, np.int64), size)


def test_the_command_writes_a_vocabulary_rows_and_a_map(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(tmp_path, "vocabulary.size=500")
    run(recipe)
    old = open_dataset(recipe.root).vocabulary()
    old.save(tmp_path / "old.json")
    out = tmp_path / "made" / "small.json"
    asked = ["vocabulary", "prune", str(tmp_path / "old.json"), "--corpus", recipe.root, "--size", "400"]
    done = CliRunner().invoke(app, [*asked, "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    new = Vocabulary.load(out)
    assert (len(new), told["left_out"]) == (400, len(old) - 400)
    rows, mapped = (pa.ipc.open_file(pa.memory_map(told[name])).read_all() for name in ("rows", "map"))
    for row in rows.to_pylist():
        assert old.tokens[row["old_ids"][0]] == new.tokens[row["id"]] == row["token"]
    for row in mapped.to_pylist():
        assert b"".join(new.tokens[i] for i in row["new_ids"]) == row["token"] == old.tokens[row["old_id"]]
    check_rows_follow(old, new, rows.column("old_ids").to_pylist(), tmp_path)
    texts = pa.array([text for _, text in documents(60)])
    ids = old.encode(texts).to_pylist()
    counts = np.bincount([i for one in ids for i in one], minlength=len(old))
    whole = prune(old, counts, 400)
    made = sum(map(len, whole.vocabulary.encode(texts).to_pylist()))
    assert made == counts.sum() + whole.added
    wrong = ["vocabulary", "prune", str(out), "--corpus", recipe.root, "--size", "300"]
    done = CliRunner().invoke(app, [*wrong, "--out", str(tmp_path / "x.json")])
    assert isinstance(done.exception, RecipeError)
    assert "ids of another vocabulary" in str(done.exception)


def check_rows_follow(old: Vocabulary, new: Vocabulary, old_ids: list[list[int]], folder: Path) -> None:
    """`transplant` gives a model the very rows that pruning has named."""
    safetensors = pytest.importorskip("safetensors.numpy")
    held = np.arange(3 * len(old), dtype=np.float32).reshape(-1, 3)
    safetensors.save_file({"model.embed_tokens.weight": held}, folder / "model.safetensors")
    transplant(old, new, str(folder / "model.safetensors"), str(folder / "smaller"))
    (file,) = (folder / "smaller").glob("*.safetensors")
    found = safetensors.load_file(file)["model.embed_tokens.weight"]
    assert np.array_equal(found, held[np.concatenate(old_ids)])
