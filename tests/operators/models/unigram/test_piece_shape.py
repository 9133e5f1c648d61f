"""What the pieces of a Unigram may look like: the same bytes in one task and in rounds, and what is asked for is there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Vocabulary, WordCounts, count_words, merge_counts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Shape, Target
from pairloom.operators.learners.unigram import UnigramLearner
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
