"""Biases of pairs of tokens are the mass of what may follow only one of them (N04)."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.biases import SMOOTHING, Biases, biases_between, token_shares
from pairloom.operators.models.bpe.model import ByteLevelBPE
from tests.support.owners import library

WORDS = st.sets(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=12)


def of(words: set[str]) -> Vocabulary:
    tokens = [b"<s>", *(word.encode() for word in sorted(words))]
    return Vocabulary(
        tokens=tokens, model=ByteLevelBPE(merges=np.zeros((0, 2), np.int32)), special_tokens=("<s>",)
    )


@given(WORDS, WORDS, st.data())
def test_both_are_what_counting_says_and_with_what_is_shared_all_that_goes_on(
    first: set[str], second: set[str], data: st.DataObject
) -> None:
    one, other = of(first), of(second)
    shares = [
        token_shares(
            [pa.array([data.draw(st.lists(st.integers(0, len(v) - 1)))], pa.large_list(pa.uint16()))], len(v)
        )
        for v in (one, other)
    ]
    assert all(abs(share.sum() - 1) < 1e-12 for share in shares)
    found = biases_between(one, other, *shares)
    pairs = list(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert pairs == sorted(
        (a, b)
        for a, x in enumerate(one.tokens)
        for b, y in enumerate(other.tokens)
        if a and b and (x.endswith(y) or y.endswith(x))
    )
    for place, (a, b) in enumerate(pairs):
        rests = [
            {
                token[len(v.tokens[i]) :]: i2
                for i2, token in enumerate(v.tokens)
                if i2 and token != v.tokens[i] and token.startswith(v.tokens[i])
            }
            for v, i in ((one, a), (other, b))
        ]
        for own, theirs, share, bias in (
            (rests[0], rests[1], shares[0], found.bias_a[place]),
            (rests[1], rests[0], shares[1], found.bias_b[place]),
        ):
            alone = sum(share[i] for rest, i in own.items() if rest not in theirs)
            shared = sum(share[i] for rest, i in own.items() if rest in theirs)
            assert bias == pytest.approx(alone, abs=1e-12)
            assert bias + shared == pytest.approx(sum(share[i] for i in own.values()), abs=1e-12)
    assert (
        Biases.read(found.table().take(np.random.default_rng(1).permutation(len(pairs)))).a.tolist()
        == found.a.tolist()
    )
    both = found.of(found.a, found.b)
    assert both.tolist() == np.maximum(found.bias_a, found.bias_b).tolist()


def test_the_same_vocabulary_has_no_biases_between_its_tokens_and_themselves() -> None:
    one = of({"a", "ab", "abb", "b"})
    shares = np.full(len(one), 1 / len(one))
    found = biases_between(one, one, shares, shares)
    equal = found.a == found.b
    assert equal.sum() == 4
    assert not found.bias_a[equal].any()
    assert not found.bias_b[equal].any()
    assert np.isinf(found.of(np.array([2]), np.array([0]))).all()


def test_what_is_no_table_and_what_has_no_bytes_is_said() -> None:
    with pytest.raises(ValueError, match="no column b, bias_a, bias_b"):
        Biases.read(pa.table({"a": [1]}))
    made = library().Tokenizer(library().models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = library().pre_tokenizers.Whitespace()
    with pytest.raises(ValueError, match="'wordpiece' are not the bytes"):
        biases_between(of({"a"}), Vocabulary.from_json(made.to_str().encode()), np.ones(2), np.ones(2))
    assert SMOOTHING == 1e-9
