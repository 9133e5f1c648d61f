"""Normalization by the book (Unicode Standard Annex 15): take apart, sort by class, put together."""

from collections.abc import Callable, Mapping

import numpy as np

from pairloom.operators.text.normalize.tables import MAY_CHANGE, NormalForm

__all__ = ["TWINS", "in_form", "normalized"]


def _row(form: NormalForm, point: int) -> int:
    return 64 * int(form.blocks[point // 64]) + point % 64


def in_form(text: str, form: NormalForm) -> bool:
    """Whether a look at each character tells that the text is in the form; where it does not, it may be all the same."""
    marks = [int(form.marks[_row(form, ord(character))]) for character in text]
    rising = all(not mark or before <= mark for before, mark in zip([0, *marks], marks, strict=False))
    return MAY_CHANGE not in marks and rising


def _apart(point: int, form: NormalForm) -> list[int]:
    if 0xAC00 <= point < 0xAC00 + 11172:
        lead, rest = divmod(point - 0xAC00, 588)
        vowel, trail = divmod(rest, 28)
        return [0x1100 + lead, 0x1161 + vowel, *([0x11A7 + trail] if trail else [])]
    place = int(form.places[_row(form, point)])
    return form.pool[form.starts[place] : form.starts[place + 1]].tolist() if place else [point]


def _whole(first: int, second: int, form: NormalForm) -> int | None:
    lead, vowel, syllable, trail = first - 0x1100, second - 0x1161, first - 0xAC00, second - 0x11A7
    if 0 <= lead < 19 and 0 <= vowel < 21:
        return 0xAC00 + (21 * lead + vowel) * 28
    if 0 <= syllable < 11172 and syllable % 28 == 0 and 0 < trail < 28:
        return first + trail
    found = np.flatnonzero(form.pairs == np.uint64(first << 32 | second))
    return int(form.composed[found[0]]) if len(found) else None


def normalized(text: str, form: NormalForm) -> str:
    r"""The text in the form.

    >>> from pairloom.operators.text.normalize.tables import normal_form
    >>> normalized("a\u0301\u0316", normal_form("nfc")) == "\u00e1\u0316"
    True
    """
    points = [part for character in text for part in _apart(ord(character), form)]
    classes = [int(form.classes[_row(form, point)]) for point in points]
    starters = np.cumsum([combining == 0 for combining in classes]).tolist()
    order = sorted(range(len(points)), key=lambda i: (starters[i], classes[i]))
    out: list[int] = []
    between: list[int] = []  # classes of what stands in `out` after its last starter
    starter = -1
    for i in order:
        point, combining = points[i], classes[i]
        blocked = bool(between) and between[-1] >= combining
        whole = None if starter < 0 or blocked or not len(form.pairs) else _whole(out[starter], point, form)
        if whole is not None:
            out[starter] = whole
            continue
        if combining == 0:
            starter, between = len(out), []
        else:
            between.append(combining)
        out.append(point)
    return "".join(map(chr, out))


TWINS: Mapping[str, Callable[..., object]] = {
    "text.normalize.kernels.quick:find_first": in_form,
    "text.normalize.kernels.rewrite:rewrite": normalized,
}
