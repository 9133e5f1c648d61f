"""Where normalized text is from, as the twins say; that this is what the library says, drawn tokenizers show."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.text.front import located, windows
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.front.kernels import located as k
from pairloom.operators.text.front.kernels import rewrite
from pairloom.operators.text.front.located import Aligned, Windows, found_windows, located_by_table
from pairloom.operators.text.front.normal import Table

TEXTS = st.lists(st.text("aB é日\n\u0301\u2581🤦 ", max_size=40), max_size=6)
BECOMES = {"B": "b", "\n": " ", "日": " 日 ", "\u0301": None, "é": "", "🤦": "x" * (rewrite.LONGEST + 1)}


def asked(char: str) -> bool:
    return char in "\u0301é🤦"


def column(texts: list[str]) -> Text:
    return text_of(pa.array(texts, pa.large_string()))


def upside_down(texts: list[str]) -> list[Aligned]:
    """A library that writes all twice, from the end on, with a space behind each."""
    return [
        Aligned(
            "".join(f"{char} " for char in reversed(text)),
            [(i, i + 1) for i in reversed(range(len(text))) for _ in "ab"],
        )
        for text in texts
    ]


@given(TEXTS, st.data())
def test_each_byte_is_from_a_character(texts: list[str], data: st.DataObject) -> None:
    ahead = data.draw(st.booleans())
    runs = ahead or data.draw(st.booleans())
    strip = "lr" if ahead else data.draw(st.sampled_from(["", "l", "r", "lr"]))
    first = data.draw(st.sampled_from(["", "prefix", "prepend"][: 2 if runs else 3]))
    does = (rewrite.JOIN_RUNS if runs else 0) | (k.AHEAD if ahead else 0)
    does |= (rewrite.STRIP_LEFT if "l" in strip else 0) | (rewrite.STRIP_RIGHT if "r" in strip else 0)
    does |= {"": 0, "prefix": rewrite.PREFIX, "prepend": rewrite.PREPEND}[first]
    table, given_text = Table(lambda char: BECOMES.get(char, char)), column(texts)
    bits = np.full(len(texts), does, np.int16)
    table.learn(given_text)
    found = found_windows(given_text, bits, table)
    rows = Windows(upside_down, lambda char: char, shifts=False)  # type: ignore[arg-type]
    spelled = [given_text.data[a:b].tobytes() for a, b in found[1:].T]
    numbers = rows.numbers(spelled, [False] * len(spelled))
    chosen = np.concatenate([found, numbers[None]])
    made, places = located_by_table(given_text, bits, table, chosen, (rows.made, rows.rises, rows.edges))
    expected_windows, expected, ends = [], [], [0]
    for i, text in enumerate(texts):
        byte = [0, *np.cumsum([len(char.encode()) for char in text]).tolist()]
        inside = {}
        for a, b in windows(text, asked):
            expected_windows.append([i, byte[a] + given_text.offsets[i], byte[b] + given_text.offsets[i]])
            one = upside_down([text[a:b]])[0]
            inside[a, b] = [(char, place) for char, (place, _) in zip(one.text, one.places, strict=True)]
        options = {"prefix": first == "prefix", "prepend": first == "prepend", "ahead": ahead}
        row = located(text, lambda char: BECOMES.get(char) or char, inside, runs=runs, strip=strip, **options)
        expected += [
            (one, byte[place] + given_text.offsets[i]) for char, place in row for one in char.encode()
        ]
        ends.append(len(expected))
    assert found.T.tolist() == expected_windows
    assert list(zip(made.data.tolist(), places.tolist(), strict=True)) == expected
    assert made.offsets.tolist() == ends


def test_windows_are_asked_for_once_and_forgotten_when_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def align(texts: list[str]) -> list[Aligned]:
        calls.append(list(texts))
        return upside_down(texts)

    rows = Windows(align, lambda char: char, shifts=False)  # type: ignore[arg-type]
    many = [f"é{i}".encode() for i in range(3000)]
    for _ in range(2):
        numbers = rows.numbers([*many, many[0]], [False] * 3001)
        assert len(calls) == 1
        for number, one in zip(numbers.tolist(), [*many, many[0]], strict=True):
            low, high = rows.edges[number : number + 2]
            assert rows.made[low:high].tobytes().decode() == upside_down([one.decode()])[0].text
    monkeypatch.setattr("pairloom.operators.text.front.located._BYTES", 1 << 12)
    long = "é".encode() * (1 << 11)
    rows.numbers([long], [False])  # takes more than is kept
    rows.numbers(many[:1], [False])
    assert calls[2:] == [["é0"]]


def test_what_is_not_known_of_a_window_has_no_number() -> None:
    def align(texts: list[str]) -> list[Aligned]:
        return [
            Aligned(text, [(0, 0) if char == "?" else (i, i + 1) for i, char in enumerate(text)])
            for text in texts
        ]

    rows = Windows(align, lambda char: None if char == "!" else char, shifts=False)  # type: ignore[arg-type]
    assert (rows.numbers([b"a", b"?", b"!", b"\xff", b""], [False] * 5) >= 0).tolist() == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_a_library_that_loses_its_place_at_the_beginning_says_nothing_there() -> None:
    def align(texts: list[str]) -> list[Aligned]:
        kept = [text.lstrip("-") for text in texts]
        return [Aligned(text, [(i, i + 1) for i in range(len(text))]) for text in kept]

    rows = Windows(align, lambda char: char, shifts=True)  # type: ignore[arg-type]
    found = rows.numbers([b"-a", b"-a", b"a-"], [True, False, True])
    assert (found >= 0).tolist() == [False, True, True]
