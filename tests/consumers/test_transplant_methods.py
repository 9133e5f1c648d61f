"""A small model, trained here, starts with another vocabulary from rows that a method made: better than from any rows.

What methods go by is made here too: a model of the new vocabulary, and vectors of tokens by what they are spelled with.
"""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from pairloom.operators import Vocabulary
from pairloom.operators.embeddings import method_of
from pairloom.pipeline.transplant import Sources, transplant
from tests.consumers.test_transplant import (
    TEXTS,
    batch,
    drawn_rows,
    learned,
    loss_per_byte,
    loss_with_rows,
    rows_made,
    trained,
)

OLD, NEW = learned(320, TEXTS, "<|endoftext|>"), learned(420, TEXTS, "</s>")


def spelled(vocabulary: Vocabulary) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """A vector for each token: its runs of one to four bytes, hashed to 64 numbers."""
    found = np.zeros((len(vocabulary), 64), np.float32)
    for i, token in enumerate(vocabulary.tokens):
        word = b"<" + token + b">"
        for n in range(1, 5):
            for start in range(len(word) - n + 1):
                drawn = zlib.crc32(word[start : start + n])
                found[i, drawn % 64] += 1 if drawn >> 16 & 1 else -1
    return found


@pytest.mark.parametrize("tied", [False, True])
def test_it_starts_better_than_from_drawn_rows_and_from_the_mean(tmp_path: Path, tied: bool) -> None:
    """(N01, N02)"""
    trained(OLD, tied=tied).save_pretrained(tmp_path / "old")
    trained(NEW, tied=tied).save_pretrained(tmp_path / "donor")
    np.savez(tmp_path / "vectors.npz", old=spelled(OLD), new=spelled(NEW))
    vectors, donor = Sources(vectors=str(tmp_path / "vectors.npz")), Sources(donor=str(tmp_path / "donor"))
    cut, losses = batch(NEW), {}
    for name, settings, sources in (
        ("tokenadapt", {}, vectors),
        ("omp", {"k": "8"}, donor),
    ):
        out = tmp_path / name
        transplant(
            OLD, NEW, str(tmp_path / "old"), str(out), method=method_of(name, settings), sources=sources
        )
        model = transformers.AutoModelForCausalLM.from_pretrained(out).eval()
        losses[name] = loss_per_byte(model, cut, NEW)
    made = rows_made(tmp_path / "omp", "method")
    assert torch.equal(made, rows_made(tmp_path / "tokenadapt", "method"))
    drawn = loss_with_rows(tmp_path / "omp", cut, NEW, made, drawn_rows)
    mean = loss_with_rows(tmp_path / "omp", cut, NEW, made, lambda known, _: known.mean(dim=0))
    assert max(losses.values()) < min(drawn, mean), (losses, drawn, mean)
