"""Learning a Unigram: each part as its twin, and the whole the same whatever the words' parts and whoever goes on."""

import json
import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.counts import WordCounts, count_words
from pairloom.operators.learners import Target
from pairloom.operators.learners.unigram import UnigramLearner
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.unigram.learning.asking import Question, answered
from pairloom.operators.models.unigram.learning.deciding import (
    Options,
    UnigramDecider,
    UnigramMember,
    learn_pieces,
)
from pairloom.operators.models.unigram.learning.kernels.arithmetic import digammas, logarithms, probabilities
from pairloom.operators.models.unigram.learning.kernels.pruning import DROP, KEEP, losses
from pairloom.operators.models.unigram.learning.seeds import (
    Places,
    characters_of,
    kinds_of,
    merge_seeds,
    required_points,
    seeds_of,
)
from pairloom.operators.reference.models import unigram_learning as twin
from pairloom.operators.text.pretokenize.marker import BeforeSpaces
from pairloom.operators.vocabulary.tokens import TokenTable
from tests.support.nasty import nasty_texts
from tests.support.owners import check_equal, corpus, library

TEXTS = st.lists(st.text("abcé日本 qはア0,\u0301🙂", max_size=24), max_size=12)
WORDS = st.dictionaries(st.text("abcé日 q🙂", min_size=1, max_size=12), st.integers(1, 1000), max_size=8)
PIECES = ("a", "b", "c", "é", "日", " ", "ab", "ba", "abc", " a", "日日", "é日", " ab", "cc", "bc")
SCORES = st.lists(st.floats(-20.0, -0.1), min_size=len(PIECES), max_size=len(PIECES))


def counts_of(words: dict[str, int]) -> WordCounts:
    ordered = sorted(words, key=str.encode)
    return WordCounts(
        words=pa.array([word.encode() for word in ordered], pa.large_binary()),
        counts=np.array([words[word] for word in ordered], np.int64),
    )


def kinds_by_character(kinds: Any) -> dict[str, int]:
    return {chr(point): int(kinds[point]) for point in np.flatnonzero(kinds)}


@given(st.lists(st.floats(1e-300, 1e300), min_size=1), st.lists(st.floats(-800.0, 5.0), min_size=1))
def test_arithmetic_is_the_twins_bit_for_bit_and_right(values: list[float], powers: list[float]) -> None:
    given_values, given_powers = np.array(values), np.array(powers)
    found, raised = np.empty(len(values)), np.empty(len(powers))
    logarithms(given_values, found)
    assert found.tolist() == [twin.logarithm(value) for value in values]
    assert np.allclose(found, np.log(given_values), rtol=4e-16, atol=1e-15)
    probabilities(given_powers, raised)
    assert raised.tolist() == [twin.exponential(power) for power in powers]
    assert np.allclose(raised, np.exp(given_powers), rtol=1e-14, atol=1e-300)


@given(st.lists(st.floats(0.01, 1e15), min_size=1))
def test_digamma_is_the_twins_bit_for_bit_and_right(values: list[float]) -> None:
    found = np.empty(len(values))
    digammas(np.array(values), found)
    assert found.tolist() == [twin.digamma(value) for value in values]
    for x, y in zip(values, found.tolist(), strict=True):
        assert y == pytest.approx(twin.digamma(x + 1.0) - 1.0 / x, abs=1e-9, rel=1e-9)
    assert twin.digamma(1.0) == pytest.approx(-0.5772156649015329, abs=1e-9)


@given(WORDS, SCORES)
def test_what_is_expected_and_the_best_are_the_twins(words: dict[str, int], scores: list[float]) -> None:
    tokens = TokenTable.of([piece.encode() for piece in PIECES])
    pieces = {piece: i for i, piece in enumerate(PIECES)}
    question = Question(tokens=tokens, scores=np.array(scores), best=False, bits=24)
    unknown = min(scores) - 10.0
    answer = answered(question, [counts_of(words)])
    chances = [twin.exponential(score) for score in scores]
    sums, product = twin.expected(words, pieces, chances, twin.exponential(unknown))
    for found, exact in zip(answer.sums.tolist(), sums, strict=True):
        assert abs(found - exact * 2**24) <= 16 + exact * 2**24 / 2**40
    assert product > 0
    best = answered(Question(tokens=tokens, scores=np.array(scores), best=True, bits=24), [counts_of(words)])
    assert (best.sums.tolist(), best.total) == twin.best_counts(words, pieces, scores, unknown)


