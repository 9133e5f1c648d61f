"""The trie finds exactly the tokens that it was filled with, and fills in room that grows as they do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.models.bpe.kernels.trie import ROOT
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.vocabulary.tokens import TokenTable


def found(slots, text):
    """The numbers of the tokens that a text begins with, by length: the steps that `trie.py` describes."""
    base, numbers = ROOT, {}
    for length, byte in enumerate(text, start=1):
        word = int(slots[base ^ byte])
        if word & 511 != byte + 1:
            break
        if word >> 33:
            numbers[length] = (word >> 33) - 1
        base = word >> 9 & 0xFFFFFF
        if not base:
            break
    return numbers


def check(tokens, numbers):
    slots = build_trie(TokenTable.of(tokens), np.array(numbers, np.int64))
    kept = {token: number for token, number in zip(tokens, numbers, strict=True) if number >= 0 and token}
    for token in tokens:
        text = token + b"\0\xff"
        wanted = {n: kept[text[:n]] for n in range(1, len(text) + 1) if text[:n] in kept}
        assert found(slots, text) == wanted
    prefixes = {token[:n] for token in kept for n in range(1, len(token) + 1)}
    # What is in no slot of a token is in none: every slot in use is a prefix's.
    assert int(np.count_nonzero(slots)) == len(prefixes)
    return len(slots), len(prefixes)


@given(tokens=st.lists(st.binary(max_size=6), unique=True, max_size=60), data=st.data())
def test_exactly_the_tokens_are_found(tokens, data):
    numbers = data.draw(st.lists(st.integers(-1, 1000), min_size=len(tokens), max_size=len(tokens)))
    check(tokens, numbers)


@pytest.mark.parametrize("letters", [2, 26, 256])
def test_room_grows_as_the_tokens_do(letters):
    """Nodes of few and of many children share blocks; none that has looked in vain makes others look there again."""
    drawn = np.random.default_rng(letters)
    tokens = list(
        dict.fromkeys(
            bytes(drawn.integers(0, letters, size).astype(np.uint8)) for size in drawn.integers(1, 14, 20_000)
        )
    )
    used, prefixes = check(tokens, list(range(len(tokens))))
    assert used < 4 * prefixes + 4096
