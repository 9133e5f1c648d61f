"""Words as roots, affixes and other text, with their ids; see `spelling.py` for the rules and `forms.py` for the tables."""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u32, load_u64, store_u8, store_u32
from pairloom.operators.models.bpe.kernels.trie import longest_token
from pairloom.operators.models.bpe.kernels.word import encode_word as merge_word

__all__ = [
    "CAPITAL_LETTER",
    "HAS_CAPITAL",
    "INSIDE",
    "JOINER",
    "LETTER_BYTES",
    "NUMBERS",
    "PART_BYTES",
    "TEXT_BYTES",
    "TEXT_ROOM",
    "VOWEL",
    "encode_block",
    "warm_up",
]

Int = int | np.int64

# What a letter is, and of how many bytes its row in the table of letters is.
INSIDE, JOINER, VOWEL, CAPITAL_LETTER, HAS_CAPITAL = 1, 2, 4, 8, 16
LETTER_BYTES = 32
_LOWER, _UPPER, _UTF8, _LENGTH = 4, 8, 12, 16
# The longest part of a word that forms are looked for in, in letters.
_LONGEST = 256
# What a part takes, before the scratch of the merges: its letters, its small letters and where each begins among their bytes,
# these bytes, and of each piece its item, where it begins and its mark.
_ROW = 4 * (_LONGEST + 2)
_SMALL, _SMALL_PLACES, _BYTES, _ITEMS, _STARTS, _MARKS = (i * _ROW for i in range(1, 7))
PART_BYTES = 7 * _ROW
# The scratch of the merges, for a text of so many bytes: `TEXT_ROOM` and `TEXT_BYTES` a byte.
TEXT_ROOM, TEXT_BYTES = 4096, 40
# How many numbers of `tables` are those of this family; those of the merges come behind them.
NUMBERS = 18
# The item of a letter that no form begins with, and of what is spelled out. Marks: 1 a capital, 2 capitals, and whether a
# segment begins.
_LETTER, _LITERAL = -1, -2
_CAPITALS, _BEGINS = 2, 4


@inner
def _at(array: Int, i: Int) -> Any:
    """Number `i` of those (uint32) at an address."""
    return np.int64(load_u32(array + (i << 2)))


@inner
def _signed(array: Int, i: Int) -> Any:
    """As `_at`, of int32."""
    return np.int64(np.int32(load_u32(array + (i << 2))))


@inner
def _put(array: Int, i: Int, value: Int) -> None:
    store_u32(array + (i << 2), np.uint32(value & 0xFFFFFFFF))


@inner
def _flags(letters: Int, letter: Int) -> Any:
    return np.int64(load_u32(letters + letter * LETTER_BYTES))


@inner
def _field(letters: Int, letter: Int, field: Int) -> Any:
    return np.int64(load_u32(letters + letter * LETTER_BYTES + field))


@inner
def _read(numbers: Int, at: Int, stop: Int) -> Any:
    """The number of the character at an address, 0 for one that the lexicon does not know, and of how many bytes it is."""
    first = np.int64(load_u8(at))
    if first < 0x80:
        return _at(numbers, first), np.int64(1)
    more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
    if first < 0xC2 or first > 0xF4 or at + more >= stop:
        return np.int64(0), np.int64(1)
    point = first & (0x3F >> more)
    for i in range(at + 1, at + 1 + more):
        point = (point << 6) | (np.int64(load_u8(i)) & 0x3F)
    if point >= 0x110000:
        return np.int64(0), np.int64(1)
    return _at(numbers, point), np.int64(more + 1)


@inner
def _copy(start: Int, stop: Int, out: Int) -> Any:
    """Copy bytes; where they end then."""
    for at in range(start, stop):
        store_u8(out + at - start, load_u8(at))
    return out + stop - start


@inner
def _lower_part(part: Int, count: Int, letters: Int) -> None:
    """The small letters of a part, their bytes, and where each begins."""
    end = np.int64(0)
    for i in range(count):
        small = _field(letters, _at(part, i), _LOWER)
        _put(part + _SMALL, i, small)
        _put(part + _SMALL_PLACES, i, end)
        packed = _field(letters, small, _UTF8)
        for _ in range(_field(letters, small, _LENGTH)):
            store_u8(part + _BYTES + end, np.uint8(packed & 255))
            packed >>= 8
            end += 1
    _put(part + _SMALL_PLACES, count, end)


@inner
def _segment_end(part: Int, at: Int, count: Int, letters: Int) -> Any:
    """Where the letters end that are as capital as the one at a place, and the mark: 0, 1 for a capital, 2 for capitals."""
    mark = np.int64(0)
    end = at
    if _flags(letters, _at(part, at)) & CAPITAL_LETTER:
        while end < count and _flags(letters, _at(part, end)) & CAPITAL_LETTER:
            end += 1
        while end - at >= 2 and end < count and _flags(letters, _at(part, end)) & HAS_CAPITAL:
            end -= 1
        if end - at >= 2:
            return end, np.int64(_CAPITALS)
        mark = np.int64(1)
        end = at + 1
    while end < count and _flags(letters, _at(part, end)) & CAPITAL_LETTER == 0:
        end += 1
    return end, mark


