"""Measures of tokenizers equal what they are defined as, on small corpora."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.evaluate import (
    Documents,
    chunk_digits,
    count_numbers,
    entropy,
    merge_steps,
    number_facts,
    rank_frequency,
    renyi_efficiency,
    tally_numbers,
    tally_words,
    token_use,
    tokens_at,
    unreachable,
)
from pairloom.operators.evaluate.word_tally import KINDS, WordTally
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.reference.evaluate import count_numbers as reference_numbers
from pairloom.operators.reference.evaluate import document_rows, merge_uses, number_shares, renyi, tally
from tests.support.corpora import documents

TEXTS = pa.array([text for _, text in documents(120, seed=5)], pa.large_string())
CUT = Pretokenizer(scheme="gpt2")
COUNTS = count_words(TEXTS, CUT)
VOCABULARY = learn_bpe(COUNTS, 420, special_tokens=["<|endoftext|>"], pretokenizer=CUT)


def test_a_tally_of_words_is_what_encoding_every_document_gives() -> None:
    whole = tally_words(VOCABULARY, COUNTS)
    words = [(w.as_py(), int(c)) for w, c in zip(COUNTS.words, COUNTS.counts, strict=True)]
    ids = [VOCABULARY.encode_one(word.decode()).tolist() for word, _ in words]
    expected = tally((word, count, row) for (word, count), row in zip(words, ids, strict=True))
    assert {i: int(n) for i, n in enumerate(whole.token_counts) if n} == dict(expected["ids"])
    assert {k: row for k, row in zip(KINDS, whole.sums.tolist(), strict=True) if any(row)} == expected["sums"]
    assert {i: int(n) for i, n in enumerate(whole.tokens_per_word) if n} == dict(expected["per_word"])
    encoded = VOCABULARY.encode(TEXTS)
    assert whole.tokens == len(encoded.values)
    assert np.array_equal(
        whole.token_counts, np.bincount(encoded.values.to_numpy(), minlength=len(VOCABULARY))
    )
    assert whole.bytes == sum(len(t.as_py().encode()) for t in TEXTS)
    assert whole.characters == sum(len(t.as_py()) for t in TEXTS)
    facts = whole.facts()
    assert facts["bytes_per_token"] == whole.bytes / whole.tokens
    assert sum(row["words"] for row in whole.by_kind()) == whole.words


def test_tallies_of_partitions_add_up() -> None:
    whole = tally_words(VOCABULARY, COUNTS)
    parts = sum(
        (tally_words(VOCABULARY, part) for part in COUNTS.partition(5)), WordTally.empty(len(VOCABULARY))
    )
    assert np.array_equal(parts.token_counts, whole.token_counts)
    assert np.array_equal(parts.sums, whole.sums)


def test_words_of_many_parts_are_tallied_like_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tally_words(VOCABULARY, COUNTS)
    monkeypatch.setattr("pairloom.operators.evaluate.word_tally._PART", 7)
    assert np.array_equal(tally_words(VOCABULARY, COUNTS).sums, whole.sums)


@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=50),
    st.floats(0.1, 8).filter(lambda a: abs(a - 1) > 0.01),
)
def test_renyi_efficiency_is_its_definition(counts: list[int], alpha: float) -> None:
    assert renyi_efficiency(np.array(counts), 60, alpha) == pytest.approx(
        renyi(dict(enumerate(counts)), 60, alpha), abs=1e-12
    )


def test_entropies_of_known_distributions() -> None:
    assert entropy(np.array([5, 5, 5, 5, 0])) == pytest.approx(np.log(4))
    assert renyi_efficiency(np.full(16, 3)) == pytest.approx(1)
    assert renyi_efficiency(np.array([9, 0, 0])) == 0
    # log2 of (1/2)^2.5 + 2 (1/4)^2.5 over 1 - 2.5, of three tokens
    expected = np.log(0.5**2.5 + 2 * 0.25**2.5) / -1.5 / np.log(3)
    assert renyi_efficiency(np.array([2, 1, 1])) == pytest.approx(expected)


def sizes_by_hand(vocabulary: Vocabulary, ranks: list[int]) -> list[int]:
    """Tokens of the corpus with the first k merges, each encoded anew from a vocabulary that was cut by hand."""
    out = []
    for k in ranks:
        size = len(vocabulary) - len(vocabulary.model.merges) + k
        small = Vocabulary(
            tokens=vocabulary.tokens[:size],
            model=ByteLevelBPE(merges=vocabulary.model.merges[:k]),
            special_tokens=vocabulary.special_tokens,
            pretokenizer=vocabulary.pretokenizer,
        )
        out.append(len(small.encode(TEXTS).values))
    return out


def test_the_curve_of_sizes_equals_encoding_at_every_size() -> None:
    steps = merge_steps(VOCABULARY, tally_words(VOCABULARY, COUNTS).token_counts)
    assert steps is not None
    products = [
        VOCABULARY.tokens.index(VOCABULARY.tokens[a] + VOCABULARY.tokens[b])
        for a, b in VOCABULARY.model.merges
    ]
    merges = [(int(a), int(b)) for a, b in VOCABULARY.model.merges]
    assert steps.steps.tolist() == merge_uses(merges, products, VOCABULARY.encode(TEXTS).values.to_pylist())
    ranks = list(range(len(VOCABULARY.model.merges) + 1))
    assert steps.tokens.tolist() == sizes_by_hand(VOCABULARY, ranks)
    assert steps.sizes[-1] == len(VOCABULARY)
    assert [tokens_at(VOCABULARY, COUNTS, k) for k in (0, 1, 50, ranks[-1])] == [
        int(steps.tokens[k]) for k in (0, 1, 50, ranks[-1])
    ]


@given(st.text("ab ", max_size=200), st.integers(0, 40))
def test_the_curve_holds_for_repetitive_text(text: str, more: int) -> None:
    counts = count_words(pa.array([text + " aaaaaaa abab"], pa.large_string()), CUT)
    vocabulary = learn_bpe(counts, 256 + more, pretokenizer=CUT)
    steps = merge_steps(vocabulary, tally_words(vocabulary, counts).token_counts)
    assert steps is not None
    for k in range(len(vocabulary.model.merges) + 1):
        assert int(steps.tokens[k]) == tokens_at(vocabulary, counts, k)


def test_merges_that_do_not_nest_are_refused() -> None:
    # "abc" is made by two merges, and the second of them is the only way once "ab" is there.
    tokens = [bytes([b]) for b in range(256)] + [b"ab", b"bc", b"abc"]
    two = Vocabulary(
        tokens=tokens,
        model=ByteLevelBPE(merges=np.array([[98, 99], [97, 98], [256, 99], [97, 257]], np.int32)),
    )
    assert merge_steps(two, np.zeros(259, np.int64)) is None
    assert tokens_at(two, count_words(pa.array(["abc"]), CUT), 2) == 2
    assert tokens_at(two, count_words(pa.array(["abc"]), CUT), 4) == 1
    # "abc" needs "ab", which is made later.
    late = Vocabulary(tokens=tokens, model=ByteLevelBPE(merges=np.array([[256, 99], [97, 98]], np.int32)))
    assert merge_steps(late, np.zeros(259, np.int64)) is None
    assert tokens_at(late, count_words(pa.array(["abc"]), CUT), 1) == 3
    assert tokens_at(late, count_words(pa.array(["abc"]), CUT), 2) == 1


def test_tokens_that_no_text_reaches_are_found() -> None:
    # b c merges first, so that a b never comes up, nor abcd = ab + cd.
    tokens = [bytes([b]) for b in range(256)] + [b"bc", b"ab", b"cd", b"abcd"]
    vocabulary = Vocabulary(
        tokens=tokens,
        model=ByteLevelBPE(merges=np.array([[98, 99], [97, 98], [99, 100], [257, 258]], np.int32)),
    )
    assert unreachable(vocabulary).tolist() == [259]
    use = token_use(vocabulary, np.ones(260, np.int64), threshold=2)
    assert use.unreachable.tolist() == [259]
    assert 259 not in use.glitches.tolist()
    assert use.partial.tolist() == list(range(128, 256))


def test_use_of_tokens() -> None:
    counts = tally_words(VOCABULARY, COUNTS).token_counts
    use = token_use(VOCABULARY, counts, threshold=5)
    special = set(VOCABULARY.special_ids)
    ordinary = [i for i in range(len(VOCABULARY)) if i not in special]
    assert use.never.tolist() == [i for i in ordinary if counts[i] == 0]
    assert use.rare.tolist() == [i for i in ordinary if 0 < counts[i] < 5]
    low = {*use.never.tolist(), *use.rare.tolist()}
    assert set(use.glitches.tolist()) == {
        i for i in low if len(VOCABULARY.tokens[i]) > 1 and i not in use.partial and i not in use.unreachable
    }
    made = Vocabulary(
        tokens=[bytes([b]) for b in range(256)] + ["é".encode(), "É".encode(), b" a"],
        model=ByteLevelBPE(merges=np.array([[0xC3, 0xA9], [0xC3, 0x89], [32, 97]], np.int32)),
    )
    groups = token_use(made, np.arange(259), threshold=1).duplicates
    assert (258, 97, 65) in groups
    assert (257, 256) in groups


def test_ranks_and_lengths() -> None:
    assert rank_frequency(np.array([0, 3, 9])) == [(1, 9), (2, 3)]
    assert rank_frequency(np.zeros(3, np.int64)) == []


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60).filter(any), st.integers(1, 200))
def test_documents_in_rows(lengths: list[int], size: int) -> None:
    half = len(lengths) // 2
    made = Documents.of(np.array(lengths[:half])) + Documents.of(np.array(lengths[half:]))
    assert len(made) == len(lengths)
    assert made.tokens == sum(lengths)
    (row,) = made.at_lengths((size,))
    for name, value in document_rows(lengths, size).items():
        assert row[name] == pytest.approx(value), name
    histogram = made.histogram()
    assert sum(n for _, n, _ in histogram) == len(lengths)
    assert sum(t for _, _, t in histogram) == sum(lengths)
    assert all(n == sum(low <= x < max(1, 2 * low) for x in lengths) for low, n, _ in histogram)
    for name, share in (("p10", 0.1), ("p50", 0.5), ("p99", 0.99), ("longest", 1)):
        found = made.quantiles()[name]
        assert sum(x <= found for x in lengths) >= share * len(lengths) - 1e-9
        assert sum(x < found for x in lengths) < share * len(lengths)


@given(st.lists(st.text("0179,x é", max_size=30), max_size=8))
def test_numbers_are_counted_as_the_regular_expression_has_them(texts: list[str]) -> None:
    column = pa.chunked_array(
        [pa.array([*texts, None], pa.large_string()), pa.array(texts, pa.large_string())]
    )
    found = count_numbers(column)
    expected = reference_numbers([*texts, *texts])
    assert dict(zip(found.words.to_pylist(), found.counts.tolist(), strict=True)) == expected
    sliced = pa.array(["77", *texts, "7"], pa.large_string()).slice(1, len(texts))
    assert count_numbers(sliced).total == sum(reference_numbers(texts).values())


def test_numbers_and_their_directions() -> None:
    assert chunk_digits("1234567", "l2r3") == ["123", "456", "7"]
    assert chunk_digits("1234567", "r2l3") == ["1", "234", "567"]
    words = pa.array(["123 456 234 567 1 4 7 12 99 1234 12345 12345678 " * 9])
    numbers = count_numbers(
        pa.array(["1234567 1234567 1234567 12", "123 1234 5 12345678 99999999999 12345 0001 1000000"])
    )
    for digits in ("single", "l2r3", "r2l3", "keep"):
        cut = Pretokenizer(scheme="gpt2", digits=digits)
        vocabulary = learn_bpe(count_words(words, cut), 300, pretokenizer=cut)
        facts = number_facts(tally_numbers(vocabulary, numbers))
        items = zip(numbers.words.to_pylist(), numbers.counts.tolist(), strict=True)
        cuts = [([vocabulary.tokens[i] for i in vocabulary.encode_one(n.decode())], c) for n, c in items]
        for name, value in number_shares(cuts).items():
            assert facts[name] == pytest.approx(value), (digits, name)
    one = count_numbers(pa.array(["1234567 1234567 1234567 12"]))
    for digits in ("single", "l2r3", "r2l3"):
        cut = Pretokenizer(scheme="gpt2", digits=digits)
        facts = number_facts(tally_numbers(learn_bpe(count_words(words, cut), 300, pretokenizer=cut), one))
        assert facts["direction_matters"] == 0.75
        assert facts[digits] == 1.0
    none = number_facts(tally_numbers(VOCABULARY, count_numbers(pa.array(["none"]))))
    assert not any(none.values())
