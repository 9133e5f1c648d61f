"""Roots and affixes: what text items are, and of what items a word is, by the words of the rules themselves."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["cut_word", "spell_items", "surfaces"]

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
    return "".join(_spell_each(items, lines, classes, case, letters, joiners))


def _spell_each(
    items: Sequence[Item],
    lines: Sequence[str],
    classes: Mapping[str, str],
    case: Mapping[str, str],
    letters: str,
    joiners: str,
) -> list[str]:
    """What each item spells."""
    inside = {*letters, *joiners}
    upper = {small: capital for capital, small in case.items()}
    out, each = "", []
    mode = None
    for place, item in enumerate(items):
        before = len(out)
        if item in (-1, -2, -3):
            mode = item
            each.append("")
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
        each.append(out[before:])
    return each


def cut_word(
    word: str,
    roots: Sequence[str],
    affixes: Sequence[str],
    classes: Mapping[str, str],
    *,
    case: Mapping[str, str],
    letters: str,
    joiners: str = "",
) -> list[Item]:
    """The items of a word, texts that are side by side put together.

    >>> cut_word("Evler!", ["ev"], ["ler"], {}, case={"E": "e"}, letters="evlrE")
    [-1, 0, 1, '!']
    """
    lines = [*roots, *affixes]
    found: list[Item] = []
    at = 0
    while at < len(word):
        end = at + 1
        if word[at] not in letters + joiners:
            found.append(word[at])
        else:
            while end < len(word) and word[end] in letters + joiners:
                end += 1
            spelled = (lines, classes, case, letters, joiners)
            found += [-3, word[at:end]] if end - at > 256 else _cut_part(word[at:end], len(roots), *spelled)
        at = end
    joined: list[Item] = []
    for item in found:
        last = joined[-1] if joined else None
        if isinstance(item, str) and isinstance(last, str):
            joined[-1] = last + item
        else:
            joined.append(item)
    return joined


def _cut_part(
    part: str,
    roots: int,
    lines: Sequence[str],
    classes: Mapping[str, str],
    case: Mapping[str, str],
    letters: str,
    joiners: str,
) -> list[Item]:
    known = (
        surfaces(lines[:roots]),
        {form: roots + line for form, line in surfaces(lines[roots:]).items()},
    )
    # A mark, whether a segment begins, the text, and the item.
    pieces: list[tuple[int, bool, str, Item]] = []
    for mark, segment in _segments(part, case):
        small = "".join(case.get(letter, letter) for letter in segment)
        at = 0
        while at < len(small):
            ends = [
                (one[small[at:end]], end)
                for one in known
                for end in range(len(small), at, -1)
                if small[at:end] in one
            ]
            item, end = ends[0] if ends else (small[at], at + 1)
            pieces.append((mark, at == 0, segment[at:end], item))
            at = end
    spelled_out: set[int] = set()
    while True:
        items: list[Item] = []
        places = []
        for i, (mark, begins, text, item) in enumerate(pieces):
            if i in spelled_out:
                items += [-3, text]
            else:
                again = mark == -2 and i - 1 in spelled_out
                items += [mark, item] if mark and (begins or again) else [item]
            places.append(len(items) - 1)
        each = _spell_each(items, lines, classes, case, letters, joiners)
        if "".join(each) == part:
            return items
        wrong = [
            i
            for i, (_, _, text, item) in enumerate(pieces)
            if i not in spelled_out and isinstance(item, int) and each[places[i]] != text
        ]
        if not wrong:
            return [-3, part]
        spelled_out.add(wrong[0])


def _segments(part: str, case: Mapping[str, str]) -> list[tuple[int, str]]:
    """Runs of capitals (-2), a capital with what follows it (-1), and other letters (0)."""
    found = []
    at = 0
    while at < len(part):
        run = at
        while run < len(part) and part[run] in case:
            run += 1
        if run - at > 1 and part[run : run + 1] and part[run] in case.values():
            run -= 1  # the last one is that of the letter behind it
        if run - at > 1:
            found.append((-2, part[at:run]))
            at = run
            continue
        end = at + 1
        while end < len(part) and part[end] not in case:
            end += 1
        found.append((-1 if run > at else 0, part[at:end]))
        at = end
    return found


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


TWINS: Mapping[str, Callable[..., object]] = {"models.roots.kernels:encode_block": cut_word}
