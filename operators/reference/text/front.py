"""Normalizing character by character, and cutting between neighbours."""

from collections.abc import Callable, Iterable, Mapping

__all__ = ["TWINS", "met", "normalized", "pieces"]


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


TWINS: Mapping[str, Callable[..., object]] = {
    "text.front.kernels.cut:cut_neighbours": pieces,
    "text.front.kernels.rewrite:rewrite": normalized,
    "text.front.kernels.rewrite:unknown_points": met,
}
