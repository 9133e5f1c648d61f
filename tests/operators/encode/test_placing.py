"""Where tokens of normalized text are from, in any documents and segments, as the twins say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.encode.kernels import state
from pairloom.operators.encode.placing import Segments, Side, Words
from pairloom.operators.errors import CorruptionError
from pairloom.operators.reference.placing import piece_places, word_places
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.front.located import LocatedText

SOURCE = "aé日🤦"  # of which normalized bytes are from any
PLACES = [(0, 1), (1, 3), (3, 6), (6, 10)]
SIZE = 5
Drawn = list[tuple[int, list[Any]]]

pieces = st.lists(st.tuples(st.integers(-1, SIZE - 1), st.integers(0, 99)), max_size=8)
words = st.lists(st.tuples(st.booleans(), st.integers(0, 3), pieces.filter(bool)), max_size=5)


def documents(segment: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Drawn | None]]:
    """Documents, some of them null: segments with the id of a special token each, or -1 and what its text is made of."""
    return st.lists(
        st.none() | st.lists(st.tuples(st.integers(-1, 3), segment), min_size=1, max_size=4), max_size=5
    )


class _Laid:
    """Drawn documents laid out."""

    def __init__(self) -> None:
        self.data, self.kinds = bytearray(), []  # type: tuple[bytearray, list[int]]
        self.offsets, self.places = [0], []  # type: tuple[list[int], list[Place]]
        self.values, self.expected = [], [[]]  # type: tuple[list[int], list[list[tuple[int, int, int, int]]]]
        self.expected.clear()

    def end(self, kind: int, *, ends: bool) -> None:
        self.kinds.append((2 * kind + ends) if kind >= 0 else state.TEXT_ENDS if ends else state.TEXT)
        self.offsets.append(len(self.data))

    def segments(self) -> Segments:
        size = len(SOURCE.encode())
        edges = np.arange(len(self.kinds) + 1, dtype=np.int64) * size
        owner = np.repeat(np.arange(len(self.kinds)), np.diff(self.offsets))
        places = np.array([place for place, _ in self.places], np.int64) + owner * size
        data = np.frombuffer(bytes(self.data), np.uint8)
        made = Text(data=data, offsets=np.array(self.offsets, np.int64))
        source = np.frombuffer(SOURCE.encode() * len(self.kinds), np.uint8)
        return Segments(
            text=Text(data=source, offsets=edges),
            kinds=np.array(self.kinds, np.int32),
            normal=LocatedText(made, places, np.zeros(0, np.int64)),
            documents=len(self.expected),
        )

    def add(self, row: list[tuple[int, int, int, int]], place: int, word: int) -> int:
        """Tokens of a segment of the last document; the number of the word behind them."""
        size = len(SOURCE.encode())
        self.expected[-1] += [(i, a + place * size, b + place * size, w + word) for i, a, b, w in row]
        return max((w + word + 1 for *_, w in row), default=word)


def lay(drawn: list[Drawn | None], each: Any) -> _Laid:
    laid = _Laid()
    for document in drawn:
        laid.expected.append([])
        if document is None:
            laid.kinds.append(state.NULL)
            laid.offsets.append(len(laid.data))
            continue
        word = 0
        for place, (kind, segment) in enumerate(document):
            if kind >= 0:
                laid.values.append(kind)
                word = laid.add([(kind, 0, len(SOURCE.encode()), 0)], place, word)
            else:
                begun = len(laid.data)
                row = each(laid, segment, begun)
                word = laid.add(row, place, word)
            laid.end(kind, ends=place == len(document) - 1)
    return laid


def check(found: Any, laid: _Laid) -> None:
    rows = list(
        zip(
            found.values.tolist(), found.begin.tolist(), found.end.tolist(), found.words.tolist(), strict=True
        )
    )
    assert [rows[a:b] for a, b in zip(found.lists[:-1], found.lists[1:], strict=True)] == laid.expected


@given(
    documents(pieces), st.sampled_from(["each", "whole", "one", "fused"]), st.booleans(), st.integers(0, 9)
)
def test_tokens_side_by_side(drawn: list[Drawn | None], rule: str, spaced: bool, seed: int) -> None:
    draw = np.random.default_rng(seed)
    # A space, a letter, a character of two bytes, and what has some of these; by id.
    texts = [" ", "b", "é", "éb", " bé"]
    byte_ids = [100 + byte for byte in range(256)] if rule in ("each", "whole") else [77] * 256

    def each(laid: _Laid, segment: list[tuple[int, int]], begun: int) -> list[tuple[int, int, int, int]]:
        tokens = []
        for i, other in segment:
            spelled = texts[i].encode() if i >= 0 else "xé"[other % 2].encode()
            laid.data += spelled
            laid.values += [i] if i >= 0 else [SIZE + byte for byte in spelled]
            tokens += [(i, len(spelled))] if i >= 0 else [(-1, 1)] * len(spelled)
            laid.places += [PLACES[j] for j in draw.integers(0, 4, len(spelled))]
        options: dict[str, Any] = {"rule": rule, "spaced": spaced}
        return piece_places(tokens, bytes(laid.data[begun:]), laid.places[begun:], byte_ids, **options)

    laid = lay(drawn, each)
    side = Side(
        lengths=np.array([len(text.encode()) for text in texts], np.uint32),
        unknown=77,
        byte_ids=byte_ids if rule in ("each", "whole") else (),
        whole=rule == "whole",
        fuses=rule == "fused",
        spaced=spaced,
    )
    values = np.array(laid.values, np.uint32)
    segments = laid.segments()
    check(side.place(values, segments), laid)
    for wrong in (np.append(values, np.uint32(1)), values[:-1]):
        if len(values) and drawn[-1] is not None:
            with pytest.raises(CorruptionError):
                side.place(wrong, segments)


@given(documents(words), st.integers(0, 9))
def test_tokens_of_words(drawn: list[Drawn | None], seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, later = [1, 2, 3, 4, 5], [2, 1, 1, 3, 2]
    ends: list[int] = []

    def each(laid: _Laid, segment: list[Any], begun: int) -> list[tuple[int, int, int, int]]:
        row = []
        for spaced, unknown, tokens in segment:
            if unknown:
                parts = [(77, unknown)]
                laid.values.append(SIZE)
            else:
                ids = [max(0, i) for i, _ in tokens]
                parts = [(i, (later if place else first)[i]) for place, i in enumerate(ids)]
                laid.values += ids
            word = b" " * spaced + b"x" * sum(size for _, size in parts)
            laid.data += word
            laid.places += [PLACES[j] for j in draw.integers(0, 4, len(word))]
            ends.append(len(laid.data))
            row.append((word, parts))
        return word_places(row, laid.places[begun:])

    laid = lay(drawn, each)

    class Cut:
        def blocks(self, text: Text) -> Any:
            yield 0, np.array(ends, np.int64)

    lengths = np.array(first, np.uint32), np.array(later, np.uint32)
    found = Words(first=lengths[0], later=lengths[1], unknown=77).place(
        np.array(laid.values, np.uint32), laid.segments(), Cut()
    )
    check(found, laid)
