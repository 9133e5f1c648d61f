"""What tokens may look like, and which there must be: by brute force, in one task and in rounds."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Shape, Target
from pairloom.operators.learners.bpe import BPELearner
from pairloom.operators.models.bpe.assembling import byte_ids
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.learner import Learner
from pairloom.operators.models.bpe.shaping import shape_limits
from pairloom.operators.models.bpe.sharded import Coordinator
from pairloom.operators.reference.models.bpe.learning import apply_merge, pair_counts
from pairloom.operators.reference.models.bpe.superwords import passed_over, script_of
from pairloom.operators.vocabulary import byte_order
from tests.operators.models.bpe.sharded.test_sharded_properties import (
    counts_of,
    drive,
    partition_of,
    spread,
    words_of_few_letters,
)

LEARNER = BPELearner()
IDS = byte_ids(0)


def in_rounds(parts, target):
    """What `pipeline.stages.learn` does, all members in this process, one of which begins anew now and then."""
    rounds = LEARNER.rounds(target)
    decider = rounds.decider(np.zeros((0, 2), np.int32))
    members = [rounds.member([part], np.empty) for part in parts]
    while (message := decider.next()) is not None:
        replies = [member.answer(message) for member in members[1:]]
        if decider.rounds % 5 == 2:
            members[0] = rounds.member([parts[0]], np.empty)
            for told in decider.anew():
                first = members[0].answer(told)
        else:
            first = members[0].answer(message)
        decider.take([first, *replies])
    return rounds.finish(decider.merges, parts)


def by_hand(words: dict[bytes, int], merges: int, shape: Shape) -> list[tuple[int, int]]:
    weights = dict.fromkeys(range(256), 0)
    for word, count in words.items():
        for byte in word:
            weights[byte] += count
    kept = {*"".join(shape.initial_alphabet).encode()}
    order = byte_order().tolist()
    if shape.limit_alphabet is None:
        kept = {*range(256)}
    else:
        left = sorted((b for b in order if b not in kept), key=lambda b: (-weights[b], order.index(b)))
        kept |= {*left[: max(0, shape.limit_alphabet - len(kept))]}
    current = {}
    for word, count in words.items():
        ids = tuple(int(IDS[b]) for b in word if b in kept)
        current[ids] = current.get(ids, 0) + count
    tokens = [bytes([b]) for b in order]
    learned = []
    room = shape.caps(256 + merges)
    while len(learned) < merges:
        counts = {
            (left, right): count
            for (left, right), count in pair_counts(current).items()
            if not passed_over(
                tokens[left] + tokens[right], None, shape.blocked_strings, shape.blocked_tokens
            )
            and room.get(script_of(tokens[left] + tokens[right]), 1) > 0
            and (
                shape.max_token_length is None
                or max(left, right) < 256
                or len(tokens[left] + tokens[right]) < shape.max_token_length
            )
        }
        if not counts:
            break
        pair = min(counts, key=lambda p: (-counts[p], p))
        merged: dict[tuple[int, ...], int] = {}
        for word, count in current.items():
            made = apply_merge(word, pair, len(tokens))
            merged[made] = merged.get(made, 0) + count
        current = merged
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        if (script := script_of(tokens[-1])) in room:
            room[script] -= 1
        learned.append(pair)
    return learned


SHAPES = st.builds(
    Shape,
    max_token_length=st.one_of(st.none(), st.integers(2, 6)),
    limit_alphabet=st.integers(1, 4),
    initial_alphabet=st.lists(st.sampled_from("abcdef"), max_size=2).map(tuple),
    blocked=st.lists(
        st.sampled_from(["ab", "ba", "abc", "aa", "aaa", "*bb*", "*cab*", "bcd", "*a*"]), max_size=3
    ).map(tuple),
)


@given(words_of_few_letters, st.integers(0, 60), SHAPES, st.sampled_from([1, 3]))
@settings(max_examples=25, deadline=None)
def test_blocked_and_limited_as_by_hand_in_one_task_and_in_rounds(words, merges, shape, parts):
    target = Target(size=256 + merges, shape=shape, pretokenizer=Pretokenizer(scheme="none"))
    one = LEARNER.learn(counts_of(words), target)
    assert [tuple(pair) for pair in one.model.merges.tolist()] == by_hand(words, merges, shape)
    assert in_rounds(spread(words, parts), target).fingerprint == one.fingerprint


words_of_scripts = st.dictionaries(
    st.text(alphabet="abжé日本 1", min_size=1, max_size=9).map(str.encode),
    st.one_of(st.integers(1, 4), st.integers(1, 1 << 45)),
    max_size=20,
)
CAPS = st.dictionaries(
    st.sampled_from(["Latin", "Cyrillic", "Han", "Thai"]),
    st.one_of(st.integers(0, 6).map(Fraction), st.just(Fraction(1, 80))),
    max_size=3,
).map(lambda caps: tuple(caps.items()))
CAPPED = st.builds(
    Shape,
    script_caps=CAPS,
    limit_alphabet=st.sampled_from([None, 3, 6, 9]),
    blocked=st.sampled_from([(), ("ab", "*日本*")]),
)


@given(words_of_scripts, st.integers(0, 60), CAPPED, st.sampled_from([1, 3]))
@settings(max_examples=40, deadline=None)
def test_scripts_have_no_more_tokens_than_they_may_as_by_hand(words, merges, shape, parts):
    target = Target(size=256 + merges, shape=shape, pretokenizer=Pretokenizer(scheme="none"))
    one = LEARNER.learn(counts_of(words), target)
    assert [tuple(pair) for pair in one.model.merges.tolist()] == by_hand(words, merges, shape)
    assert in_rounds(spread(words, parts), target).fingerprint == one.fingerprint


@given(words_of_scripts, st.integers(0, 60), CAPS, st.integers(1, 9), st.integers(1, 4), st.data())
@settings(max_examples=30, deadline=None)
def test_scripts_are_capped_however_pairs_are_listed_and_wherever_learning_goes_on(
    words, merges, caps, threshold, most_hot, data
):
    shape = Shape(script_caps=caps)
    limits = shape_limits(shape, [bytes([b]) for b in byte_order().tolist()], 256 + merges)
    expected = by_hand(words, merges, shape)
    learner = Learner(
        Layout.of_bytes([counts_of(words)], IDS),
        first=256,
        merges=merges,
        limits=limits,
        threshold=threshold,
        most_hot=most_hot,
    )
    assert [tuple(pair) for pair in learner.learn().tolist()] == expected
    given = np.array(expected[: data.draw(st.integers(0, len(expected)))], np.int32).reshape(-1, 2)
    again = Learner(Layout.of_bytes([counts_of(words)], IDS), first=256, merges=merges, limits=limits)
    assert [tuple(pair) for pair in again.learn(given=given).tolist()] == expected
    coordinator = Coordinator(
        first=256,
        merges=merges,
        limits=limits,
        given=given,
        threshold=threshold,
        most_hot=most_hot,
        least_batch=2,
    )
    drive(coordinator, [partition_of(part) for part in spread(words, 2)])
    assert [tuple(pair) for pair in coordinator.merges.tolist()] == expected


@given(
    words_of_few_letters,
    st.integers(8, 40),
    st.lists(st.text("abcdxé", min_size=1, max_size=5), max_size=3, unique=True),
    st.booleans(),
)
@settings(max_examples=8, deadline=None)
def test_required_tokens_are_there_and_are_what_their_text_becomes(words, merges, required, filled):
    fillers = tuple(" " * n for n in range(1, 257)) if filled else ()
    shape = Shape(required=tuple(required), fillers=fillers)
    uncut = Pretokenizer(scheme="none")
    target = Target(size=257 + merges, shape=shape, special_tokens=("<s>",), pretokenizer=uncut)
    try:
        one = LEARNER.learn(counts_of(words), target)
    except RecipeError:  # they do not fit
        assert len("".join(required).encode()) > merges
        return
    assert in_rounds(spread(words, 2), target).fingerprint == one.fingerprint
    assert len(one) == (512 if filled else len(one))
    assert len(one) <= (512 if filled else target.size)
    plain = learn_bpe(counts_of(words), target.size, special_tokens=["<s>"])
    kept = [pair for pair in one.model.merges.tolist()[:merges] if pair in plain.model.merges.tolist()]
    assert plain.model.merges.tolist()[: len(kept)] == kept
    for token in required:
        assert one.tokens[one.encode_one(token).tolist()[0]] == token.encode()
        assert len(one.encode_one(token)) == 1


def test_a_shape_that_makes_no_sense_is_refused() -> None:
    for keys, said in (
        ({"required": ("the",), "blocked": ("*h*",)}, "required has 'the', which is blocked"),
        ({"initial_alphabet": ("a",)}, "says what limit_alphabet keeps"),
        ({"blocked": ("",)}, "blocked has an empty text"),
        ({"limit_alphabet": -1}, "must not be negative"),
        ({"script_caps": (("Klingon", Fraction(3)),)}, "script_caps has 'Klingon'; there are: Latin, Greek"),
        ({"script_caps": (("Han", Fraction(3, 2)),)}, "has 3/2 for Han: write a whole number of tokens"),
    ):
        with pytest.raises(ValueError, match=said):
            Shape(**keys)
    words = counts_of({b"ab": 3})
    with pytest.raises(RecipeError, match="the fillers end at 259 tokens, and the next power of two is 512"):
        learn_bpe(words, 257, shape=Shape(fillers=("  ", "    ")))
    with pytest.raises(
        RecipeError, match="required tokens take 4 merges, and there is room for 3: raise size"
    ):
        learn_bpe(words, 259, shape=Shape(required=("pqrst",)))


def test_a_required_token_that_no_text_becomes_is_refused():
    words = count_words(pa.array(["a </div> b"]), Pretokenizer())
    target = Target(size=300, shape=Shape(required=("</div>",)))
    with pytest.raises(
        RecipeError, match="which the pretokenizer cuts into '</', 'div', '>': no text would become it"
    ):
        BPELearner().learn(words, target)
    with pytest.raises(RecipeError, match="which the pretokenizer cuts"):
        BPELearner().rounds(target).decider(np.zeros((0, 2), np.int32))
