"""Merges for groups that are to be treated alike: by brute force, of one group as ever, whatever room there is."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import CapacityError, RecipeError
from pairloom.operators.learners import LEARNERS, Parity, Shape, Target
from pairloom.operators.models.bpe.assembling import byte_ids
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.parity import Group, GroupLearner, group_amounts, group_sizes, text_size
from pairloom.operators.reference.models.bpe.parity import learn_for_groups
from pairloom.operators.text.pretokenize import Pretokenizer
from tests.operators.models.bpe.sharded.test_sharded_properties import as_ids, counts_of, words_of_few_letters

IDS = byte_ids(0)
GROUPS = st.lists(words_of_few_letters, min_size=1, max_size=4)
UNCUT = Pretokenizer(scheme="none")


def named(groups):
    return {f"g{i}": counts_of(words) for i, words in enumerate(groups)}


@given(
    GROUPS,
    st.integers(0, 60),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([0, 3, 20]),
    st.sampled_from([0, 1, 4, 10]),
    st.sampled_from([(), (1, 1, 1, 1), (5, 1, 2, Fraction(1, 3))]),
)
@settings(max_examples=40, deadline=None)
def test_merges_are_those_of_brute_force(groups, merges, least, first, window, amounts):
    counts = named(groups)
    parity = Parity(
        by="x", first=first, window=window, amounts=tuple(zip(counts, map(Fraction, amounts), strict=False))
    )
    target = Target(size=256 + merges, min_count=least, parity=parity, pretokenizer=UNCUT)
    found = LEARNERS.get("bpe")().learn_groups(counts, target)
    expected = learn_for_groups(
        [as_ids(words) for words in groups],
        group_amounts(group_sizes(counts, parity), parity),
        256,
        merges,
        min_count=least,
        first=first,
        window=window,
    )
    assert [tuple(pair) for pair in found.model.merges.tolist()] == expected


@given(GROUPS, st.integers(0, 60), st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_what_is_ranked_decides_nothing_and_tokens_are_counted(groups, merges, hot, window):
    counts = named(groups)
    units = group_amounts(group_sizes(counts, Parity()), Parity())
    laid_out = [
        Group(layout=Layout.of_bytes([one], IDS), tokens=text_size(one), units=n)
        for one, n in zip(counts.values(), units, strict=True)
    ]
    learner = GroupLearner(laid_out, first=256, merges=merges, window=window, hot=hot)
    found = [tuple(pair) for pair in learner.learn().tolist()]
    words = [as_ids(one) for one in groups]
    assert found == learn_for_groups(words, units, 256, merges, window=window)
    vocabulary = LEARNERS.get("bpe")().learn_groups(
        counts, Target(size=256 + merges, parity=Parity(window=window), pretokenizer=UNCUT)
    )
    encoded = [
        sum(len(vocabulary.encode_one(word.decode())) * n for word, n in one.items()) for one in groups
    ]
    assert learner.tokens == encoded


@pytest.mark.parametrize("family", ["bpe", "character_bpe", "wordpiece"])
@given(words_of_few_letters, st.integers(0, 40), st.sampled_from([1, 3]), st.sampled_from([0, 4]), st.data())
@settings(max_examples=10, deadline=None)
def test_one_group_is_learned_as_ever(family, words, merges, least, window, data):
    learner = LEARNERS.get(family)()
    shape = Shape(
        max_token_length=data.draw(st.sampled_from([None, 3, 6])),
        limit_alphabet=data.draw(st.sampled_from([None, 3])),
        script_caps=data.draw(st.sampled_from([(), (("Latin", Fraction(7)),)])),
        blocked=("ab", "*ca*") if family == "bpe" else (),
        required=("dad",) if family == "bpe" and merges > 9 else (),
    )
    first = {"bpe": 256, "character_bpe": 270, "wordpiece": 20}[family]
    target = Target(size=first + merges, min_count=least, shape=shape, pretokenizer=UNCUT)
    fair = Target(
        size=target.size, min_count=least, shape=shape, pretokenizer=UNCUT, parity=Parity(window=window)
    )
    expected = learner.learn(counts_of(words), target)
    assert learner.learn_groups({None: counts_of(words)}, fair).fingerprint == expected.fingerprint
    together = Target(
        size=target.size, min_count=least, shape=shape, pretokenizer=UNCUT, parity=Parity(first=1000)
    )
    groups = {str(i): part for i, part in enumerate(counts_of(words).partition(3))}
    assert learner.learn_groups(groups, together).fingerprint == expected.fingerprint


def test_the_group_that_is_worst_off_is_helped_in_every_family() -> None:
    # "qx" is rare: without groups nothing of it is merged.
    groups = {
        "a": counts_of({b"abab": 900, b"cdcd": 700, b"abcd": 500}),
        "b": counts_of({b"qxqx": 3, b"qy": 2}),
    }
    for family, first in (("bpe", 256), ("character_bpe", 257 + 9), ("wordpiece", 15)):
        learner = LEARNERS.get(family)()
        chosen = {"size": first + 4, "pretokenizer": UNCUT}
        fair = learner.learn_groups(groups, Target(**chosen, parity=Parity(by="x")))
        plain = learner.learn_groups(groups, Target(**chosen, parity=Parity(by="x", first=9)))
        held = [{token.removeprefix(b"##") for token in one.tokens} for one in (fair, plain)]
        assert b"qx" in held[0] - held[1], family


def test_amounts_are_of_all_groups_and_nothing_passes_64_bits() -> None:
    groups = {"a": counts_of({"é".encode(): 3}), "b": counts_of({b"ab": 2})}

    def amounts(parity):
        return group_amounts(group_sizes(groups, parity), parity)

    assert amounts(Parity()) == [6, 4]
    assert amounts(Parity(unit="characters")) == [3, 4]
    assert amounts(Parity(amounts=(("b", Fraction(1, 2)), ("a", Fraction(1, 3))))) == [2, 3]
    with pytest.raises(RecipeError, match="amounts has 'c', which no document is of"):
        amounts(Parity(amounts=(("a", Fraction(1)), ("c", Fraction(1)))))
    with pytest.raises(RecipeError, match="has none for the group 'b': add it"):
        amounts(Parity(amounts=(("a", Fraction(1)),)))
    for keys, wrong in (
        ({"unit": "words"}, "bytes or characters"),
        ({"window": -1}, "window must not be negative"),
        ({"amounts": (("a", Fraction(0)),)}, "it must be more than 0"),
    ):
        with pytest.raises(ValueError, match=wrong):
            Parity(**keys)
    layout = Layout.of_bytes([groups["a"]], IDS)
    with pytest.raises(CapacityError, match="passes 2\\^63 - 1 tokens or units"):
        GroupLearner([Group(layout=layout, tokens=1, units=1 << 63)], first=256, merges=1)
    many = counts_of({b"aaaa": (1 << 61) - 1})
    with pytest.raises(CapacityError, match="the count of a pair passes 2\\^63 - 1"):
        LEARNERS.get("bpe")().learn_groups({"a": many, "b": many}, Target(size=300, parity=Parity(first=1)))