@inner
def _match(part: Int, count: Int, tables: Any) -> Any:
    """Lay out the pieces of a part: the longest root at each place, else the longest affix, else a letter; how many."""
    letters, roots, affixes, surfaces = tables[1], tables[3], tables[4], tables[5]
    pieces = np.int64(0)
    at = np.int64(0)
    data, places = part + _BYTES, part + _SMALL_PLACES
    while at < count:
        end, mark = _segment_end(part, at, count, letters)
        mark |= _BEGINS
        stop = data + _at(places, end)
        while at < end:
            start = data + _at(places, at)
            found = longest_token(roots, start, stop)
            if found < 0:
                found = longest_token(affixes, start, stop)
            _put(part + _STARTS, pieces, at)
            _put(part + _MARKS, pieces, mark)
            if found < 0:
                _put(part + _ITEMS, pieces, _LETTER)
                at += 1
            else:
                _put(part + _ITEMS, pieces, _at(surfaces, 2 * found))
                at += _at(surfaces, 2 * found + 1)
            mark &= ~_BEGINS
            pieces += 1
    _put(part + _STARTS, pieces, count)
    return pieces


@inner
def _is_one(members: Int, words: Int, letter: Int, group: Int) -> Any:
    word = load_u64(members + ((letter * words + (group >> 6)) << 3))
    return np.int64(word >> np.uint64(group & 63)) & 1


@inner
def _chosen(line: Int, vowel: Int, after: Int, before: Int, tables: Any) -> Any:
    """The form of a line that is chosen behind a vowel and a letter, and before a letter; 0 where there is none."""
    members, words, forms, conditions, tests = tables[2], tables[6], tables[7], tables[9], tables[10]
    form, last = _at(forms, line), _at(forms, line + 1) - 1
    while form < last:
        at, stop = _at(conditions, form), _at(conditions, form + 1)
        while at < stop:
            test = _at(tests, at)
            key = test & 3
            seen = vowel if key == 0 else after if key == 1 else before
            if _is_one(members, words, seen, test >> 3) != (test >> 2) & 1:
                break
            at += 1
        if at == stop:
            break
        form += 1
    return form


@inner
def _ahead(part: Int, piece: Int, pieces: Int, tables: Any) -> Any:
    """The first letter of a piece as forms before it see it; 0 where there is none."""
    letters, ahead = tables[1], tables[11]
    if piece == pieces:
        return np.int64(0)
    item = _signed(part + _ITEMS, piece)
    if item >= 0:
        return _at(ahead, item)
    place = _at(part + _STARTS, piece)
    letter = _at(part, place) if item == _LITERAL else _at(part + _SMALL, place)
    return _field(letters, letter, _LOWER) if _flags(letters, letter) & INSIDE else np.int64(0)


@inner
def _marked(mark: Int, literal: Int) -> bool:
    """Whether a mark is written before a piece, that may stand behind one that is spelled out."""
    return mark & 3 != 0 and (mark & _BEGINS != 0 or (literal != 0 and mark & 3 == _CAPITALS))


@inner
def _wrong(part: Int, count: Int, pieces: Int, tables: Any) -> Any:
    """The first piece whose form is not the one that is chosen; -1 where all is spelled as it was, -2 where no piece helps."""
    letters, edges, spelled = tables[1], tables[8], tables[12]
    vowel = after = mode = literal = np.int64(0)
    out = np.int64(0)
    whole = True
    wrong = np.int64(-2)
    for piece in range(pieces):
        item = _signed(part + _ITEMS, piece)
        start, stop = _at(part + _STARTS, piece), _at(part + _STARTS, piece + 1)
        source, size = part + (start << 2), stop - start
        if item == _LITERAL:
            mode = np.int64(0)
        else:
            mark = _at(part + _MARKS, piece)
            if _marked(mark, literal):
                mode = mark & 3
            if item == _LETTER:
                source += _SMALL
            else:
                form = _chosen(item, vowel, after, _ahead(part, piece + 1, pieces, tables), tables)
                first = _at(edges, form)
                source, size = spelled + (first << 2), _at(edges, form + 1) - first
        literal = np.int64(item == _LITERAL)
        plain = item >= 0 and mode == 0
        same = size == stop - start
        for i in range(size):
            letter = _at(source, i)
            shown = seen = letter
            if not plain:
                flags = _flags(letters, letter)
                if flags & INSIDE == 0:
                    vowel = after = mode = seen = np.int64(0)
                else:
                    if mode == _CAPITALS and flags & JOINER:
                        mode = np.int64(0)
                    if mode != 0:
                        shown = _field(letters, letter, _UPPER)
                    if mode != _CAPITALS:
                        mode = np.int64(0)
                    seen = _field(letters, letter, _LOWER)
            if seen != 0:
                flags = _flags(letters, seen)
                if flags & VOWEL:
                    vowel = seen
                if flags & JOINER == 0:
                    after = seen
            same = same and _at(part, start + i) == shown
            whole = whole and out < count and _at(part, out) == shown
            out += 1
        if wrong < 0 and item >= 0 and not same:
            wrong = np.int64(piece)
    return np.int64(-1) if whole and out == count else wrong


