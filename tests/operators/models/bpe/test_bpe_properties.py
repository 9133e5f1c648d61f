"""Learning merges: equal to the specification and to Hugging Face's trainer, from any point on."""

import json
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pairloom.operators import WordCounts, count_pairs, learn_bpe
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.learner import Learner
from pairloom.operators.reference.models.bpe.learning import learn_merges, most_frequent
from pairloom.operators.vocabulary import byte_order

IDS = {int(byte): i for i, byte in enumerate(byte_order())}


def counts_of(words: dict[bytes, int]) -> WordCounts:
    ordered = sorted(words)
    return WordCounts(
        words=pa.array(ordered, pa.large_binary()), counts=np.array([words[w] for w in ordered], np.int64)
    )


def specified(words: dict[bytes, int], merges: int, min_count: int = 1, specials: int = 0) -> list[list[int]]:
    ids = {tuple(IDS[b] + specials for b in word): count for word, count in words.items()}
    return [list(pair) for pair in learn_merges(ids, 256 + specials, merges, min_count)]


def trained(words: dict[bytes, int], size: int, **options) -> list[list[str]]:
    """The merges of Hugging Face's trainer, as strings, each word a sequence of its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    options.setdefault("initial_alphabet", pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, **options)
    tokenizer.train_from_iterator((w.decode() for w, n in words.items() for _ in range(n)), trainer)
    return json.loads(tokenizer.to_str())["model"]["merges"]


def letters() -> list[str]:
    """The character of each byte-level token id, from the library under comparison."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def spelled(vocabulary) -> list[list[str]]:
    first = len(vocabulary.special_tokens)
    alphabet = dict(zip(byte_order().tolist(), letters(), strict=True))
    names = {i: "".join(alphabet[b] for b in t) for i, t in enumerate(vocabulary.tokens) if i >= first}
    return [[names[a], names[b]] for a, b in vocabulary.model.merges.tolist()]


# Words over few letters, so that pairs tie, overlap and recur; long ones cross from short to long words (64 bytes).
words_of_few_letters = st.sampled_from([2, 3, 4, 6]).flatmap(
    lambda k: st.dictionaries(
        st.one_of(
            st.text(alphabet="abcdef"[:k], min_size=1, max_size=12),
            st.builds(
                str.__mul__, st.text(alphabet="abcdef"[:k], min_size=1, max_size=3), st.integers(1, 60)
            ),
        ).map(str.encode),
        st.one_of(st.integers(1, 4), st.integers(1, 1 << 45)),
        min_size=1,
        max_size=30,
    )
)


@given(
    words_of_few_letters,
    st.integers(0, 80),
    st.integers(0, 5),
    st.sampled_from([None, 1, 2, 7, 1000]),
    st.sampled_from([None, 1, 5]),
)
@settings(max_examples=300)
def test_merges_are_those_of_the_specification(words, merges, min_count, threshold, most_hot):
    counts = counts_of(words)
    expected = specified(words, merges, min_count)
    assert learn_bpe(counts, 256 + merges, min_count=min_count).model.merges.tolist() == expected
    ids = np.array([IDS[b] for b in range(256)], np.int32)
    learner = Learner(
        Layout.of_bytes([counts], ids),
        first=256,
        merges=merges,
        max_token_length=None,
        threshold=threshold,
        most_hot=most_hot,
    )
    assert learner.learn(min_count=min_count).tolist() == expected


@given(
    st.dictionaries(st.binary(min_size=1, max_size=90), st.integers(1, 1 << 50), max_size=40),
    st.integers(0, 60),
)
@settings(max_examples=100)
def test_any_bytes_make_words(words, merges):
    specials = ("<|end|>", "<|pad|>")
    learned = learn_bpe(counts_of(words), 258 + merges, special_tokens=specials)
    assert learned.model.merges.tolist() == specified(words, merges, specials=2)
    assert len(learned.tokens) == 258 + len(learned.model.merges)
    for k, (left, right) in enumerate(learned.model.merges.tolist()):
        assert learned.tokens[258 + k] == learned.tokens[left] + learned.tokens[right]


