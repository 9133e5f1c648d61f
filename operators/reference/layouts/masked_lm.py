"""What masked language modelling does to one row, over Python lists: the twin of its kernels."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pairloom.operators.reference.layouts.draws import IGNORED, below, draw, share

__all__ = ["TWINS", "Setting", "mask_spans", "mask_words", "words_of"]

CHOICE, REPLACEMENT = 0x243F6A8885A308D3, 0x13198A2E03707344
RANDOM, SPAN = 0xA4093822299F31D0, 0x082EFA98EC4E6C89


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What masking goes by. Probabilities are in 2^53rds; `lengths[k]` is that of a span of at most k + 1 words."""

    special: frozenset[int]
    goes_on: frozenset[int]
    closes: frozenset[int]
    ordinary: Sequence[int]
    mask: int
    rate: int
    masked: int
    changed: int
    lengths: Sequence[int] = ()


def words_of(ids: Sequence[int], segments: Sequence[int], setting: Setting) -> list[list[int]]:
    """The places of the tokens of each word of a row, special tokens left out."""
    words: list[list[int]] = []
    at = 0
    for length in segments:
        inside = False
        for i in range(at, at + length):
            if ids[i] in setting.special:
                inside = False
                continue
            if inside and ids[i] in setting.goes_on and ids[i - 1] not in setting.closes:
                words[-1].append(i)
            else:
                words.append([i])
            inside = True
        at += length
    return words


def mask_words(
    ids: Sequence[int], segments: Sequence[int], stream: int, setting: Setting, *, whole: bool
) -> tuple[list[int], list[int]]:
    """The row with each token or whole word predicted or not, and its labels."""
    out, labels = list(ids), [IGNORED] * len(ids)
    words = words_of(ids, segments, setting)
    for unit in words if whole else [[i] for word in words for i in word]:
        if share(draw(stream, CHOICE, unit[0])) < setting.rate:
            for i in unit:
                labels[i], out[i] = ids[i], _replacement(ids[i], stream, i, i, setting)
    return out, labels


def mask_spans(
    ids: Sequence[int], segments: Sequence[int], stream: int, setting: Setting
) -> tuple[list[int], list[int]]:
    """The row with spans of words predicted, up to a share of its tokens, and its labels."""
    out, labels = list(ids), [IGNORED] * len(ids)
    words = words_of(ids, segments, setting)
    word_of = {i: number for number, word in enumerate(words) for i in word}
    segment_of = [number for number, length in enumerate(segments) for _ in range(length)]
    used = len(segment_of)
    exact = setting.rate / 2**53 * len(word_of)
    left = math.floor(exact)
    left += (share(draw(stream, SPAN, 0))) / 2**53 < exact - left
    tries = 0
    while left > 0 and tries < 64 * used:
        tries += 1
        anchor = below(draw(stream, SPAN, 2 * tries), used)
        if anchor not in word_of or labels[anchor] != IGNORED:
            continue
        length = share(draw(stream, SPAN, 2 * tries + 1))
        several = 1 + sum(length >= edge for edge in setting.lengths[:-1])
        first = word_of[anchor]
        unit = words[first][0]
        last = unit - 1
        for word in words[first : first + several]:
            # A special token, the end of the segment, or what is predicted already ends a span.
            if word[0] != last + 1 or segment_of[word[0]] != segment_of[unit] or labels[word[0]] != IGNORED:
                break
            for i in word[:left]:
                labels[i], out[i] = ids[i], _replacement(ids[i], stream, i, unit, setting)
            left -= min(left, len(word))
            last = word[-1]
    return out, labels


def _replacement(token: int, stream: int, at: int, unit: int, setting: Setting) -> int:
    what = share(draw(stream, REPLACEMENT, unit))
    if what < setting.masked:
        return setting.mask
    if what < setting.changed:
        return setting.ordinary[below(draw(stream, RANDOM, at), len(setting.ordinary))]
    return token


TWINS: Mapping[str, Callable[..., object]] = {
    "layouts.kernels.masked_lm:mask_words": mask_words,
    "layouts.kernels.masked_lm:mask_spans": mask_spans,
}
