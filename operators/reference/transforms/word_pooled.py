"""Words on canvases, in plain Python: what the step is compared with. It has no kernel of its own."""

from collections.abc import Sequence

__all__ = ["pooled"]


def pooled(
    document: Sequence[int], begins: Sequence[bool], canvas: int, prefix: int, marks: tuple[int, int]
) -> tuple[list[int], list[int]]:
    """The ids and the units of a document; `marks` are what stands before words and what fills canvases.

    >>> pooled([7, 8, 9], [True, False, True], 3, 1, (1, 0))
    ([1, 7, 8, 1, 9, 0], [0, 1, 2, 0, 1, 0])
    """
    ids: list[int] = []
    units: list[int] = []
    words: list[list[int]] = []
    for i, token in enumerate(document):
        if begins[i] or i == 0:
            words.append([])
        words[-1].append(token)
    room = canvas - prefix
    for word in words:
        for at in range(0, len(word), room):
            part = word[at : at + room]
            ids += [marks[0]] * prefix + part + [marks[1]] * (room - len(part))
            units += [0] * prefix + list(range(1, len(part) + 1)) + [0] * (room - len(part))
    return ids, units
