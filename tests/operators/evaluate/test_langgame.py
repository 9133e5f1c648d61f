"""Questions about letters: one of four words is right, and each kind asks what it says (C04)."""

import re

import pytest

from pairloom.operators.evaluate.items import addition_items
from pairloom.operators.evaluate.langgame import KINDS, langgame_items

TEXT = "the quick brown foxes jumped over several lazy hounds while keepers slept under old trees in summer"
WORDS = TEXT.split()
RIGHT = {
    "contains": lambda word, said: said in word,
    "starts": lambda word, said: word.startswith(said),
    "ends": lambda word, said: word.endswith(said),
}


def test_one_word_alone_is_right() -> None:
    items = list(langgame_items(WORDS, 40))
    assert [item["kind"] for item in items] == [kind for kind in KINDS for _ in range(40)]
    for item in items:
        assert len(set(item["options"])) == 4
        assert set(item["options"]) <= set(WORDS)
        assert item["question"].endswith(f"The words are: {', '.join(item['options'])}.")
        found = re.search(r"'([a-z]+)'", item["question"])
        others = [word for word in item["options"] if word != item["answer"]]
        kind, answer = item["kind"], item["answer"]
        if kind in RIGHT:
            assert found
            assert RIGHT[kind](answer, found[1])
            assert not any(RIGHT[kind](word, found[1]) for word in others)
        elif kind == "most":
            assert found
            assert answer.count(found[1]) > max(word.count(found[1]) for word in others)
        elif kind == "longest":
            assert len(answer) > max(map(len, others))
        else:
            assert len(answer) < min(map(len, others))
    # Each wording is used, and answers stand in every place.
    for kind, wordings in KINDS.items():
        asked = {item["question"].split("'")[0][:14] for item in items if item["kind"] == kind}
        assert len(asked) == len(wordings)
    assert {item["options"].index(item["answer"]) for item in items} == {0, 1, 2, 3}


def test_items_depend_on_the_set_of_words_and_the_seed_alone() -> None:
    assert list(langgame_items(reversed(WORDS * 2), 5)) == list(langgame_items(WORDS, 5))
    assert list(langgame_items(WORDS, 5, seed=1)) != list(langgame_items(WORDS, 5))


@pytest.mark.parametrize(
    ("words", "said"),
    [(["a", "b", "c", "\u00e9"], "not 3"), (["aa", "bb", "cc", "dd"], "kind longest: give more words")],
)
def test_too_few_words_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(langgame_items(words, 1))


def test_sums_are_written_from_their_last_digit_on() -> None:
    for item in addition_items(20, digits=(3,), shots=1, reverse=True):
        solved, asked = item["prompt"].split("\n")
        assert re.fullmatch(r"\$\d{3}\+\d{3}=\d{3,4}\$", solved)
        assert asked == f"${item['left']}+{item['right']}="
        assert item["answer"] == str(item["sum"])[::-1] + "$"
