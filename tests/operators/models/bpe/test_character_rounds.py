"""WordPiece and BPE over characters in rounds: the vocabulary of one task, whoever begins anew, from wherever it goes on."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import CapacityError, RecipeError
from pairloom.operators.learners import LEARNERS, Learner, Shape, Target
from pairloom.operators.models.bpe.characters import Alphabet, CharacterWords
from pairloom.operators.models.bpe.kernels.word import fill_ranks
from pairloom.operators.models.bpe.layout import TokenSequences
from pairloom.operators.models.bpe.sharded import SymbolWords
from pairloom.operators.models.bpe.sharded.kernels.remaking import merge_words
from pairloom.operators.reference.models.bpe.word import encode_word
from tests.operators.models.bpe.sharded.test_sharded_properties import counts_of, spread

FAMILIES = ("wordpiece", "character_bpe")
WORDS = st.dictionaries(
    st.one_of(
        st.text(alphabet="abCé日 <0x41>-", min_size=1, max_size=12),
        st.builds(str.__mul__, st.text(alphabet="abé", min_size=1, max_size=3), st.integers(1, 60)),
    ).map(str.encode),
    st.one_of(st.integers(1, 4), st.integers(1, 1 << 45)),
    max_size=20,
)
SHAPES = st.fixed_dictionaries(
    {
        "max_token_length": st.one_of(st.none(), st.integers(1, 5)),
        "limit_alphabet": st.integers(2, 6),
        "initial_alphabet": st.lists(st.sampled_from("abqz"), max_size=2).map(tuple),
        "script_caps": st.sampled_from([(), (("Latin", Fraction(3)), ("Han", Fraction(0)))]),
    }
)


def in_rounds(
    learner: Learner, parts: list[WordCounts], target: Target, *, anew: int = 3, interrupt: int = 0
):
    """What the stage does, all members in this process; one begins anew every `anew` messages, and the driver once."""
    rounds = learner.rounds(target)
    decider = rounds.decider(np.zeros((0, 2), np.int32))
    members = [rounds.member([part], np.empty) for part in parts]
    asked = 0
    while (message := decider.next()) is not None:
        asked += 1
        if asked == interrupt:
            decider = rounds.decider(decider.merges.copy())
            members = [rounds.member([part], np.empty) for part in parts]
            continue
        replies = [member.answer(message) for member in members[1:]]
        if asked % anew == 0:
            members[0] = rounds.member([parts[0]], np.empty)
            first = [members[0].answer(told) for told in decider.anew()][-1]
        else:
            first = members[0].answer(message)
        decider.take([first, *replies])
        assert len(decider.merges) <= decider.wanted
    return rounds.finish(decider.merges, parts)


@pytest.mark.parametrize("family", FAMILIES)
@given(WORDS, st.integers(0, 50), SHAPES, st.sampled_from([1, 3]), st.integers(1, 4), st.integers(0, 9))
@settings(max_examples=10, deadline=None)
def test_in_rounds_the_same(family, words, merges, shape, parts, anew, interrupt) -> None:
    learner = LEARNERS.get(family)()
    first = 270 if family == "character_bpe" else 20
    chosen = Shape(**shape, blocked=("ab", "*a日*") if family == "character_bpe" else ())
    target = Target(size=first + merges, special_tokens=("<s>", "[UNK]"), shape=chosen)
    one = learner.learn(counts_of(words), target)
    many = in_rounds(learner, spread(words, parts), target, anew=anew, interrupt=interrupt)
    assert many.fingerprint == one.fingerprint


def test_special_tokens_are_no_tokens_of_the_text_in_rounds_either() -> None:
    learner = LEARNERS.get("character_bpe")()
    words = {b" <pad>": 40, b" <0x41>": 30, b" <s>x": 20, b" pad": 9, "\u2581\u2581".encode(): 8}
    target = Target(size=340, special_tokens=("<pad>", "<s>", "\u2581\u2581"))
    one = learner.learn(counts_of(words), target)
    assert one.tokens.count(b"<pad>") == 1
    assert in_rounds(learner, spread(words, 2), target).fingerprint == one.fingerprint


def test_what_does_not_fit_is_refused_in_rounds_too() -> None:
    words = {chr(0x1200 + i).encode() * 2: 1 for i in range(40)}
    for family, size in (("wordpiece", 30), ("character_bpe", 280)):
        with pytest.raises(RecipeError, match="raise it, or say limit_alphabet"):
            in_rounds(LEARNERS.get(family)(), spread(words, 2), Target(size=size))
        with pytest.raises(CapacityError, match="too large to be learned in rounds"):
            LEARNERS.get(family)().rounds(Target(size=1 << 21)).decider(np.zeros((0, 2), np.int32))
    with pytest.raises(RecipeError, match="a special token is also a token of the text"):
        in_rounds(
            LEARNERS.get("wordpiece")(),
            spread({b"the": 3, b"then": 2}, 2),
            Target(size=40, special_tokens=("the",)),
        )


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=90), max_size=6),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=10, unique=True),
)
def test_merging_words_anew_is_encoding_them(words, drawn) -> None:
    pairs = [pair for k, pair in enumerate(drawn) if max(pair) < 4 + k]
    pairs = [pair for k, pair in enumerate(pairs) if max(pair) < 4 + k]
    ranks = {pair: (k, 4 + k) for k, pair in enumerate(pairs)}
    expected = [encode_word(word, ranks) for word in words]
    flat = np.array([one for word in words for one in word], np.uint32)
    offsets = np.cumsum([0, *map(len, words)]).astype(np.int64)
    merges = np.array(pairs, np.int32).reshape(-1, 2)
    part = TokenSequences(ids=flat, offsets=offsets, counts=np.ones(len(words), np.int64))
    found = [
        ids[bounds[i] : bounds[i + 1]].tolist()
        for _, bounds, ids in SymbolWords([part], 4).encoded(merges)
        for i in range(len(bounds) - 1)
    ]
    if all(max(pair) < 4 + k for k, pair in enumerate(pairs)):
        assert found == expected
    slots, bounds = np.zeros(32, np.uint64), np.empty(2, np.int64)
    fill_ranks(slots, np.array([[1, 2]], np.int32), np.zeros(1, np.uint32))
    ids = np.array([1, 2, 1, 1, 2], np.uint32)
    merge_words(ids, np.array([0, 5]), slots, np.array([9], np.uint32), np.empty(60, np.uint64), bounds)
    assert ids[: bounds[1]].tolist() == [9, 1, 9]


def test_long_words_are_merged_anew_within_their_room() -> None:
    for length in (60, 83, 120, 171, 256, 257, 400):
        word = [0, 1, 0, 0, 1][: length % 5] + [0, 1] * (length // 2)
        part = TokenSequences(
            ids=np.array(word, np.uint32), offsets=np.array([0, len(word)]), counts=np.ones(1, np.int64)
        )
        merges = [(0, 1), (2, 2), (3, 3), (4, 4), (0, 2)]
        ranks = {pair: (k, 2 + k) for k, pair in enumerate(merges)}
        for _ in range(20):  # what is written beyond it is noticed sooner or later
            ((_, bounds, ids),) = SymbolWords([part], 2).encoded(np.array(merges, np.int32))
            assert ids[: bounds[1]].tolist() == encode_word(word, ranks)


@given(st.dictionaries(st.text("abé日\U0001f926", max_size=9), st.integers(1, (1 << 63) - 1), max_size=9))
def test_characters_are_counted_exactly_and_become_symbols(words: dict[str, int]) -> None:
    held = CharacterWords.of(words, np.array([*words.values()], np.int64))
    letters = held.letters()
    expected: dict[str, int] = {}
    for word, count in words.items():
        for char in word:
            expected[char] = expected.get(char, 0) + count
    assert letters.weights == dict(sorted(expected.items()))
    assert letters.going_on == sorted({*"".join(word[1:] for word in words)})
    alphabet = Alphabet(characters=("a", "é"), going_on=("é",))
    found = held.symbols(alphabet.symbols(5))
    given_ids = {(True, "a"): 5, (True, "é"): 6, (False, "é"): 7}
    spelled = [
        [given_ids[i == 0, c] for i, c in enumerate(word) if (i == 0, c) in given_ids] for word in words
    ]
    bounds = found.offsets.tolist()
    assert [found.ids[a:b].tolist() for a, b in zip(bounds, bounds[1:], strict=False)] == spelled


def test_a_word_that_occurs_too_often_is_said() -> None:
    with pytest.raises(CapacityError, match="passes 2"):
        CharacterWords.of(["a"], [1 << 63])
