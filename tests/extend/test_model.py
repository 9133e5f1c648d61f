"""A family that comes by an entry point: one file, and everything that asks a vocabulary has it."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pairloom.operators import Vocabulary, count_words
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import DataError
from pairloom.operators.kernels.cache import stamp
from pairloom.operators.models import MODELS
from pairloom.operators.models.bpe.kernels.block import encode_block
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from tests.extend import model
from tests.extend.strangers import distribution
from tests.support.corpora import documents, recipe_for, write_jsonl

ROOT = Path(__file__).parents[2]
FILE = json.dumps({"added_tokens": [{"id": 0, "content": "<|end|>"}], "model": {"type": "Bytes"}}).encode()
MODEL = {"pairloom.models": {"bytes": "tests.extend.model:Bytes"}}
SETTINGS = ("tokenize.append=['<|end|>']",)
TEXTS = ["naïve cats, 1234", None, "", "x" * 3000, "a<|end|>b", "日本語 " * 50]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = distribution(tmp_path / "stranger", MODEL)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr("pairloom.operators.vocabulary.tokenizer_json.MODELS", replace(MODELS))
    return folder


def as_bytes(text: str | None) -> list[int] | None:
    return None if text is None else [byte + 1 for byte in text.encode()]


def test_text_becomes_bytes_and_bytes_become_text(installed: Path) -> None:
    vocabulary = Vocabulary.from_json(FILE)
    assert vocabulary.model.name == "bytes"
    assert vocabulary.to_json() == FILE
    column = pa.array(TEXTS)
    ids, ends = vocabulary.encode(column, offsets=True)
    assert ids.to_pylist() == [as_bytes(text) for text in TEXTS]
    assert ends.to_pylist()[0] == list(range(1, len(ids.to_pylist()[0]) + 1))
    assert vocabulary.decode(ids).to_pylist() == [None if text is None else text.encode() for text in TEXTS]
    assert vocabulary.encode_one("a<|end|>b", special_tokens_in_text="parse").tolist() == [98, 0, 99]


def test_words_are_remembered_and_tables_travel(installed: Path) -> None:
    vocabulary = Vocabulary.from_json(FILE)
    column = pa.array(TEXTS)
    tokenizer = Tokenizer(vocabulary).with_memo(count_words(column.fill_null(""), vocabulary.pretokenizer))
    again = pickle.loads(pickle.dumps(tokenizer.prepared(), protocol=5))
    assert again.vocabulary == vocabulary
    assert again.encode(column).to_pylist() == [as_bytes(text) for text in TEXTS]
    encoder = again.encoder()
    again.encode_column(column, encoder=encoder)
    # What is longer than 1,024 bytes is in no memo.
    assert encoder.statistics["misses"] == 1


def test_fingerprints_name_the_model(installed: Path) -> None:
    vocabulary = Vocabulary.from_json(FILE)
    merged = Vocabulary.from_json(FILE.replace(b"<|end|>", b"<|END|>"))
    assert len({vocabulary.fingerprint, merged.fingerprint}) == 2
    assert vocabulary == Vocabulary.from_json(vocabulary.to_json())


def test_a_family_that_is_not_installed_is_left_to_the_library() -> None:
    pytest.importorskip("tokenizers")
    with pytest.raises(DataError, match="cannot read this"):
        Vocabulary.from_json(FILE)
    with pytest.raises(DataError, match="not a tokenizer"):
        Vocabulary.from_json(b"{}")


def test_kernels_of_two_families_are_kept_apart() -> None:
    ours, theirs = encode_block.py_func, model.encode_block.py_func
    assert stamp(ours) != stamp(theirs)
    # Both are compiled and on disk by now, or will be: a process that has neither finds each its own.
    script = """
from pairloom.operators import Vocabulary, learn_bpe, count_words
from pairloom.operators.encode import Tokenizer
from pairloom.operators.models.bpe import ByteLevelBPE
from tests.extend.model import Bytes
import pyarrow as pa
tokens = [bytes([byte]) for byte in range(256)] + [b"ab"]
plain = Vocabulary(tokens=tokens[:256], model=Bytes())
merged = Vocabulary(tokens=tokens, model=ByteLevelBPE(merges=[[97, 98]]))
print([one.encode_one("abc").tolist() for one in (plain, merged)])
"""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert done.stdout == "[[97, 98, 99], [256, 99]]\n"


def test_a_recipe_brings_it(installed: Path, tmp_path: Path) -> None:
    lines = documents(40)
    write_jsonl(tmp_path / "in" / "a.jsonl", lines)
    (tmp_path / "bytes.json").write_bytes(FILE)
    recipe = recipe_for(
        tmp_path, f"vocabulary={{from: {tmp_path / 'bytes.json'}}}", *SETTINGS, "pack.shuffle.mode=none"
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    proof = verify(dataset)
    round_trip(dataset, proof, sample=1, everything=True)
    assert proof.source_bytes == sum(len(text.encode()) for _, text in lines)
    assert dataset.vocabulary().model.name == "bytes"
    assert dataset.vocabulary().fingerprint == Vocabulary.from_json(FILE).fingerprint


def test_the_command_line_finds_it(tmp_path: Path) -> None:
    folder = distribution(tmp_path / "stranger", MODEL)
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(40))
    (tmp_path / "bytes.json").write_bytes(FILE)
    (tmp_path / "recipe.yaml").write_text(
        f"root: {tmp_path / 'out'}\n"
        f"corpus: [{{name: all, paths: ['{tmp_path}/in/*.jsonl']}}]\n"
        f"vocabulary: {{from: {tmp_path / 'bytes.json'}}}\n"
        "tokenize: {append: ['<|end|>']}\n"
        "pack: {seq_len: 64}\n"
        "execution: {engine: local}\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    for command in (["run", str(tmp_path / "recipe.yaml")], ["verify", str(tmp_path / "out"), "--all"]):
        program = [sys.executable, "-c", "from pairloom.jobs.cli import main; main()", *command]
        done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
