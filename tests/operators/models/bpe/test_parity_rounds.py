"""Groups in rounds: the vocabulary of one task, however words are spread, whoever begins anew, from wherever it goes on."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import CapacityError, CorruptionError, RecipeError
from pairloom.operators.learners import LEARNERS, Parity, Shape, Target
from pairloom.operators.models.bpe.parity_rounds import _packed, _unpacked
from pairloom.operators.models.bpe.sharded.groups import GroupCoordinator
from pairloom.operators.models.bpe.sharded.partition import Partition
from pairloom.operators.reference.models.bpe.parity import learn_for_groups
from tests.operators.models.bpe.sharded.test_sharded_properties import (
    as_ids,
    counts_of,
    partition_of,
)
from tests.operators.models.bpe.test_parity import GROUPS, UNCUT, named


def shared(groups, members, spread):
    """What each member holds; `spread` says which of them has a group's part."""
    held = [[] for _ in range(members)]
    for number, (name, counts) in enumerate(groups.items()):
        for part, some in enumerate(counts.partition(3)):
            if len(some):
                held[(spread * number + part) % members].append((name, some))
    return held


def in_rounds(learner, held, target, *, anew=3, interrupt=0):
    rounds = learner.rounds(target)
    decider = rounds.decider(np.zeros((0, 2), np.int32))
    members = [rounds.member(some, np.empty) for some in held]
    asked = 0
    while (message := decider.next()) is not None:
        asked += 1
        if interrupt and asked % interrupt == 0 and asked < 40:
            decider = rounds.decider(decider.merges.copy())
            members = [rounds.member(some, np.empty) for some in held]
            continue
        replies = [member.answer(message) for member in members[1:]]
        if asked % anew == 0:
            members[0] = rounds.member(held[0], np.empty)
            first = [members[0].answer(told) for told in decider.anew()][-1]
        else:
            first = members[0].answer(message)
        decider.take([first, *replies])
        assert len(decider.merges) <= decider.wanted
    return rounds.finish(decider.merges, ())


@pytest.mark.parametrize("family", ["bpe", "character_bpe", "wordpiece"])
@given(GROUPS, st.integers(0, 60), st.integers(1, 4), st.integers(0, 2), st.data())
@settings(max_examples=40, deadline=None)
def test_in_rounds_the_same(family, groups, merges, members, spread, data) -> None:
    draw = data.draw
    counts = {name: one for name, one in named(groups).items() if len(one)}
    amounts = draw(st.sampled_from([(), (1, 1, 1, 1), (5, 1, 2, Fraction(1, 3))]))
    parity = Parity(
        by="x",
        first=draw(st.sampled_from([0, 3, 20])),
        window=draw(st.sampled_from([0, 1, 4, 10])),
        unit=draw(st.sampled_from(["bytes", "characters"])),
        amounts=tuple(zip(counts, map(Fraction, amounts), strict=False)),
    )
    shape = Shape(
        max_token_length=draw(st.sampled_from([None, 3, 6])),
        limit_alphabet=draw(st.sampled_from([None, 3])),
        script_caps=draw(st.sampled_from([(), (("Latin", Fraction(7)),)])),
        blocked=draw(st.sampled_from([(), ("ab", "*ca*")])) if family == "bpe" else (),
        required=("dad",) if family == "bpe" and merges > 9 else (),
    )
    first = {"bpe": 256, "character_bpe": 270, "wordpiece": 20}[family]
    least = draw(st.sampled_from([1, 2, 5]))
    target = Target(size=first + merges, min_count=least, parity=parity, shape=shape, pretokenizer=UNCUT)
    learner = LEARNERS.get(family)()
    one = learner.learn_groups(counts, target)
    interrupt, anew = draw(st.sampled_from([0, 4, 5, 7])), draw(st.integers(1, 5))
    many = in_rounds(learner, shared(counts, members, spread), target, anew=anew, interrupt=interrupt)
    assert many.fingerprint == one.fingerprint


@given(
    GROUPS,
    st.integers(0, 60),
    st.sampled_from([0, 3, 20]),
    st.sampled_from([0, 1, 4]),
    st.sampled_from([(1, 2), (2, 64), (8, 512)]),
    st.sampled_from([None, 1, 2, 9]),
    st.sampled_from([1, 5, 1 << 24]),
)
@settings(max_examples=60, deadline=None)
def test_merges_are_those_of_brute_force(groups, merges, first, window, batches, most_hot, told) -> None:
    counts = {name: one for name, one in named(groups).items() if len(one)}
    words = [as_ids(one) for one in groups if one]
    units = [sum(len(word) * n for word, n in one.items()) for one in words]
    held: list[dict[str, Partition]] = [
        {name: partition_of(some) for name, one in counts.items() for some in [one.partition(2)[part]]}
        for part in range(2)
    ]
    coordinator = GroupCoordinator(
        tokens=dict(zip(counts, units, strict=True)),
        units=units,
        first=256,
        merges=merges,
        together=first,
        window=window,
        least_batch=batches[0],
        most_batch=batches[1],
        most_hot=most_hot,
        cells_told=told,
    )
    while counts and (message := coordinator.next()) is not None:
        coordinator.take([{name: one.answer(message) for name, one in some.items()} for some in held])
    expected = learn_for_groups(words, units, 256, merges, first=first, window=window)
    assert [tuple(pair) for pair in coordinator.merges.tolist()] == expected


