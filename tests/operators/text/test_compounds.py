"""Compounds by their hyphens and by the words that they are made of, held to all ways there are (C15)."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.text.compounds import MOST_PARTS, Splitter, mine, spans

letters = st.text("abs", min_size=1, max_size=8)


def test_hyphens_say_what_is_a_compound() -> None:
    counts = {
        "kinder-garten": 20,
        "kin-dergarten": 20,  # as often: the first by spelling
        "kindergarten": 900,
        "e-mail": 500,  # a part of one letter
        "haus-tür": 3,  # of a word that is nowhere written without
        "and": 9000,
        "the": 9000,
        "ofthe": 4000,
        "of-the": 9,  # rarer than e^-6 of the word without
    }
    found = mine(counts)
    assert found.compounds == {"kindergarten": ("kin", "dergarten"), "haustür": ("haus", "tür")}
    assert found.whole == {"and", "the"}


def ways(
    word: str, counts: dict[str, int], links: tuple[str, ...], least: int
) -> list[list[tuple[str, int]]]:
    """All ways to part a word into words, each perhaps with a link behind it, and how often each of these words occurs."""
    if not word:
        return [[]]
    out = []
    for size in range(least, len(word) + 1):
        for link in ("", *links):
            end = size + len(link)
            known = counts.get(word[:size], 0)
            if known and word.startswith(link, size) and (not link or end < len(word)):
                out += [[(word[:end], known), *rest] for rest in ways(word[end:], counts, links, least)]
    return out


@given(
    st.text("abs", min_size=2, max_size=9),
    st.dictionaries(letters, st.integers(1, 99), max_size=9),
    st.sampled_from([(), ("s",), ("s", "as")]),
    st.integers(1, 3),
)
def test_parts_are_the_best_of_all_ways(
    word: str, counts: dict[str, int], links: tuple[str, ...], least: int
) -> None:
    parts = Splitter(counts, links=links, least=least).parts(word)
    assert "".join(parts) == word

    def mean(way: list[tuple[str, int]]) -> float:
        return sum(math.log(count) for _, count in way) / len(way)

    several = [
        way for way in ways(word, counts, links, least) if 1 < len(way) <= MOST_PARTS and way[0][0] != word
    ]
    best = max(map(mean, several), default=-math.inf)
    own = math.log(counts.get(word, 0.5))
    if len(word) < 2 * least or best <= own + 1e-12:
        assert len(parts) == 1 or math.isclose(best, own)
    else:
        found = [mean(way) for way in several if tuple(part for part, _ in way) == parts]
        assert found
        assert math.isclose(max(found), best, abs_tol=1e-9)


def test_what_hyphens_say_goes_before_what_counts_say() -> None:
    counts = {"rat": 90, "haus": 90, "rathaus": 5, "ra-thaus": 40, "und": 900}
    assert Splitter(counts).parts("rathaus") == ("rat", "haus")
    mined = mine(counts)
    assert Splitter(counts, mined).parts("rathaus") == ("ra", "thaus")
    assert Splitter(counts, mined).parts("und") == ("und",)


def distance(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    return min(
        distance(one[1:], other) + 1,
        distance(one, other[1:]) + 1,
        distance(one[1:], other[1:]) + (one[0] != other[0]),
    )


@given(st.text("abc", min_size=1, max_size=6), st.lists(st.text("abc", max_size=3), min_size=1, max_size=3))
def test_spans_have_the_least_edits_in_all(word: str, parts: list[str]) -> None:
    if len(parts) > len(word):
        with pytest.raises(ValueError, match="cannot have"):
            spans(word, parts)
        return
    found = spans(word, parts)
    assert "".join(found) == word
    assert all(found)
    every = [
        [word[a:b] for a, b in itertools.pairwise((0, *cuts, len(word)))]
        for cuts in itertools.combinations(range(1, len(word)), len(parts) - 1)
    ]
    costs = [sum(map(distance, parts, way)) for way in every]
    assert sum(map(distance, parts, found)) == min(costs)
