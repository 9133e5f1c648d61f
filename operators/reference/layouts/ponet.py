"""Sentence structure of one row, over Python lists: the twin of its kernel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pairloom.operators.reference.layouts.draws import IGNORED, below, draw, share

__all__ = ["TWINS", "Made", "Setting", "chunks_of", "pair_sentences", "sentences_of"]

SHORT, LENGTH = 0x718BCD5882154AEE, 0x7B54A41DC25A59B5
SPLIT, ORDER = 0x9C30D5392AF26013, 0xC5D1B023286085F0
OTHER, CUT = 0xCA417918B8DB38EF, 0x8E79DCB0603A180E


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What pairing goes by; `short` is a probability in 2^53rds."""

    special: frozenset[int]
    ends: frozenset[int]
    target: int
    short: int
    cls: int
    sep: int
    pad: int
    seq_len: int


class Ends(Protocol):
    """Which tokens are special, and which end sentences."""

    @property
    def special(self) -> frozenset[int]: ...
    @property
    def ends(self) -> frozenset[int]: ...


class Made(NamedTuple):
    """A row of pairs."""

    ids: list[int]
    sentences: list[int]
    examples: list[int]
    labels: list[int]


def sentences_of(row: Sequence[int], places: range, setting: Ends) -> list[range]:
    """The places of each sentence of a segment, without the special tokens that it begins and ends with."""
    text = list(places)
    while text and row[text[0]] in setting.special:
        text.pop(0)
    while text and row[text[-1]] in setting.special:
        text.pop()
    found: list[range] = []
    for i in text:
        if not found or (row[i - 1] in setting.ends and row[i] not in setting.ends):
            found.append(range(i, i))
        found[-1] = range(found[-1].start, i + 1)
    return found


def chunks_of(sentences: Sequence[range], first: int, stream: int, setting: Setting) -> list[list[range]]:
    """Sentences in chunks of two at least, each as long as its target if there are sentences enough."""
    chunks: list[list[range]] = [[]]
    target = _target(stream, first, setting)
    for k, sentence in enumerate(sentences):
        length = sum(map(len, chunks[-1]))
        if len(chunks[-1]) >= 2 and length >= target and len(sentences) - k >= 2:
            chunks.append([])
            target = _target(stream, sentence.start, setting)
        chunks[-1].append(sentence)
    return chunks


def pair_sentences(row: Sequence[int], segments: Sequence[int], stream: int, setting: Setting) -> Made:
    """The used tokens of a row as pairs."""
    made = Made(list(row), [-1] * len(row), [-1] * len(row), [IGNORED] * len(row))
    at = example = 0
    for length in segments:
        places = range(at, at + length)
        sentences = sentences_of(row, places, setting)
        chunks = chunks_of(sentences, at, stream, setting)
        for c, chunk in enumerate(chunks):
            low = places.start if c == 0 else chunk[0].start
            high = places.stop if c == len(chunks) - 1 else chunks[c + 1][0].start
            if len(sentences) < 2 or high - low < 5:
                for i in range(low, high):
                    made.sentences[i], made.examples[i] = 0, example
            else:
                _write(row, chunks, c, range(low, high), stream, setting, example, made)
            example += 1
        at += length
    return made


def _write(
    row: Sequence[int],
    chunks: Sequence[Sequence[range]],
    c: int,
    places: range,
    stream: int,
    setting: Setting,
    example: int,
    made: Made,
) -> None:
    low, chunk = places.start, chunks[c]
    split = 1 + below(draw(stream, SPLIT, low), len(chunk) - 1)
    a, b, label = list(chunk[:split]), list(chunk[split:]), 0
    what = below(draw(stream, ORDER, low), 3)
    if what == 0:
        a, b, label = b, a, 1
    elif what == 1 and len(chunks) > 1:
        others = [other for other in range(len(chunks)) if other != c]
        b, label = list(chunks[others[below(draw(stream, OTHER, low), len(others))]]), 2
    # Each token with the number of its sentence.
    sides = [[(i, k) for k, sentence in enumerate(side) for i in sentence] for side in (a, b)]
    cut = 0
    while len(sides[0]) + len(sides[1]) > len(places) - 3:
        longer = sides[0] if len(sides[0]) > len(sides[1]) else sides[1]
        longer.pop(0 if draw(stream, CUT, low * setting.seq_len + cut) >> 63 else -1)
        cut += 1
    out = [(setting.cls, 0)]
    for side in sides:
        number = out[-1][1] + 1
        out += [(row[i], number + k - side[0][1]) for i, k in side]
        out.append((setting.sep, out[-1][1] + 1))
    for place, (token, number) in zip(places, out, strict=False):
        made.ids[place], made.sentences[place], made.examples[place] = token, number, example
    for place in places[len(out) :]:
        made.ids[place] = setting.pad
    made.labels[low] = label


def _target(stream: int, at: int, setting: Setting) -> int:
    if share(draw(stream, SHORT, at)) < setting.short:
        return 2 + below(draw(stream, LENGTH, at), setting.target - 1)
    return setting.target


TWINS: Mapping[str, Callable[..., object]] = {"layouts.kernels.ponet:pair_sentences": pair_sentences}
