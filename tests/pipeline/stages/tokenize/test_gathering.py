"""Many small files are encoded together, and whatever is made of them is as if each had been encoded by itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import DataError
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.pipeline import make_plan
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.tokenize import gathering
from pairloom.pipeline.stages.tokenize.task import tokenize_task
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.location import open_objects

TEXTS = (
    "",
    "a rose is a rose",
    "<|endoftext|> in a text",
    "\ufeffwords " * 30,
    "é",
    "w1 w2 w3",
    " \n ",
    "x" * 1500,
)


def vocabulary(without: bytes = b"") -> Vocabulary:
    """Bytes, one pair of them, and a special token; perhaps one byte is missing."""
    tokens = [b"<|endoftext|>", *(bytes([byte]) for byte in range(256) if bytes([byte]) != without)]
    pair = [tokens.index(b"s"), tokens.index(b"e")]
    return Vocabulary(
        tokens=[*tokens, b"se"],
        model=ByteLevelBPE(merges=np.array([pair], np.int32)),
        special_tokens=("<|endoftext|>",),
    )


def write_files(folder: Path) -> None:
    for number in range(120):
        text = f"{TEXTS[number % len(TEXTS)]}{number % 3}" if number % 11 else ""
        (folder / f"{number:03}.txt").write_text(text)
    (folder / "050.txt").write_bytes(b"no \xff UTF-8")
    for number in (30, 31, 90):
        lines = [{"text": f"{TEXTS[i]} {number}", "id": f"d{i}" if i % 2 else None} for i in range(4)]
        (folder / f"{number:03}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def made(root: Path, folder: Path, policy: str, tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """What receipts say of all units, without what has nothing to do with content."""
    recipe = Recipe.model_validate(
        {
            "root": str(root),
            "corpus": [{"name": "a", "paths": [f"{folder}/*"], "id": "id"}],
            "vocabulary": {"size": 300},
            "pack": {"seq_len": 16},
            "tokenize": {"special_tokens_in_text": policy},
            "max_rejected": 1.0,
        }
    )
    found = []
    for unit in make_plan(recipe).units:
        receipt = tokenize_task(recipe, unit, tokenizer.vocabulary, "memo").attempt(tokenizer)
        data = json.loads(receipt.model_dump_json())
        for piece in data["pieces"]:
            del piece["seconds"]
        for file, stored in zip(data["files"], receipt.files, strict=True):
            del file["path"]
            file["rows"] = [batch.to_pylist() for batch in read_batches(open_objects(str(root)), stored)]
        found.append(data)
    return found


@pytest.mark.parametrize("policy", ["text", "parse", "error"])
def test_receipts_and_shards_are_those_of_files_that_are_encoded_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """Also sums of every record batch, dead letters and how the vocabulary met each file."""
    (tmp_path / "in").mkdir()
    write_files(tmp_path / "in")
    tokenizer = Tokenizer(vocabulary())
    together = made(tmp_path / "a", tmp_path / "in", policy, tokenizer)
    monkeypatch.setattr(gathering, "GATHERED", 900)
    some = made(tmp_path / "b", tmp_path / "in", policy, tokenizer)
    monkeypatch.setattr(gathering, "SMALL", 0)
    alone = made(tmp_path / "c", tmp_path / "in", policy, tokenizer)
    assert together == some == alone
    pieces = [piece for unit in together for piece in unit["pieces"]]
    assert len(pieces) == 123
    assert {piece["batches"] for piece in pieces} == {0, 1}
    assert sum(piece["coverage"]["unknown_words"] for piece in pieces) > 100
    assert sum(sum(unit["ledger"]["rejected"].values()) for unit in together) == (
        7 if policy != "error" else 20
    )


def test_a_byte_without_a_token_is_said_of_its_own_file(tmp_path: Path) -> None:
    """What is wrong is said as if the file had been alone."""
    (tmp_path / "in").mkdir()
    for number in range(9):
        (tmp_path / "in" / f"{number}.txt").write_text("a rose" if number < 7 else "quite a rose q")
    with pytest.raises(
        DataError, match=r"^2 bytes have no token in this vocabulary, the first in document 0"
    ):
        made(tmp_path / "out", tmp_path / "in", "text", Tokenizer(vocabulary(without=b"q")))
