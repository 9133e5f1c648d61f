"""Questions about the letters of whole words, with four words to choose from, in the six kinds of LangGame.

The kinds are those by which StochasTok (Sims et al., 2025, arXiv:2506.01687) trains and tests what models know of the inside
of tokens; wordings are our own. One of the four words is right, and the three others are not.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pairloom.operators.evaluate.items import drawn

__all__ = ["KINDS", "langgame_items"]

KINDS = {
    "most": (
        "Which word has the most of the letter '{letter}'?",
        "In which word does '{letter}' occur most often?",
    ),
    "contains": ("Which word contains '{part}'?", "In which word can '{part}' be found?"),
    "starts": ("Which word starts with '{part}'?", "Which word has '{part}' at its beginning?"),
    "ends": ("Which word ends with '{part}'?", "Which word has '{part}' at its end?"),
    "longest": ("Which word is the longest?", "Which word has the most letters?"),
    "shortest": ("Which word is the shortest?", "Which word has the fewest letters?"),
}
"""The kinds of questions, and the ways in which each is asked."""

_CHOICES = 4
_TRIES = 10_000


def langgame_items(words: Iterable[str], count: int, *, seed: int = 0) -> Iterator[dict[str, Any]]:
    """`count` items of each kind about words of ASCII letters, told by their small letters.

    Items are drawn from the set of the words: the same set and seed give the same items. Raises ValueError for words among
    which there are no four that a question of some kind tells apart.

    >>> item = next(langgame_items(["strawberry", "apple", "fig", "plum"], 1))
    >>> item["kind"], sorted(item["options"]), item["answer"] in item["options"]
    ('most', ['apple', 'fig', 'plum', 'strawberry'], True)
    """
    known = sorted({word.lower() for word in words if word.isascii() and word.isalpha()})
    if len(known) < _CHOICES:
        raise ValueError(f"questions need {_CHOICES} different words of ASCII letters, not {len(known)}")
    for kind in KINDS:
        for number in range(count):
            yield _item(known, kind, number, seed)


def _item(words: list[str], kind: str, number: int, seed: int) -> dict[str, Any]:
    """One item: words and what is asked of them are drawn until one word alone is right."""
    for attempt in range(_TRIES):
        what = ("langgame", kind, number, attempt)
        options = _options(words, seed, *what)
        model = options[drawn(_CHOICES, seed, *what, "model")]
        size = 1 + drawn(min(4, len(model)), seed, *what, "size")
        begin = drawn(len(model) - size + 1, seed, *what, "begin")
        part = {"starts": model[:size], "ends": model[-size:]}.get(kind, model[begin : begin + size])
        letter = model[drawn(len(model), seed, *what, "letter")]
        score = _score(kind, part, letter)
        scores = [score(word) for word in options]
        if scores.count(max(scores)) == 1 and max(scores) != 0:
            asked = KINDS[kind][drawn(len(KINDS[kind]), seed, *what, "wording")]
            question = asked.format(letter=letter, part=part)
            return {
                "kind": kind,
                "question": f"{question} The words are: {', '.join(options)}.",
                "options": options,
                "answer": options[scores.index(max(scores))],
            }
    raise ValueError(
        f"no four words found of which one alone answers a question of the kind {kind}: give more words"
    )


def _options(words: list[str], seed: int, *what: object) -> list[str]:
    """Four different words, in the order in which they are drawn."""
    found: list[str] = []
    place = 0
    while len(found) < _CHOICES:
        word = words[drawn(len(words), seed, *what, "word", place)]
        place += 1
        if word not in found:
            found.append(word)
    return found


def _score(kind: str, part: str, letter: str) -> Callable[[str], int]:
    """What the right word has most of."""
    scores: dict[str, Callable[[str], int]] = {
        "most": lambda word: word.count(letter),
        "contains": lambda word: int(part in word),
        "starts": lambda word: int(word.startswith(part)),
        "ends": lambda word: int(word.endswith(part)),
        "longest": len,
        "shortest": lambda word: -len(word),
    }
    return scores[kind]
