"""The kernel of sentences: where they end among bytes of UTF-8, none of more characters than asked for if that can be."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel, signed
from pairloom.operators.transforms.kernels.hat import SPECIAL

__all__ = ["mark_sentences", "warm_up"]

# What is short, and how long what is put together of it may be, in characters.
SHORT, TOGETHER = 2, 15
STOP, WIDE_STOP, CLOSING, BLANK, LINE = 1, 2, 3, 4, 5


@inner
def kind_of(text: npt.NDArray[np.uint16], at: int, stop: int) -> tuple[int, int]:
    """What the character at a place does in a sentence, 0 for nothing, and how many bytes it has."""
    lead = signed(text[at])
    if lead < 0x80:
        if lead in (46, 33, 63):  # . ! ?
            return STOP, 1
        if lead == 10:
            return LINE, 1
        if lead in (32, 9, 11, 12, 13):
            return BLANK, 1
        return (CLOSING if lead in (34, 39, 41, 93, 125) else 0), 1  # " ' ) ] }
    size = 1
    while at + size < stop and signed(text[at + size]) & 0x1C0 == 0x80:
        size += 1
    if size != 3:
        return 0, size
    point = (lead & 15) << 12 | (signed(text[at + 1]) & 63) << 6 | signed(text[at + 2]) & 63
    if point == 0x2026:  # an ellipsis
        return STOP, 3
    if point in (0x3002, 0xFF01, 0xFF1F, 0xFF0E, 0x0964):
        return WIDE_STOP, 3
    return (CLOSING if point in (0x2019, 0x201D, 0x300D, 0x300F) else 0), 3


@inner
def characters(text: npt.NDArray[np.uint16], first: int, stop: int) -> int:
    """How many characters begin in some bytes."""
    many = 0
    for i in range(first, stop):
        many += signed(text[i]) & 0x1C0 != 0x80
    return many


@inner
def end_of(begins: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    """Where the piece that begins at a place ends."""
    at += 1
    while at < stop and begins[at] == 0:
        at += 1
    return at


@inner
def cut_at_stops(text: npt.NDArray[np.uint16], first: int, stop: int, begins: npt.NDArray[np.uint8]) -> None:
    """Begin sentences behind lines, behind stops that white space follows, and behind wide ones; white space goes before."""
    at, ended = first, False
    stopped = wide = False
    while at < stop:
        if text[at] == SPECIAL:
            begins[at] = 1
            if at + 1 < stop:
                begins[at + 1] = 1
            ended = stopped = wide = False
            at += 1
            continue
        kind, size = kind_of(text, at, stop)
        if kind in (LINE, BLANK):
            ended = ended or stopped or wide or kind == LINE
            stopped = wide = False
        elif kind in (STOP, WIDE_STOP):
            if ended:
                begins[at], ended = 1, False
            stopped, wide = stopped or kind == STOP, wide or kind == WIDE_STOP
        elif kind == CLOSING and (stopped or wide):
            pass
        else:
            if ended or wide:
                begins[at] = 1
            ended = stopped = wide = False
        at += size


@inner
def cut_long(
    text: npt.NDArray[np.uint16],
    first: int,
    stop: int,
    most: int,
    separators: npt.NDArray[np.uint8],
    begins: npt.NDArray[np.uint8],
) -> None:
    """Cut pieces of more than `most` characters behind the first separator, what is still longer behind the next, and so on."""
    for s in range(len(separators)):
        size = signed(separators[s, 0])
        at = first
        while at < stop:
            end = end_of(begins, at, stop)
            if end - at > most and characters(text, at, end) > most:
                i = at
                while i + size <= end:
                    same = True
                    for k in range(size):
                        same = same and text[i + k] == separators[s, 1 + k]
                    if not same:
                        i += 1
                        continue
                    i += size
                    if i < end:
                        begins[i] = 1
            at = end


@kernel
def mark_sentences(
    text: npt.NDArray[np.uint16],
    length: npt.NDArray[np.int64],
    most: int,
    separators: npt.NDArray[np.uint8],
    begins: npt.NDArray[np.uint8],
    sentence: npt.NDArray[np.int32],
) -> None:
    """The number of the sentence that each byte of documents is in, from 0 on in each; `begins` is room, and begins as zeros.

    `text` has the bytes of documents, `length[d]` of each, and `SPECIAL`; `separators[s]` is how many bytes a separator has,
    and these.
    """
    stop = 0
    for d in range(len(length)):
        first, stop = stop, stop + length[d]
        if first == stop:
            continue
        begins[first] = 1
        cut_at_stops(text, first, stop, begins)
        cut_long(text, first, stop, most, separators, begins)
        number, run, at = -1, 0, first
        while at < stop:
            end = end_of(begins, at, stop)
            size = characters(text, at, end)
            short = size <= SHORT and text[at] != SPECIAL
            if not (short and run > 0 and run + size <= TOGETHER):
                number += 1
                run = 0
            run = run + size if short else 0
            for i in range(at, end):
                sentence[i] = number
            at = end


def warm_up(batch: Any) -> None:
    """Number the sentences of a few bytes."""
    from pairloom.operators.transforms._text import Spelling
    from pairloom.operators.transforms.sentences import Sentences

    Sentences()(batch, 0, Spelling(np.arange(97, 107).astype(np.uint16), np.arange(11)))
