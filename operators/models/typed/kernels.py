"""Finding concepts in what a base vocabulary has encoded, and giving them the ids of their types."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.models.bpe.kernels.trie import ROOT

__all__ = ["BEGINS_WORD", "ENDS", "ENDS_WORD", "MAY_END", "WALL", "retype", "warm_up"]

Int = int | np.int64

# What a token of the base may be: a special one, one with a line break, one that ends with a mark that ends sentences.
WALL, ENDS, MAY_END = 1, 2, 4
# What spells a concept may begin, and end, with a character of a word.
BEGINS_WORD, ENDS_WORD = 1, 2


@inner
def _point(data: Any, at: Int, stop: Int) -> Any:
    """The character that begins at a byte; -1 where none does."""
    first = np.int64(data[at])
    if first < 0x80:
        return first
    more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
    if first < 0xC2 or first > 0xF4 or at + more >= stop:
        return np.int64(-1)
    point = first & (0x3F >> more)
    for i in range(at + 1, at + 1 + more):
        byte = np.int64(data[i])
        if byte & 0xC0 != 0x80:
            return np.int64(-1)
        point = (point << 6) | (byte & 0x3F)
    return point if point < 0x110000 else np.int64(-1)


@inner
def _in_word(letters: Any, point: Int) -> bool:
    return point >= 0 and letters[point] != 0


@inner
def _before(data: Any, letters: Any, at: Int, start: Int) -> bool:
    """Whether the character before a byte is one of a word."""
    first = at - 1
    while first > start and first > at - 4 and data[first] & 0xC0 == 0x80:
        first -= 1
    return at > start and _in_word(letters, _point(data, first, at))


@inner
def _stands_alone(data: Any, letters: Any, kind: Int, begin: Int, end: Int, low: Int, high: Int) -> bool:
    """Whether a spelling is no part of a longer word, in text that begins and ends at some bytes."""
    if kind & ENDS_WORD != 0 and end < high and _in_word(letters, _point(data, end, high)):
        return False
    return not (kind & BEGINS_WORD != 0 and _before(data, letters, begin, low))


@inner
def _write_sentence(
    values: Any,
    begin: Int,
    end: Int,
    found: Any,
    count: Int,
    first: Any,
    types: Any,
    ids: Any,
    edges: Any,
    out: Any,
    n: Int,
) -> Any:
    """Write the tokens `begin` to `end`, with `count` concepts among them, and how many are written then."""
    now = np.int64(-1)
    for m in range(count):
        choice = first[found[m, 0]]
        if first[found[m, 0] + 1] == choice + 1:
            now = np.int64(types[choice])
            break
    typed = np.int64(0)
    plain = np.int64(0)
    for m in range(count):
        choice = np.int64(first[found[m, 0]])
        for other in range(choice, first[found[m, 0] + 1]):
            if types[other] == now:
                choice = np.int64(other)
                break
        now = np.int64(types[choice])
        typed += edges[choice + 1] - edges[choice]
        plain += found[m, 2] - found[m, 1]
        found[m, 0] = choice
    if typed >= plain:
        count = 0
    at = begin
    for m in range(count):
        while at < found[m, 1]:
            out[n] = values[at]
            at, n = at + 1, n + 1
        for i in range(edges[found[m, 0]], edges[found[m, 0] + 1]):
            out[n] = ids[i]
            n += 1
        at = found[m, 2]
    while at < end:
        out[n] = values[at]
        at, n = at + 1, n + 1
    return n


@kernel
def retype(
    values: npt.NDArray[np.uint32],
    lists: npt.NDArray[np.int64],
    around: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
    flags: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.uint64],
    kinds: npt.NDArray[np.uint8],
    first: npt.NDArray[np.int64],
    types: npt.NDArray[np.int32],
    ids: npt.NDArray[np.uint32],
    edges: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint32],
    places: npt.NDArray[np.int64],
) -> int:
    """Write the ids of texts with those of concepts (`out`, as long as `values`), and where each text's begin; how many there are.

    `values[lists[i]:lists[i + 1]]` are the base's, of which the first `around[0]` and the last `around[1]` are no text. Token j
    spells `data` up to `ends[j]`; `flags` are of ids of the base, `letters` of code points. `slots` is a trie of spellings, of
    which number v has `kinds[v]` and the choices `first[v]` to `first[v + 1]`, those of less entropy first; choice c is of the
    type `types[c]` and has the ids `ids[edges[c]:edges[c + 1]]`.
    """
    n = 0
    longest = 1
    for i in range(len(lists) - 1):
        longest = max(longest, lists[i + 1] - lists[i])
    found = np.empty((longest, 3), np.int64)
    for i in range(len(lists) - 1):
        places[i] = n
        low, high = lists[i], lists[i + 1]
        begin = min(low + around[0], high)
        stop = max(high - around[1], begin)
        for at in range(low, begin):
            out[n] = values[at]
            n += 1
        while begin < stop:
            wall = begin
            while wall < stop and flags[values[wall]] & WALL == 0:
                wall += 1
            at, sentence, count = begin, begin, 0
            edge = np.int64(0) if begin == 0 else ends[begin - 1]
            high_byte = edge if wall == begin else ends[wall - 1]
            while at < wall:
                place = np.int64(0) if at == 0 else ends[at - 1]
                # The longest spelling from here on that ends with a token. Calls take arrays with them: there are none else.
                base, begins = np.int64(ROOT), place
                number, behind, token = np.int64(-1), at, at
                while place < high_byte:
                    byte = np.int64(data[place])
                    word = slots[base ^ byte]
                    if np.int64(word & np.uint64(511)) != byte + 1:
                        break
                    place += 1
                    here = np.int64(word >> np.uint64(33)) - 1
                    if here >= 0:
                        while ends[token] < place:
                            token += 1
                        if ends[token] == place and _stands_alone(
                            data, letters, kinds[here], begins, place, edge, high_byte
                        ):
                            number, behind = here, token + 1
                    base = np.int64(word >> np.uint64(9)) & 0xFFFFFF
                    if base == 0:
                        break
                if number >= 0:
                    found[count, 0], found[count, 1], found[count, 2] = number, at, behind
                    count += 1
                    at = behind
                else:
                    flag, behind = flags[values[at]], ends[at]
                    at += 1
                    if flag & ENDS != 0 or (
                        flag & MAY_END != 0
                        and (behind >= high_byte or data[behind] == 32 or 9 <= data[behind] <= 13)
                    ):
                        n = _write_sentence(
                            values, sentence, at, found, count, first, types, ids, edges, out, n
                        )
                        sentence, count = at, 0
            n = _write_sentence(values, sentence, wall, found, count, first, types, ids, edges, out, n)
            begin = wall
            while begin < stop and flags[values[begin]] & WALL != 0:
                out[n] = values[begin]
                begin, n = begin + 1, n + 1
        for at in range(stop, high):
            out[n] = values[at]
            n += 1
    places[len(lists) - 1] = n
    return n


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode the sample, with a concept in it."""
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.kernels.warmup import SAMPLE
    from pairloom.operators.learners import Target
    from pairloom.operators.models.bpe.learning import learn_bpe
    from pairloom.operators.models.typed.concepts import Concept
    from pairloom.operators.models.typed.learning import learn_typed
    from pairloom.operators.text.pretokenize import Pretokenizer

    column = pa.array(SAMPLE, pa.large_string())
    words = count_words(column, Pretokenizer())
    base = learn_bpe(words, 260)
    concepts = [Concept("caf\u00e9", "place"), Concept("it", "word")]
    learn_typed(words, Target(size=300), base, concepts, {"place": 10, "word": 10}).encode(column)
