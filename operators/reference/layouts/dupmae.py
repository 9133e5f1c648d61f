"""Duplex masked auto-encoding of one row, over Python lists: the twin of its kernels."""

from collections.abc import Callable, Mapping, Sequence

from pairloom.operators.reference.layouts.draws import draw, share
from pairloom.operators.reference.layouts.masked_lm import Setting, words_of

__all__ = ["TWINS", "mark_words", "see_words"]

HIDDEN = 0x0D95748F728EB658


def mark_words(ids: Sequence[int], segments: Sequence[int], setting: Setting) -> list[int]:
    """Of each place: 1 where a word begins, 2 where one goes on, 0 on special tokens and padding."""
    out = [0] * len(ids)
    for word in words_of(ids, segments, setting):
        for i in word:
            out[i] = 1 if i == word[0] else 2
    return out


def see_words(
    words: Sequence[int], segments: Sequence[int], seed: int, hidden: int, masks: int
) -> list[list[bool]]:
    """Which places of a row see which; `segments` says of which segment each place is, -1 on padding."""
    size = len(words)
    out = [[False] * size for _ in range(size)]
    for i, row in enumerate(out):
        if segments[i] < 0:
            row[i] = True
            continue
        here = [j for j in range(size) if segments[j] == segments[i]]
        begins = 0
        for j in here:
            begins = j if words[j] == 1 else begins
            which = (i % min(size, masks)) * size + begins
            away = words[j] != 0 and share(draw(seed, HIDDEN, which)) < hidden
            row[j] = j != i and not away
        if not any(row):
            row[here[0]] = True
    return out


TWINS: Mapping[str, Callable[..., object]] = {
    "layouts.kernels.dupmae:mark_words": mark_words,
    "layouts.kernels.dupmae:see_words": see_words,
}