@given(
    st.lists(
        st.dictionaries(
            st.text("ab", min_size=1, max_size=6).map(str.encode), st.just(3), min_size=1, max_size=2
        ),
        min_size=5,
        max_size=30,
    ),
    st.integers(0, 30),
    st.sampled_from([0, 2]),
    st.sampled_from([0, 1, 9, 100]),
    st.integers(1, 3),
)
@settings(max_examples=25, deadline=None)
def test_many_groups_of_few_words_that_are_as_frequent(groups, merges, first, window, members) -> None:
    counts = {f"g{i:02}": counts_of(one) for i, one in enumerate(groups)}
    target = Target(size=256 + merges, parity=Parity(first=first, window=window), pretokenizer=UNCUT)
    found = in_rounds(LEARNERS.get("bpe")(), shared(counts, members, 1), target, interrupt=5)
    units = [sum(len(word) * n for word, n in one.items()) for one in groups]
    expected = learn_for_groups([*map(as_ids, groups)], units, 256, merges, first=first, window=window)
    assert [tuple(pair) for pair in found.model.merges.tolist()] == expected


@pytest.mark.parametrize("family", ["bpe", "wordpiece"])
def test_words_of_many_groups_are_held_in_few_arrays(family) -> None:
    made, groups = [], {f"g{i}": counts_of({b"abab": 3, b"cd": i + 1}) for i in range(90)}

    def empty(size, dtype):
        made.append(size)
        return np.empty(size, dtype)

    rounds = LEARNERS.get(family)().rounds(Target(size=300, parity=Parity()))
    member = rounds.member([*groups.items()] * 4, empty)
    weighed = member.answer(rounds.decider(np.zeros((0, 2), np.int32)).next())
    assert [one.tokens for one in weighed.values()] == [4 * (12 + 2 * (i + 1)) for i in range(90)]
    assert len(made) < 4


def test_words_that_are_lost_are_noticed() -> None:
    counts = named([{b"abab": 9, b"abcab": 4}, {b"cdcd": 7, b"dcab": 5}])
    held = {name: partition_of(one) for name, one in counts.items()}
    sizes = dict.fromkeys(counts, 50)
    coordinator = GroupCoordinator(tokens=sizes, units=[50, 50], first=256, merges=5)
    for _ in range(2):  # they begin, and count their pairs
        message = coordinator.next()
        coordinator.take([{name: one.answer(message) for name, one in held.items()}])
    coordinator.next()
    anew = coordinator.anew()
    answers = {}
    for name in counts:
        fewer = partition_of(counts_of({b"abab": 1}))
        answers[name] = [fewer.answer(message) for message in anew][-1]
    with pytest.raises(CorruptionError, match="of the group 'g0' count the pair"):
        coordinator.take([answers])


def test_what_cannot_be_is_refused_in_rounds_too() -> None:
    groups = {"a": counts_of({b"abab": 3}), "b": counts_of({b"cd": 2})}
    learner, held = LEARNERS.get("bpe")(), shared(groups, 2, 1)
    wrong = Parity(amounts=(("a", Fraction(1)), ("c", Fraction(1))))
    with pytest.raises(RecipeError, match="amounts has 'c', which no document is of"):
        in_rounds(learner, held, Target(size=260, parity=wrong))
    with pytest.raises(CapacityError, match="too large to be learned in rounds"):
        learner.rounds(Target(size=1 << 21, parity=Parity())).decider(np.zeros((0, 2), np.int32))
    with pytest.raises(CapacityError, match="passes 2\\^63 - 1 tokens or units"):
        GroupCoordinator(tokens={"a": 1}, units=[1 << 63], first=256, merges=1)
    empty = in_rounds(learner, [[]], Target(size=260, parity=Parity()))
    assert len(empty) == 256


@given(st.lists(st.tuples(st.integers(0, (1 << 21) - 2), st.integers(0, (1 << 20) - 1)), max_size=9))
def test_rows_hold_who_chose(drawn) -> None:
    merges = np.array([(pair, pair // 2) for pair, _ in drawn], np.int32).reshape(-1, 2)
    who = np.array([one for _, one in drawn], np.int32)
    rows = _packed(merges, who)
    assert rows.min(initial=0) >= 0
    found, chosen = _unpacked(rows)
    assert found.tolist() == merges.tolist()
    assert chosen.tolist() == who.tolist()
