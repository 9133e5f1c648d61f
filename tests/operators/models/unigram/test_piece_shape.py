"""What the pieces of a Unigram may look like: the same bytes in one task and in rounds, and what is asked for is there."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary, WordCounts, count_words, merge_counts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Shape, Target
from pairloom.operators.learners.unigram import UnigramLearner
from pairloom.operators.models.unigram.learning.asking import Answer
from pairloom.operators.models.unigram.learning.deciding import Options, UnigramDecider, UnigramMember
from pairloom.operators.models.unigram.learning.pieces import Learned, PieceRounds
from pairloom.operators.models.unigram.learning.scripts import ScriptCaps
from pairloom.operators.models.unigram.learning.seeds import Seeds
from pairloom.operators.models.unigram.learning.shaping import PieceShape
from pairloom.operators.reference.models import unigram_learning as twin
from pairloom.operators.reference.models.bpe.superwords import script_of
from pairloom.operators.text.pretokenize.marker import BeforeSpaces
from pairloom.operators.vocabulary.tokens import TokenTable
from tests.support.owners import corpus, library

FILLERS = tuple(first + second + "q" for first in "abcdefghij" for second in "klmnopqrst")


@pytest.fixture(scope="module")
def words() -> list[WordCounts]:
    texts = [*corpus()[:6], "in 1984 and 2001, 365 days " * 40, "h\u0142\u00df " * 9]
    cut = UnigramLearner().cutter(Target(size=999))
    return [count_words(pa.array(some), cut) for some in (texts[::2], texts[1::2])]


def learned(
    words: Sequence[WordCounts], size: int = 800, split_digits: bool = False, **shape: Any
) -> Vocabulary:
    library()
    learner = UnigramLearner(split_digits=split_digits)
    target = Target(size=size, special_tokens=("<s>",), shape=Shape(**shape))
    found = learner.learn(merge_counts(words), target)
    rounds = learner.rounds(target)
    decider = rounds.decider(np.zeros((0, 2), np.int32))
    members = [rounds.member([one], np.empty) for one in words]
    for number in range(10**6):
        if (question := decider.next()) is None:
            break
        decider.take([member.answer(question) for member in members])
        if number == 2:  # whoever goes on from the log comes to the same
            decider = rounds.decider(decider.merges)
    assert rounds.finish(decider.merges, words).to_json() == found.to_json()
    return found


def pieces(vocabulary: Vocabulary) -> list[str]:
    return [token.decode() for token in vocabulary.tokens[258:]]


def test_what_is_asked_for_is_there_and_used(words: list[WordCounts]) -> None:
    plain = pieces(learned(words))
    assert {"\u2581the", "ation"} & {*plain}
    found = learned(
        words,
        required=(" pairloomish", "methodz", "\u00e5"),
        blocked=(" the", "*at*"),
        max_token_length=5,
        limit_alphabet=70,
        initial_alphabet=("\u0142",),
    )
    made = pieces(found)
    assert len(found) == 800
    assert {"\u2581pairloomish", "methodz", "\u00e5", "\u0142"} <= {*made}
    assert "\u2581the" not in made
    assert not any("at" in token for token in made)
    assert max(map(len, {*made} - {"\u2581pairloomish", "methodz"})) == 5
    assert sum(len(token) == 1 for token in made) <= 71  # the space is one anyway
    ids = {token: i for i, token in enumerate(made, 258)}
    assert found.encode_one("pairloomish").tolist() == [ids["\u2581pairloomish"]]
    assert ids["methodz"] in found.encode_one("xmethodz").tolist()


def test_digits_stand_alone(words: list[WordCounts]) -> None:
    assert any(char.isdigit() for token in pieces(learned(words)) for char in token if len(token) > 1)
    made = pieces(learned(words, split_digits=True))
    assert {"1", "9"} <= {*made}
    assert not any(char in "0123456789" for token in made for char in token if len(token) > 1)


def test_fillers_fill_up_to_a_power_of_two(words: list[WordCounts]) -> None:
    found = learned(words, 1000, fillers=FILLERS)
    assert len(found) == 1024
    assert "akq" in pieces(found)


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"required": ("a b",)}, "a piece has a space only as its first"),
        ({"required": ("<s>",)}, "is no special token"),
        ({"required": ("a\u2581",)}, "with a character that no piece may have"),
        ({"fillers": ("a b",)}, "vocabulary.fillers has 'a b': a piece"),
        ({"fillers": ("a\u2581",)}, "vocabulary.fillers has .* no piece may have"),
        ({"fillers": ("qqqq",)}, "the fillers end at .* and the next power of two is 1024: name more"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(words: list[WordCounts], shape: dict[str, Any], why: str) -> None:
    with pytest.raises(RecipeError, match=why) as raised:
        learned(words, **shape)
    assert "\n" not in str(raised.value)


def test_an_identity_is_as_it_was() -> None:
    assert "split_digits" not in UnigramLearner().identity["keys"]
    assert UnigramLearner(split_digits=True).identity["keys"]["split_digits"]


LATIN = ("ab", "ba", "abc", "bca", " a", "1a", "cab")
OTHERS = ("дa", "да", "ад", " д", "日本", "本日", "1日", "12", "\u0301д", "日")
CAPS = st.dictionaries(st.sampled_from(("Latin", "Cyrillic", "Han")), st.integers(0, 5), max_size=3)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(LATIN + OTHERS), st.floats(-9.0, -1.0), st.integers(0, 9)), max_size=17
    ),
    st.text("abc д日", max_size=3),
    st.integers(1, 20),
    CAPS,
)
def test_what_a_pruning_leaves_is_what_the_twin_leaves(
    drawn: list[tuple[str, float, int]], alone: str, size: int, caps: dict[str, int]
) -> None:
    """Scores are set, and counts are given, so that some pieces have to stay, some go, and losses are equal."""
    known = {piece: (score, used) for piece, score, used in drawn if len(piece) > 1}
    pieces = [*dict.fromkeys(alone), *known]
    seeds = Seeds(tokens=TokenTable.of([one.encode() for one in known]), scores=np.ones(len(known), np.int64))
    counts = np.zeros(0x110000, np.int64)
    points = np.array([ord(one) for one in dict.fromkeys(alone)], np.int64)
    counts[points] = 9
    rounds = PieceRounds(seeds, counts, points, size, ScriptCaps.of(caps))
    rounds.scores = np.array([known.get(one, (-3.0, 5))[0] for one in pieces])
    used = [known.get(one, (-3.0, 5))[1] for one in pieces]
    expected = twin.alternatives({one: i for i, one in enumerate(pieces)}, rounds.scores.tolist(), used)
    room = max(int(size * Fraction(11, 10)), len(pieces) * 3 // 4)
    rounds._best = True
    rounds.take(Answer(sums=np.array(used, np.int64), total=0))
    left = [token.decode() for token in rounds.tokens]
    assert left == twin.stays(pieces, expected, room, size, caps)


def capped(texts: Sequence[str], size: int, caps: Mapping[str, int]) -> tuple[list[Learned], PieceRounds]:
    """What is learned in one task, and by members that are asked, one of which goes on from a log; and the rounds."""
    words = count_words(pa.array(texts, pa.large_string()), BeforeSpaces())
    shape = PieceShape(caps=ScriptCaps.of(caps))
    options = Options(size=size, seeds=300, coverage=Fraction(1), shape=shape)
    found = []
    for parts in ([words], words.partition(3)):
        members = [UnigramMember([part]) for part in parts]
        decider = UnigramDecider(options)
        for number in itertools.count():
            if (question := decider.next()) is None:
                break
            decider.take([member.answer(question) for member in members])
            if number == 2 and len(parts) > 1:
                decider = UnigramDecider(options, decider.merges)
        found.append(decider.learned())
    assert decider._pieces is not None
    return found, decider._pieces


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text("abcde дажи日本語中 1", min_size=4, max_size=40), min_size=2, max_size=12),
    st.integers(12, 90),
    CAPS,
)
def test_scripts_are_capped_and_their_room_is_for_others(
    texts: list[str], size: int, caps: dict[str, int]
) -> None:
    (one, many), rounds = capped(texts * 3, size, caps)
    assert one.tokens == many.tokens
    assert np.array_equal(one.scores, many.scores)
    made = [token.decode() for token in one.tokens]
    of_script = Counter(script_of(piece.encode()) for piece in made if len(piece) > 1)
    assert all(of_script[script] <= cap for script, cap in caps.items())
    # All characters are there, as ever; and whatever is not there, though there is room, has no room of its script.
    assert {*"".join(texts)} <= {*made}
    if len(made) < size:
        for token in rounds.tokens:
            piece = token.decode()
            assert piece in made or of_script[script_of(token)] == caps[script_of(token) or ""]
    # The best of each script are there.
    known = dict(zip(one.tokens, one.scores.tolist(), strict=True))
    worst = min((score for token, score in known.items() if len(token.decode()) > 1), default=0.0)
    for token, score in zip(rounds.tokens, rounds.scores.astype(np.float32).tolist(), strict=True):
        if (
            token not in known
            and len(made) == size
            and of_script[script_of(token)] < caps.get(script_of(token) or "", size)
        ):
            assert score <= worst


def test_what_is_freed_goes_to_other_scripts_though_there_is_much_more_of_the_one(
    words: list[WordCounts],
) -> None:
    free = pieces(learned(words, 700))
    found = learned(words, 700, script_caps=(("Latin", Fraction(40)),), required=(" pairloomish",))
    made = pieces(found)
    assert len(free) + 258 == len(found) == 700 or len(made) < len(free)
    latin = [one for one in made if len(one) > 1 and script_of(one.encode()) == "Latin"]
    assert len(latin) == 41  # what is required counts for nothing
    assert "\u2581pairloomish" in latin
    assert {one for one in free if len(one) == 1} <= {*made}
    others = [
        sum(len(one) > 1 and script_of(one.encode()) != "Latin" for one in some) for some in (free, made)
    ]
    assert others[1] > others[0]
    share = pieces(learned(words, 700, script_caps=(("Latin", Fraction(2, 35)),)))
    assert sum(len(one) > 1 and script_of(one.encode()) == "Latin" for one in share) == 40
