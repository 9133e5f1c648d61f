"""Roots and affixes: what text items are, by the words of the rules themselves."""

from collections.abc import Mapping, Sequence

__all__ = ["spell_items", "surfaces"]

Item = int | str


def surfaces(lines: Sequence[str]) -> dict[str, int]:
    """Which line each form is of.

    >>> surfaces(["kitab@before=vowel kitap", "ev"])
    {'kitab': 0, 'kitap': 0, 'ev': 1}
    """
    return {form.split("@")[0]: number for number, line in enumerate(lines) for form in line.split()}


def spell_items(
    items: Sequence[Item],
    lines: Sequence[str],
    classes: Mapping[str, str],
    *,
    case: Mapping[str, str],
    letters: str,
    joiners: str = "",
) -> str:
    """The text of items: numbers of lines, texts, and marks (-1 a capital, -2 capitals, -3 literally).

    >>> spell_items([0, 1], ["ev", "lar@vowel=a ler"], {"vowel": "ae", "a": "a"}, case={}, letters="evlar")
    'evler'
    """
    inside = {*letters, *joiners}
    upper = {small: capital for capital, small in case.items()}
    out = ""
    mode = None
    for place, item in enumerate(items):
        if item in (-1, -2, -3):
            mode = item
            continue
        # The letters before it that nothing else has come after, in small.
        word = ""
        for letter in out:
            word = word + case.get(letter, letter) if letter in inside else ""
        text = (
            item
            if isinstance(item, str)
            else _form(lines[item].split(), word, items[place + 1 :], lines, classes, case, inside, joiners)
        )
        for letter in text:
            if letter not in inside or (letter in joiners and mode == -2):
                mode = None
            out += upper.get(letter, letter) if mode in (-1, -2) else letter
            if mode == -1:
                mode = None
    return out


def _form(
    forms: Sequence[str],
    word: str,
    rest: Sequence[Item],
    lines: Sequence[str],
    classes: Mapping[str, str],
    case: Mapping[str, str],
    inside: set[str],
    joiners: str,
) -> str:
    behind = [item for item in rest if item not in (-1, -2, -3)]
    first = (
        "" if not behind else behind[0][0] if isinstance(behind[0], str) else lines[behind[0]].split()[-1][0]
    )
    first = case.get(first, first) if first in inside else ""
    vowels = [letter for letter in word if letter in classes.get("vowel", "")]
    there = [letter for letter in word if letter not in joiners]
    looked = {"vowel": vowels[-1:], "after": there[-1:], "before": [first] if first else []}
    for form in forms:
        text, _, conditions = form.partition("@")
        holds = True
        for condition in conditions.split(",") if conditions else []:
            key, name = condition.split("=")
            is_one = any(letter in classes[name] for letter in looked[key.rstrip("!")])
            holds = holds and is_one != key.endswith("!")
        if holds:
            return text
    raise ValueError(f"no form of {forms} holds")