def test_words_of_any_length_have_probabilities() -> None:
    """Far below the least float64, and told exactly."""
    word = "ab" * 3000 + "q" * 40
    tokens = TokenTable.of([b"a", b"b", b"ab"])
    scores = np.array([-9.0, -8.0, -12.0])
    answer = answered(Question(tokens=tokens, scores=scores, best=False, bits=20), [counts_of({word: 3})])
    share = 1 / (1 + math.exp(-9 - 8 + 12))
    assert answer.sums[2] / 2**20 == pytest.approx(3 * 3000 * share, rel=1e-6)
    assert answer.sums[0] / 2**20 == pytest.approx(3 * 3000 * (1 - share), rel=1e-4)
    lost = 3 * (3000 * -math.log(math.exp(-17) + math.exp(-12)) + 40 * 22.0)
    assert answer.total * 16 / 2**20 == pytest.approx(lost, rel=1e-9)


@given(SCORES, st.lists(st.integers(0, 50), min_size=len(PIECES), max_size=len(PIECES)))
def test_losses_are_the_twins(scores: list[float], used: list[int]) -> None:
    tokens = TokenTable.of([piece.encode() for piece in PIECES])
    state, lost = np.empty(len(PIECES), np.int8), np.empty(len(PIECES))
    slots = build_trie(tokens, np.arange(len(tokens)))
    room = np.empty(32), np.empty((2, 32), np.int64)
    losses(tokens.data, tokens.offsets, slots, np.array(scores), np.array(used), state, lost, *room)
    found = [
        "keep" if kind == KEEP else "drop" if kind == DROP else loss
        for kind, loss in zip(state.tolist(), lost.tolist(), strict=True)
    ]
    assert found == twin.alternatives({piece: i for i, piece in enumerate(PIECES)}, scores, used)


@settings(max_examples=30)
@given(TEXTS, st.integers(2, 5), st.integers(1, 4), st.integers(1, 30), st.integers(1, 3))
def test_seeds_are_the_twins_in_any_buckets(
    texts: list[str], longest: int, buckets: int, most: int, least: int
) -> None:
    words = count_words(pa.array(texts, pa.large_string()), BeforeSpaces())
    plain = {word.as_py().decode(): int(n) for word, n in zip(words.words, words.counts, strict=True)}
    sums = characters_of([words])
    assert {chr(point): int(sums[point]) for point in np.flatnonzero(sums)} == twin.characters(plain)
    kinds = kinds_of(required_points(sums, Fraction(98, 100)))
    for word in plain:
        assert len(twin.reach(word, kinds_by_character(kinds), longest)) <= longest
    places = Places([words], kinds, longest=longest, buckets=buckets)
    found = [places.ends([words], i) for i in range(buckets)]
    expected = twin.ends(plain, kinds_by_character(kinds), longest)
    assert Counter(
        {
            word.as_py().decode(): int(n)
            for part in found
            for word, n in zip(part.words, part.counts, strict=True)
        }
    ) == Counter(expected)
    for part in found:
        assert [word.as_py() for word in part.words] == sorted(word.as_py() for word in part.words)
    merged = merge_seeds([seeds_of(part, longest=longest, least=least, most=most) for part in found], most)
    told = [
        (token.decode(), score) for token, score in zip(merged.tokens, merged.scores.tolist(), strict=True)
    ]
    assert told == twin.seeds(expected, least, most)


@pytest.fixture(scope="module")
def words() -> WordCounts:
    return count_words(pa.array(list(corpus()), pa.large_string()), BeforeSpaces())


def logged(options: Options, members: list[UnigramMember]) -> UnigramDecider:
    decider = UnigramDecider(options)
    while (question := decider.next()) is not None:
        decider.take([member.answer(question) for member in members])
    return decider


