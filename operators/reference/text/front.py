"""Normalizing character by character, and cutting between neighbours."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["TWINS", "located", "met", "normalized", "pieces", "windows"]


def met(texts: Iterable[str], known: Callable[[str], bool]) -> list[str]:
    """The characters of texts that are not known, each once, as they come."""
    return list(dict.fromkeys(char for text in texts for char in text if not known(char)))


def normalized(
    text: str,
    becomes: Callable[[str], str | None],
    *,
    runs: bool = False,
    strip: str = "",
    prefix: bool = False,
    prepend: bool = False,
) -> str | None:
    """A text with each character as it becomes, then without the spaces at its ends and in rows; None where one depends on others.

    >>> normalized("A  b ", str.lower, runs=True, strip="r", prefix=True)
    ' a b'
    """
    made = [becomes(char) for char in text]
    if None in made:
        return None
    found = "".join(one for one in made if one is not None)
    if "l" in strip:
        found = found.lstrip(" ")
    if "r" in strip:
        found = found.rstrip(" ")
    if runs:
        while "  " in found:
            found = found.replace("  ", " ")
    return " " + found if found and (prepend or (prefix and found[0] != " ")) else found


def pieces(text: str, apart: Callable[[str, str], bool]) -> list[str]:
    """A text cut between neighbours that are apart.

    >>> pieces("a bc", lambda a, b: b == " ")
    ['a', ' bc']
    """
    found: list[str] = []
    for char in text:
        if found and not apart(found[-1][-1], char):
            found[-1] += char
        else:
            found.append(char)
    return found


def windows(text: str, asked: Callable[[str], bool]) -> list[tuple[int, int]]:
    """From where to where the characters of a text stand together of which some are `asked` for: it is parted between all others.

    >>> windows("abXcd", str.isupper)
    [(1, 4)]
    """
    edges = [0, *(i for i in range(1, len(text)) if not asked(text[i - 1]) and not asked(text[i])), len(text)]
    return [(a, b) for a, b in itertools.pairwise(edges) if any(map(asked, text[a:b]))]


def located(
    text: str,
    becomes: Callable[[str], str],
    inside: Mapping[tuple[int, int], Sequence[tuple[str, int]]],
    *,
    runs: bool = False,
    strip: str = "",
    prefix: bool = False,
    prepend: bool = False,
    ahead: bool = False,
) -> list[tuple[str, int]]:
    """As `normalized`, with the number of the character that each is from; what windows become is given, with places in them.

    A space that several were is from the last of them, or if it is from `ahead`, from what follows it.

    >>> located(" A  b", str.lower, {}, runs=True, strip="l")
    [('a', 1), (' ', 3), ('b', 4)]
    """
    made = []
    at = 0
    while at < len(text):
        end, row = next(((b, row) for (a, b), row in inside.items() if a == at), (0, None))
        made += [(char, at) for char in becomes(text[at])] if row is None else [(c, at + i) for c, i in row]
        at = max(at + 1, end)
    while "l" in strip and made and made[0][0] == " ":
        made.pop(0)
    while "r" in strip and made and made[-1][0] == " ":
        made.pop()
    if runs:
        made = [
            one for i, one in enumerate(made) if one[0] != " " or not made[i + 1 :] or made[i + 1][0] != " "
        ]
    if ahead:
        made = [
            (char, behind[1] if char == " " != behind[0] else place)
            for (char, place), behind in itertools.zip_longest(made, made[1:], fillvalue=(" ", 0))
        ]
    if made and (prepend or (prefix and made[0][0] != " ")):
        made.insert(0, (" ", made[0][1]))
    return made


TWINS: Mapping[str, Callable[..., object]] = {
    "text.front.kernels.cut:cut_neighbours": pieces,
    "text.front.kernels.located:find_windows": windows,
    "text.front.kernels.located:rewrite_located": located,
    "text.front.kernels.rewrite:rewrite": normalized,
    "text.front.kernels.rewrite:unknown_points": met,
}