@inner
def _flush(text: Int, end: Int, ids: Int, n: Int, tables: Any, scratch: Int) -> Any:
    """Write the ids of a text, if there is one; how many ids there are then."""
    if end > text:
        count, _ = merge_word(text, end - text, tables[NUMBERS:], scratch)
        for i in range(count):
            _put(ids, n, _at(scratch, i) + tables[15])
            n += 1
    return n


@inner
def _write_part(
    part: Int, pieces: Int, text: Int, end: Int, ids: Int, n: Int, tables: Any, scratch: Int
) -> Any:
    """Write the ids of pieces, but for the text at the end: where that ends, and how many ids there are."""
    marks, lexical = tables[13], tables[14]
    literal = np.int64(0)
    for piece in range(pieces):
        item = _signed(part + _ITEMS, piece)
        start, stop = _at(part + _STARTS, piece), _at(part + _STARTS, piece + 1)
        mark = _at(part + _MARKS, piece)
        number = np.int64(-1)
        if item == _LITERAL:
            number = marks + 2
        elif _marked(mark, literal):
            number = marks + (mark & 3) - 1
        if number >= 0 or item >= 0:
            n = _flush(text, end, ids, n, tables, scratch)
            end = text
        if number >= 0:
            _put(ids, n, number)
            n += 1
        if item >= 0:
            _put(ids, n, lexical + item)
            n += 1
        elif item == _LETTER:
            places = part + _SMALL_PLACES
            end = _copy(part + _BYTES + _at(places, start), part + _BYTES + _at(places, start + 1), end)
        else:
            letters = tables[1]
            for i in range(start, stop):
                packed = _field(letters, _at(part, i), _UTF8)
                for _ in range(_field(letters, _at(part, i), _LENGTH)):
                    store_u8(end, np.uint8(packed & 255))
                    packed >>= 8
                    end += 1
        literal = np.int64(item == _LITERAL)
    return end, n


@inner
def encode_word(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Encode the `length` bytes at address `word`: see `block_by`.

    `tables` are those of `FormTables.kernel`: its own, and behind them `PairTable.addresses` of the merges. The room of a part
    is before the scratch, and before what merges have there.
    """
    numbers, letters = tables[0], tables[1]
    part = scratch - tables[16]
    grown = tables[17] * length
    text = scratch + TEXT_ROOM + TEXT_BYTES * grown
    ids = (text + grown + 7) & ~7
    end, n = text, np.int64(0)
    at, stop = np.int64(word), word + length
    while at < stop:
        start, count = at, np.int64(0)
        letter, size = _read(numbers, at, stop)
        while at < stop and _flags(letters, letter) & INSIDE:
            if count < _LONGEST:
                _put(part, count, letter)
            count += 1
            at += size
            if at < stop:
                letter, size = _read(numbers, at, stop)
        if count == 0:
            end = _copy(at, at + size, end)
            at += size
            continue
        wrong = np.int64(-2)
        pieces = np.int64(0)
        if count <= _LONGEST:
            _lower_part(part, count, letters)
            pieces = _match(part, count, tables)
            wrong = _wrong(part, count, pieces, tables)
            while wrong >= 0:
                _put(part + _ITEMS, wrong, _LITERAL)
                wrong = _wrong(part, count, pieces, tables)
        if wrong == -1:
            end, n = _write_part(part, pieces, text, end, ids, n, tables, scratch)
        else:
            n = _flush(text, end, ids, n, tables, scratch)
            _put(ids, n, tables[13] + 2)
            n += 1
            end = _copy(start, at, text)
    n = _flush(text, end, ids, n, tables, scratch)
    for i in range(n):
        _put(scratch, i, _at(ids, i))
    return n, np.int64(0)


_encode_block = block_by(encode_word)


@kernel
def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`."""
    return _encode_block(data, size, at, total, tables, joins, state)


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode the sample by a small lexicon."""
    from pairloom.operators.encode.warm import encode_words
    from pairloom.operators.kernels.warmup import SAMPLE
    from pairloom.operators.models.roots.forms import FormTables
    from pairloom.operators.models.roots.lexicon import RootLexicon

    lexicon = RootLexicon.of(["ab", "it"], ["s"], {"joiners": "'"})
    encode_words(FormTables.of(lexicon, np.zeros((0, 2), np.int32), 0).kernel(), SAMPLE)
