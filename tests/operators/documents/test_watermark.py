"""Watermarks: p-values are uniform on what has none, and what was planted is found."""

import random

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.documents import DocumentBatch, Entries
from pairloom.operators.documents._marked import COSTS, p_values, secret
from pairloom.operators.documents.kernels.watermark import follow_keys
from pairloom.operators.documents.watermark import Watermark
from pairloom.operators.encode import Tokenizer
from pairloom.operators.reference.documents import watermark as twin


def planted(key: int, rows: int, chances: npt.NDArray[np.float64], length: int, shift: int) -> list[int]:
    """Tokens that a model with these chances samples by exponential minimum from the sequence of a key."""
    found = []
    for i in range(length):
        u = np.array(
            [(twin.uniform(secret(key), (shift + i) % rows, t) + 0.5) / 2**64 for t in range(len(chances))]
        )
        found.append(int(np.argmin(-np.log(u) / chances)))
    return found


def test_the_kernel_is_its_twin() -> None:
    rng = np.random.default_rng(0)
    ids, offsets = rng.integers(0, 1 << 17, 30), np.array([0, 0, 1, 4, 18, 30])
    keys = np.array([0, secret(7), (1 << 64) - 1], np.uint64)
    for rows, block, most in ((5, 3, 20), (1, 4, 9), (7, 40, 40)):
        made, wanted = np.zeros((5, 3)), np.zeros((5, 3))
        follow_keys(ids, offsets, keys, rows, block, most, COSTS, made)
        twin.follow_keys(ids, offsets, keys, rows, block, most, COSTS, wanted)
        np.testing.assert_allclose(made, wanted, rtol=1e-12)


def test_p_values_of_texts_without_a_watermark_are_uniform() -> None:
    """(N08) By the distance of Kolmogorov and Smirnov, and by chi-square over tenths, of 600 documents."""
    rng = np.random.default_rng(1)
    step = Watermark(key=5, tokenizer="t.json", rows=16, block=10, tokens=20, keys=99)
    lengths = rng.integers(5, 30, 600)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    found = p_values(step, rng.integers(0, 5000, int(offsets[-1])), offsets)
    ordered = np.sort(found)
    steps = np.arange(1, 601) / 600
    assert (
        np.abs(ordered - steps).max() < 1.63 / np.sqrt(600) + 0.01
    )  # 1 % of the distribution, and a step of 1/100
    counts = np.bincount(np.minimum(9, ((found * 100 - 1) // 10).astype(int)), minlength=10)
    assert ((counts - 60) ** 2 / 60).sum() < 21.67  # 1 % of chi-square with nine degrees of freedom


@pytest.mark.parametrize("edited", [0.0, 0.3])
def test_a_planted_watermark_is_found_wherever_it_stands(edited: float) -> None:
    """(N08) Of 35 tokens of a sampler of high entropy, and of 120 of which three in ten were replaced."""
    rng = random.Random(2)
    chances = np.random.default_rng(3).dirichlet(np.full(200, 2.0))
    step = Watermark(key=11, tokenizer="t.json", rows=64, block=35 if not edited else 120, tokens=160)
    marked = planted(11, 64, chances, step.block, shift=40)
    marked = [rng.randrange(200) if rng.random() < edited else token for token in marked]
    around = [rng.randrange(200) for _ in range(20)]
    ids = np.array([*around, *marked, *around, *around])
    offsets = np.array([0, len(ids) - len(around), len(ids)])
    found = p_values(step, ids, offsets)
    assert found[0] <= 0.01
    other = Watermark(key=12, tokenizer="t.json", rows=64, block=step.block, tokens=160)
    assert p_values(other, ids, offsets)[0] > 0.01


def test_the_step_leaves_out_what_is_watermarked() -> None:
    vocabulary = learn_bpe(count_words(pa.array(["a"]), Pretokenizer()), 257, pretokenizer=Pretokenizer())
    letters = [vocabulary.token_to_id(bytes([byte])) for byte in range(48, 112)]
    chances = np.full(257, 1e-9)
    chances[letters] = 1 / 64
    text = b"".join(bytes(vocabulary.tokens[k]) for k in planted(3, 32, chances, 80, shift=9)).decode()
    rng = random.Random(4)
    clean = "".join(chr(rng.randrange(48, 112)) for _ in range(80))
    step = Watermark(key=3, tokenizer="t.json", rows=32, block=40, tokens=80, below=0.01)
    ready = step.with_lists((Entries(np.zeros(0, np.int64), tokenizer=Tokenizer(vocabulary)),))
    left = ready(DocumentBatch.of([text, clean, ""]))
    assert left.content.to_pylist() == [clean, ""]
    assert dict(left.dropped) == {"watermarked": 1}
    first, second = left.fields["watermark"].to_pylist()
    assert first > 0.01
    assert second is None


def test_what_cannot_be_is_refused() -> None:
    for wrong, said in (
        ({"key": -1}, "key must be"),
        ({"rows": 0}, "rows must be"),
        ({"below": 0.001}, "ask for more keys"),
        ({"below": 2.0}, "below must be"),
        ({"field": "a b"}, "field must be"),
        ({"tokenizer": ""}, "tokenizer must not be empty"),
    ):
        with pytest.raises(ValueError, match=said):
            Watermark(**({"key": 1, "tokenizer": "t.json"} | wrong))
