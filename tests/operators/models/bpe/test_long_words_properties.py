"""Long words are encoded from left to right, and as their merges say whatever these are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, learn_bpe
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.models.bpe.kernels.word import SHORT
from pairloom.operators.models.bpe.linear import LinearTable
from pairloom.operators.reference.models.bpe.word import encode_word
from pairloom.operators.vocabulary import byte_order
from pairloom.operators.vocabulary.tokens import TokenTable
from tests.operators.models.bpe.test_bpe_properties import counts_of, words_of_few_letters

WHOLE = Pretokenizer(scheme="none")
BYTES = [bytes([byte]) for byte in byte_order()]


def encoded(vocabulary: Vocabulary, texts: list[str]) -> list[list[int]]:
    return vocabulary.encode(pa.array(texts)).to_pylist()


def specified(vocabulary: Vocabulary, text: str) -> list[int]:
    index = {token: i for i, token in enumerate(vocabulary.tokens)}
    ranks = {
        (left, right): (rank, index[vocabulary.tokens[left] + vocabulary.tokens[right]])
        for rank, (left, right) in enumerate(vocabulary.model.merges.tolist())
    }
    return encode_word([index[bytes([byte])] for byte in text.encode()], ranks)


# Over the letters that the merges were learned from.
long_texts = st.lists(
    st.one_of(
        st.text(alphabet="abcdef ", min_size=1, max_size=SHORT + 150),
        st.builds(str.__mul__, st.text(alphabet="abc", min_size=1, max_size=5), st.integers(1, 120)),
    ),
    min_size=1,
    max_size=4,
)


def linear(vocabulary: Vocabulary) -> LinearTable | None:
    return tokenizer_of(vocabulary).tables.pairs.linear


@given(words_of_few_letters, st.integers(0, 60), long_texts)
@settings(max_examples=200)
def test_learned_merges_are_applied_as_specified(words, merges, texts):
    vocabulary = learn_bpe(counts_of(words), 256 + merges, pretokenizer=WHOLE)
    assert linear(vocabulary) is not None
    assert encoded(vocabulary, texts) == [specified(vocabulary, text) for text in texts]


@st.composite
def random_merges(draw):
    """Merges that nobody learned: parts that exist already, in any order, so that some never apply."""
    tokens, merges = list(BYTES), []
    letters = [BYTES.index(letter.encode()) for letter in "abc"]
    for _ in range(draw(st.integers(1, 25))):
        parts = st.sampled_from([*letters, *range(256, len(tokens))])
        pair = draw(parts), draw(parts)
        product = tokens[pair[0]] + tokens[pair[1]]
        if product not in tokens and len(product) < 40:
            tokens.append(product)
            merges.append(pair)
    return tokens, np.array(merges, np.int32).reshape(-1, 2)


@given(random_merges(), long_texts, st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_any_merges_are_applied_as_specified(made, texts, random):
    tokens, merges = made
    order = list(range(len(tokens)))
    random.shuffle(order)  # ids in another order than the merges
    shuffled = Vocabulary(
        tokens=[tokens[i] for i in order],
        model=ByteLevelBPE(merges=np.argsort(order)[merges].astype(np.int32)),
        pretokenizer=WHOLE,
    )
    assert linear(shuffled) is not None
    assert encoded(shuffled, texts) == [specified(shuffled, text) for text in texts]


@given(random_merges(), st.data())
@settings(max_examples=100)
def test_other_merges_than_presupposed_go_another_way(made, data):
    tokens, merges = made
    if len(merges) < 2:
        return
    changed = merges[data.draw(st.permutations(range(len(merges))))]
    vocabulary = Vocabulary(tokens=tokens, model=ByteLevelBPE(merges=changed), pretokenizer=WHOLE)
    texts = data.draw(long_texts)
    assert encoded(vocabulary, texts) == [specified(vocabulary, text) for text in texts]


@pytest.mark.parametrize("wrong", ["late", "twice", "byte"])
def test_what_is_not_presupposed_is_recognized(wrong):
    a, b = BYTES.index(b"a"), BYTES.index(b"b")
    tokens, merges = [*BYTES, b"ab", b"aba"], [[a, b], [256, a]]
    products = np.array([256, 257])
    byte_ids = np.empty(256, np.int64)
    byte_ids[byte_order()] = np.arange(256)
    assert LinearTable.of(byte_ids, np.array(merges, np.int32), products, TokenTable.of(tokens)) is not None
    if wrong == "late":
        merges, products = merges[::-1], products[::-1]
    elif wrong == "twice":
        merges, products = [*merges, [a, 256]], np.array([256, 257, 257])
    else:
        byte_ids[7] = -1
    assert LinearTable.of(byte_ids, np.array(merges, np.int32), products, TokenTable.of(tokens)) is None


def test_a_megabyte_that_repeats_itself_takes_linear_time_and_is_right():
    vocabulary = learn_bpe(
        counts_of({b"a" * 3000: 1, b"ab" * 700: 1, b"aabab" * 99: 2}), 290, pretokenizer=WHOLE
    )
    for text in ("a" * 1_000_001, "ab" * 400_000 + "b", "aab" * 300_000):
        ids = vocabulary.encode_one(text)
        assert vocabulary.decode(ids) == text.encode()
        assert ids[:40].tolist() == vocabulary.encode_one(text[: len(text) // 2 // 4096 * 4096])[:40].tolist()
    short = "a" * 301 + "b" * 7 + "ab" * 80
    assert vocabulary.encode_one(short).tolist() == specified(vocabulary, short)
