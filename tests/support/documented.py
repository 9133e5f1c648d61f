"""The folder in which people type what the documents say: a corpus, a recipe, what it makes, and vocabularies in files."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.pipeline import open_dataset
from pairloom.pipeline.export.tiktoken import export_tiktoken
from tests.support.corpora import documents, write_jsonl

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    *sorted(
        str(path.relative_to(ROOT)) for folder in ("docs", "infra") for path in ROOT.glob(f"{folder}/**/*.md")
    ),
]
RECIPE = """
root: out
corpus: [{name: web, paths: in/*.jsonl, id: id}]
vocabulary: {size: 400}
pack: {seq_len: 2048, validation: 0.1}
statistics: [{ngrams: {n: [2], top: 100}}]
stages: [merkle]
execution: {engine: local}
"""
BOOK = "".join(f"{'b' * length}{letter}\n" for length in range(3, 10) for letter in "acdefgh")


ADAPTED = """
root: adapting
corpus: [{name: portuguese, paths: book.txt}]
vocabulary: {extend: english.json, size: 500}
execution: {engine: local}
"""


def write_model(folder: Path, rows: int) -> None:
    """A model of which there is an embedding and nothing else."""
    folder.mkdir()
    weights = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)
    said = {"dtype": "F32", "shape": list(weights.shape), "data_offsets": [0, weights.nbytes]}
    head = json.dumps({"model.embed_tokens.weight": said}).encode()
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + weights.tobytes())
    (folder / "config.json").write_text(json.dumps({"vocab_size": rows, "eos_token_id": 0}))


def prepare() -> None:
    """Fill the current folder: `in/`, `recipe.yaml`, its root `out`, `book.txt`, vocabularies by their usual names, a `model/`,
    and what another vocabulary's rows are made of."""
    write_jsonl(Path("in/a.jsonl"), documents(200))
    Path("recipe.yaml").write_text(RECIPE)
    Path("portuguese.yaml").write_text(ADAPTED)
    Path("book.txt").write_text("\n".join(text for _, text in documents(200)) + BOOK)
    ran = CliRunner().invoke(app, ["run", "recipe.yaml"])
    assert ran.exit_code == 0, ran.output
    learned = open_dataset("out").vocabulary()
    for name in ("tokenizer.json", "english.json", "words.json"):
        learned.save(name)
    export_tiktoken(learned, "words.tiktoken")
    other = count_words(pa.array([text for _, text in documents(200, 9)]), Pretokenizer())
    learn_bpe(other, 500, pretokenizer=Pretokenizer()).save("portuguese.json")
    write_model(Path("model"), len(learned))
    other_learned = Vocabulary.load("portuguese.json")
    write_model(Path("donor"), len(other_learned))
    draws = np.random.default_rng(0)
    np.savez(
        "vectors.npz",
        old=draws.normal(size=(len(learned), 8)),
        new=draws.normal(size=(len(other_learned), 8)),
    )
