"""Words spelled by other pieces of a Unigram: forwards all spellings are summed up, backwards one is drawn."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.models.bpe.kernels.trie import ROOT
from pairloom.operators.models.unigram.learning.kernels.expecting import LARGE, SMALL, add_scaled, level

__all__ = ["Pieces", "draw_words", "longest_word", "warm_up"]


class Pieces(NamedTuple):
    """The pieces of a vocabulary: `slots` is their trie, by ids; `chances` (float64) are what each weighs in a spelling.

    Token `i` is `data[offsets[i]:offsets[i + 1]]`, a space for the mark; without bytes, it stays as it is. `first` says which
    begin a word, and `deepest` how many bytes the longest piece has.
    """

    slots: npt.NDArray[np.uint64]
    chances: npt.NDArray[np.float64]
    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    first: npt.NDArray[np.bool_]
    deepest: int


@inner
def _word_end(ids: Any, begin: Any, stop: Any, pieces: Pieces) -> Any:
    """Behind the last token of the word that begins at a token which does not stay."""
    end = begin + 1
    while (
        end < stop and not pieces.first[ids[end]] and pieces.offsets[ids[end] + 1] > pieces.offsets[ids[end]]
    ):
        end += 1
    return end


@kernel
def longest_word(ids: npt.NDArray[np.uint32], length: npt.NDArray[np.int64], pieces: Pieces) -> int:
    """The bytes of the longest word of documents."""
    first, most = 0, np.int64(0)
    for d in range(len(length)):
        stop = first + length[d]
        i = first
        while i < stop:
            if pieces.offsets[ids[i] + 1] == pieces.offsets[ids[i]]:
                i += 1
                continue
            end = _word_end(ids, i, stop, pieces)
            total = np.int64(0)
            for k in range(i, end):
                total += pieces.offsets[ids[k] + 1] - pieces.offsets[ids[k]]
            most = max(most, total)
            i = end
        first = stop
    return most


@inner
def _lattice(text: Any, size: Any, pieces: Pieces, front: Any, powers: Any, heads: Any, edges: Any) -> None:
    """Sum up what all spellings of each beginning of a word weigh, and list the pieces that end at each place, the last first."""
    for i in range(size + 1):
        front[i], powers[i], heads[i] = 0.0, 0, -1
    front[0] = 1.0
    filled = np.int64(0)
    for at in range(size):
        if heads[at] < 0 and at > 0:
            continue
        level(front, powers, at)
        base = np.int64(ROOT)
        end = at
        while end < size:
            byte = np.int64(text[end])
            slot = pieces.slots[base ^ byte]
            if np.int64(slot & np.uint64(511)) != byte + 1:
                break
            end += 1
            piece = np.int64(slot >> np.uint64(33)) - 1
            if piece >= 0:
                add_scaled(front, powers, end, front[at] * pieces.chances[piece], powers[at])
                edges[0, filled], edges[1, filled], edges[2, filled] = at, piece, heads[end]
                heads[end] = filled
                filled += 1
            base = np.int64(slot >> np.uint64(9)) & 0xFFFFFF
            if base == 0:
                break


@inner
def _weight(edge: Any, end: Any, pieces: Pieces, front: Any, powers: Any, edges: Any) -> Any:
    """What the spellings that end with an edge weigh, in units of the power at its end."""
    begin = edges[0, edge]
    value = front[begin] * pieces.chances[edges[1, edge]]
    for _ in range(powers[end] - powers[begin]):
        value *= LARGE
    for _ in range(min(powers[begin] - powers[end], 5)):
        value *= SMALL
    return value


@kernel
def draw_words(
    ids: npt.NDArray[np.uint32],
    length: npt.NDArray[np.int64],
    streams: npt.NDArray[np.uint64],
    pieces: Pieces,
    room: int,
    out: npt.NDArray[np.uint32],
    origin: npt.NDArray[np.int64],
    made: npt.NDArray[np.int64],
) -> int:
    """Write documents, `length[d]` of `ids` each, with each word spelled by pieces that are drawn; the tokens written.

    A word goes on to the next token that begins one or stays, and has up to `room` bytes. A spelling is drawn from its end on: each
    piece by what the spellings that go on before it weigh. The draws of a word are those of the stream of its document and of
    its number there. `origin` is which of `ids` a token begins in, `made[d]` how many document `d` has.
    """
    text = np.empty(room, np.uint8)
    front, powers, heads = (
        np.empty(room + 1, np.float64),
        np.empty(room + 1, np.int64),
        np.empty(room + 1, np.int64),
    )
    edges = np.empty((3, room * pieces.deepest + 1), np.int64)
    first, used = 0, 0
    for d in range(len(length)):
        stop, before, number = first + length[d], used, np.uint64(0)
        i = first
        while i < stop:
            if pieces.offsets[ids[i] + 1] == pieces.offsets[ids[i]]:
                out[used], origin[used] = ids[i], i
                used += 1
                i += 1
                continue
            last = _word_end(ids, i, stop, pieces)
            size = np.int64(0)
            for k in range(i, last):
                for place in range(pieces.offsets[ids[k]], pieces.offsets[ids[k] + 1]):
                    text[size] = pieces.data[place]
                    size += 1
            _lattice(text, size, pieces, front, powers, heads, edges)
            stream = mix64(streams[d] + (number + np.uint64(1)) * GOLDEN)
            number += np.uint64(1)
            end, drawn = size, 0
            while end > 0:
                level(front, powers, end)
                total, edge = 0.0, heads[end]
                while edge >= 0:
                    total += _weight(edge, end, pieces, front, powers, edges)
                    edge = edges[2, edge]
                draw = mix64(stream + np.uint64(drawn + 1) * GOLDEN) >> np.uint64(11)
                wanted = total * (np.float64(draw) * 2.0**-53)
                edge = heads[end]
                reached = _weight(edge, end, pieces, front, powers, edges)
                while reached <= wanted and edges[2, edge] >= 0:
                    edge = edges[2, edge]
                    reached += _weight(edge, end, pieces, front, powers, edges)
                end = edges[0, edge]
                out[used + drawn], origin[used + drawn] = edges[1, edge], end
                drawn += 1
            for k in range(drawn >> 1):  # they were drawn from the last on
                left, right = used + k, used + drawn - 1 - k
                out[left], out[right] = out[right], out[left]
                origin[left], origin[right] = origin[right], origin[left]
            token, passed = i, pieces.offsets[ids[i] + 1] - pieces.offsets[ids[i]]
            for k in range(used, used + drawn):
                while origin[k] >= passed:
                    token += 1
                    passed += pieces.offsets[ids[token] + 1] - pieces.offsets[ids[token]]
                origin[k] = token
            used += drawn
            i = last
        made[d] = used - before
        first = stop
    return used


def warm_up(batch: Any) -> None:
    """Spell a word of one byte."""
    from pairloom.operators.models.bpe.trie import build_trie
    from pairloom.operators.vocabulary.tokens import TokenTable

    tokens = TokenTable.of([b"a"])
    pieces = Pieces(
        slots=build_trie(tokens, np.arange(1)),
        chances=np.ones(1),
        data=tokens.data,
        offsets=tokens.offsets,
        first=np.zeros(1, np.bool_),
        deepest=1,
    )
    ids, one = np.zeros(1, np.uint32), np.ones(1, np.int64)
    room = longest_word(ids, one, pieces)
    draw_words(ids, one, np.zeros(1, np.uint64), pieces, room, ids.copy(), one.copy(), one.copy())