@pytest.mark.parametrize("seed", range(150))
def test_merges_are_those_of_hugging_face(seed):
    rng = random.Random(seed)
    alphabet = "abcdef"[: rng.randint(2, 6)]
    words = {}
    for _ in range(rng.randint(1, 60)):
        word = "".join(rng.choices(alphabet, k=rng.choice([1, 2, 4, 9, 30])))
        words[(word * rng.choice([1, 1, 2, 15])).encode()] = rng.choice([1, 1, 2, 3, 7, 40])
    options = {"min_frequency": rng.choice([0, 1, 2, 3])}
    if seed % 3 == 0:
        options["max_token_length"] = rng.choice([1, 2, 3, 4, 5, 8])
    ours = {"min_count": options["min_frequency"], "max_token_length": options.get("max_token_length")}
    size = 256 + rng.choice([1, 10, 100, 400])
    assert spelled(learn_bpe(counts_of(words), size, **ours)) == trained(words, size, **options)


@pytest.mark.parametrize("seed", range(30))
def test_limited_alphabets_are_those_of_hugging_face(seed):
    # Hugging Face forces what is in `initial_alphabet`, so that it is left empty there; its order of equally frequent
    # characters is arbitrary, so that no two letters are equally frequent here.
    rng = random.Random(seed)
    words = {
        "".join(rng.choices("abcdefgh", weights=[30, 20, 12, 8, 5, 3, 2, 1], k=9)).encode(): rng.randint(1, 3)
        for _ in range(60)
    }
    frequency = {b: sum(w.count(b) * n for w, n in words.items()) for b in b"abcdefgh"}
    if len(set(frequency.values())) < 8:
        words[b"h"] = 1 + max(frequency.values())
        frequency = {b: sum(w.count(b) * n for w, n in words.items()) for b in b"abcdefgh"}
    limit = rng.randint(1, 8)
    ranked = sorted(frequency.values(), reverse=True)
    if limit < 8 and ranked[limit - 1] == ranked[limit]:
        limit = 8
    expected = trained(words, limit + 40, limit_alphabet=limit, initial_alphabet=[])
    assert spelled(learn_bpe(counts_of(words), 296, limit_alphabet=limit)) == expected


@given(words_of_few_letters, st.integers(1, 40), st.data())
@settings(max_examples=100)
def test_learning_goes_on_from_any_merge(words, merges, data):
    counts = counts_of(words)
    whole = learn_bpe(counts, 256 + merges).model.merges
    k = data.draw(st.integers(0, len(whole)))
    assert learn_bpe(counts, 256 + merges, merges=whole[:k]).model.merges.tolist() == whole.tolist()


@given(words_of_few_letters, st.integers(0, 50), st.integers(0, 9), st.integers(0, 6))
@settings(max_examples=150)
def test_token_lengths_and_alphabets_are_limited_as_specified(words, merges, longest, limit):
    ids = {tuple(IDS[b] for b in word): count for word, count in words.items()}
    kept = most_frequent(ids, limit)
    left: Counter[tuple[int, ...]] = Counter()
    for word, count in ids.items():
        left[tuple(s for s in word if s in kept)] += count
    expected = learn_merges(left, 256, merges, max_token_length=longest)
    learned = learn_bpe(counts_of(words), 256 + merges, max_token_length=longest, limit_alphabet=limit)
    assert learned.model.merges.tolist() == [list(pair) for pair in expected]


@given(words_of_few_letters, words_of_few_letters, st.integers(1, 12), st.integers(0, 30))
@settings(max_examples=100)
def test_merges_of_other_words_are_gone_on_from_as_specified(words, others, prescribed, more):
    # What was learned elsewhere may not occur here at all, or be rarer than what was not merged.
    given = learn_bpe(counts_of(others), 256 + prescribed).model.merges
    size = 256 + len(given) + more
    ids = {tuple(IDS[b] for b in word): count for word, count in words.items()}
    expected = learn_merges(ids, 256, len(given) + more, given=[tuple(pair) for pair in given.tolist()])
    spellings = spelled_tokens(expected)
    if len(set(spellings)) < len(spellings):
        with pytest.raises(ValueError, match="same token"):
            learn_bpe(counts_of(words), size, merges=given)
    else:
        learned = learn_bpe(counts_of(words), size, merges=given).model.merges.tolist()
        assert learned == [list(pair) for pair in expected]


def spelled_tokens(merges: list[tuple[int, int]]) -> list[bytes]:
    tokens = [bytes([byte]) for byte in byte_order()]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return tokens


@given(st.dictionaries(st.binary(min_size=0, max_size=20), st.integers(1, 1 << 50), max_size=40))
def test_pair_counts_are_weighted_windows(words):
    expected = np.zeros((256, 256), np.int64)
    for word, count in words.items():
        for left, right in zip(word, word[1:], strict=False):
            expected[left, right] += count
    assert np.array_equal(count_pairs(counts_of(words)), expected)