def test_the_same_is_learned_from_any_parts_by_any_members_and_from_any_place(words: WordCounts) -> None:
    options = Options(size=300, coverage=Fraction(99, 100), seeds=1500)
    whole = logged(options, [UnigramMember([words])])
    parts = words.partition(5)
    parted = logged(options, [UnigramMember(parts[:2]), UnigramMember(parts[2:4]), UnigramMember(parts[4:])])
    assert np.array_equal(whole.merges, parted.merges)
    log, at = whole.merges, 0
    numbers = log.view("<i8").ravel()
    for entry in range(100):
        if at == len(numbers):
            break
        at += 1 + int(numbers[at])
        if entry not in (0, 1, 4, 7):
            continue
        later = UnigramDecider(options, log[:at])
        while (question := later.next()) is not None:
            later.take([UnigramMember(parts).answer(question)])
        assert np.array_equal(later.merges, log)
        assert later.learned().tokens.data.tobytes() == whole.learned().tokens.data.tobytes()
    learned = whole.learned()
    assert len(learned.tokens) == len(set(learned.tokens)) == 300
    assert (np.diff(learned.scores) <= 0).all()
    assert (learned.scores == learned.scores.astype(np.float32)).all()


def test_pieces_have_the_characters_that_are_required_one_script_and_no_name_of_another_token() -> None:
    texts = ["of <0x41> abc<s> <s> 日本語カタカナabc ёж 12ab <0x41> <s>"] * 9 + ["rare: ж"]
    words = count_words(pa.array(texts, pa.large_string()), BeforeSpaces())
    learned = learn_pieces([words], 80, coverage=Fraction(1), blocked=(b"<s>", b"<0x41>", b" of"))
    tokens = {token.decode() for token in learned.tokens}
    assert set(twin.characters({f" {text}": 1 for text in texts})) <= tokens
    assert not tokens & {"<s>", "<0x41>", " of", "カabc", "本語カa"}
    assert all(" " not in token[1:] for token in tokens)
    assert any(len(token) > 2 for token in tokens)


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("normalizer", ["none", "nfkc"])
def test_what_is_learned_is_read_by_the_library_with_equal_ids(
    words: WordCounts, fallback: bool, prefix: bool, normalizer: str
) -> None:
    learner = UnigramLearner(seeds=3000, byte_fallback=fallback, prefix=prefix, coverage=0.99)
    target = Target(size=700, special_tokens=("<|end|>",), normalizer=normalizer)
    vocabulary = learner.learn(words, target)
    assert len(vocabulary) == 700
    assert vocabulary.model.name == "unigram"
    assert vocabulary.special_tokens == ("<|end|>", "<unk>")
    data = vocabulary.to_json()
    assert Vocabulary.from_json(data) == vocabulary
    theirs = library().Tokenizer.from_str(data.decode())
    check_equal(theirs, [*nasty_texts(100), *corpus()[-2:], "<0x41> <unk>", "", " ", "  a"], model="unigram")
    if fallback and normalizer == "none" and prefix:
        for text in (" two  spaces\n and 🙂 more", "a", "", "\u00e9\ud7ff"):
            (ids,) = vocabulary.encode(pa.array([text], pa.large_string())).to_pylist()
            assert vocabulary.decode(ids).decode() == text == theirs.decode(ids)
    assert json.loads(data)["model"]["byte_fallback"] is fallback


def test_a_size_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be at least 259"):
        UnigramLearner().check(Target(size=258, special_tokens=("<s>",)))
    with pytest.raises(ValueError, match="coverage"):
        UnigramLearner(coverage=0.0)


def test_nothing_is_learned_from_nothing() -> None:
    vocabulary = UnigramLearner().learn(
        count_words(pa.array([], pa.large_string()), BeforeSpaces()), Target(size=300)
    )
    assert len(vocabulary) == 258  # <unk>, the bytes and a space


def test_how_many_buckets_there_are_decides_no_piece(
    words: WordCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = learn_pieces([words], 300, seeds=500)
    monkeypatch.setattr("pairloom.operators.models.unigram.learning.deciding.buckets_of", lambda symbols: 7)
    seven = learn_pieces(words.partition(2), 300, seeds=500)
    assert list(one.tokens) == list(seven.tokens)
    assert np.array_equal(one.scores, seven.scores)
