"""Masked rows beside the collators of `transformers`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    BertTokenizer,
    DataCollatorForLanguageModeling,
    DataCollatorForWholeWordMask,
)

from pairloom.operators.layouts.masked_lm import MaskedLM
from tests.support.rows import Words, chi_square, matrix, rows_of

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def word_pieces(folder: Path) -> tuple[Words, BertTokenizer]:
    """One vocabulary, as ours and as BERT's: words of one to three pieces."""
    tokens = [f"w{i}" for i in range(60)] + [f"##p{i}" for i in range(40)]
    words = Words(BERT, [token.encode() for token in tokens])
    (folder / "vocab.txt").write_text("\n".join(token.decode() for token in words.tokens))
    return words, BertTokenizer(str(folder / "vocab.txt"))


def pieces(rng: np.random.Generator, rows: int, length: int) -> np.ndarray:
    """Rows of ids: [CLS], words, [SEP]."""
    ids = rng.integers(5, 65, (rows, length))
    goes_on = rng.random((rows, length)) < 0.4
    goes_on[:, :2] = False
    ids[goes_on] = rng.integers(65, 105, int(goes_on.sum()))
    ids[:, 0], ids[:, -1] = 2, 3
    return ids


@pytest.mark.parametrize("unit", ["token", "word"])
def test_masks_are_those_of_the_collators_in_distribution(tmp_path: Path, unit: str) -> None:
    """The share that is predicted, what it becomes, words whole or not: as `transformers` draws them."""
    words, tokenizer = word_pieces(tmp_path)
    ids = pieces(np.random.default_rng(1), 600, 130)
    torch.manual_seed(1)
    kind = DataCollatorForLanguageModeling if unit == "token" else DataCollatorForWholeWordMask
    theirs = kind(tokenizer, mlm_probability=0.15)([{"input_ids": torch.tensor(row)} for row in ids])
    step = MaskedLM(unit=unit)
    made = step(rows_of([[row.tolist()] for row in ids], 130), 1, 0, 0, step.prepare(words))
    found = {}
    for name, after, labels in (
        ("theirs", theirs["input_ids"].numpy(), theirs["labels"].numpy()),
        ("ours", matrix(made, "input_ids"), matrix(made, "labels")),
    ):
        hit = labels != -100
        assert (labels[hit] == ids[hit]).all()
        assert (after[~hit] == ids[~hit]).all()
        assert not hit[:, [0, -1]].any()
        masked, stays = hit & (after == 4), hit & (after == ids)
        found[name] = [int(part.sum()) for part in (masked, stays, hit & ~masked & ~stays)]
        if unit == "word":
            inside = ids >= 65
            assert (hit[:, 1:] == hit[:, :-1])[inside[:, 1:]].all()
    # What becomes of tokens has one distribution; how many are predicted differs by how a budget is rounded.
    ours, both = found["ours"], [a + b for a, b in zip(found["ours"], found["theirs"], strict=True)]
    share = sum(ours) / sum(both)
    expected = [share * n for n in both] + [(1 - share) * n for n in both]
    assert chi_square([*ours, *found["theirs"]], expected) < 4
    rates = {name: sum(counts) / ids[:, 1:-1].size for name, counts in found.items()}
    assert rates["ours"] == pytest.approx(0.15, abs=0.004)
    assert rates["theirs"] == pytest.approx(rates["ours"], abs=0.01)
