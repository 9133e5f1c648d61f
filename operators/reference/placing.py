"""Where the tokens of a text are from that was normalized, each byte of it from one character of the text as it was given."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "Place", "piece_places", "word_places"]

Place = tuple[int, int]
"""Where a character begins and ends in the text as it was given."""


def piece_places(
    tokens: Sequence[tuple[int, int]],
    data: bytes,
    places: Sequence[Place],
    byte_ids: Sequence[int],
    *,
    rule: str,
    spaced: bool = False,
) -> list[tuple[int, int, int, int]]:
    r"""The id of each token, from where to where it is, and the number of its word.

    `tokens` are (id, bytes) side by side; with the id -1, (-1, 1), a byte that no piece spells, which has one of `byte_ids`. By
    the `rule` "each", it is from its character, by "whole" from all such bytes in a row within a word; by "one" only the first of
    a character stays, by "fused" the first in a row, from all of them. With `spaced`, a word begins with each space.

    >>> piece_places([(5, 2), (-1, 1), (-1, 1)], b"ab\xc3\xa9", [(0, 1), (1, 2), (3, 5), (3, 5)], [0] * 256, rule="fused")
    [(5, 0, 2, 0), (0, 3, 5, 0)]
    """
    found: list[tuple[int, int, int, int]] = []
    low = word = 0
    run: list[int] = []  # the tokens of bytes in a row
    for i, size in tokens:
        if spaced and low and data[low] == ord(" "):
            word, run = word + 1, []
        begin, end = places[low][0], places[low + size - 1][1]
        if i >= 0:
            run = []
            found.append((i, begin, end, word))
        elif rule == "fused" and run:
            found[-1] = (found[-1][0], found[-1][1], end, word)
        elif rule != "one" or data[low] & 0xC0 != 0x80:
            run.append(len(found))
            found.append((byte_ids[data[low]], begin, end, word))
        for place in run if rule == "whole" else ():
            found[place] = (found[place][0], found[run[0]][1], end, word)
        low += size
    return found


def word_places(
    words: Sequence[tuple[bytes, Sequence[tuple[int, int]]]], places: Sequence[Place]
) -> list[tuple[int, int, int, int]]:
    """As `piece_places`, of words with the tokens (id, bytes) of each; the space that one may begin with is in no token.

    >>> word_places([(b"ab", [(3, 1), (4, 1)]), (b" c", [(5, 1)])], [(0, 1), (1, 2), (2, 3), (3, 4)])
    [(3, 0, 1, 0), (4, 1, 2, 0), (5, 3, 4, 1)]
    """
    found = []
    low = 0
    for number, (word, tokens) in enumerate(words):
        at = low + word.startswith(b" ")
        for i, size in tokens:
            found.append((i, places[at][0], places[at + size - 1][1], number))
            at += size
        low += len(word)
    return found


TWINS: Mapping[str, Callable[..., object]] = {
    "encode.kernels.places:place_pieces": piece_places,
    "encode.kernels.places:place_words": word_places,
}
