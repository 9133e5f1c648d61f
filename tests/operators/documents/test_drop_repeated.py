"""Lines and paragraphs that are on a list are taken out of texts, and nothing else is."""

import re
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.documents import DocumentBatch, Entries
from pairloom.operators.documents.drop_repeated import DropRepeated
from pairloom.operators.errors import RecipeError

LONG = "\u00e9" * 100


def dropped(texts: list[str], pieces: list[str], of: Literal["line", "paragraph"]) -> list[str]:
    entries = Entries(np.zeros(0, np.int64), names=pa.array(pieces, pa.large_string()))
    found: list[str] = (
        DropRepeated(pieces="x", of=of).with_lists((entries,))(DocumentBatch.of(texts)).content.to_pylist()
    )
    return found


@settings(deadline=None)
@given(
    st.lists(st.text("ab \n\t", max_size=20), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "b", "a b"]), min_size=1),
)
def test_pieces_that_are_listed_go(texts: list[str], pieces: list[str]) -> None:
    for of, pattern, between in (("line", r"\n", "\n"), ("paragraph", r"\n[ \t\r]*\n[ \t\r\n]*", "\n\n")):
        expected = []
        for text in texts:
            split = re.split(pattern, text)
            kept = [one for one in split if one.strip() not in pieces]
            joined = between.join(kept) if any(one.strip() for one in kept) else ""
            expected.append(joined if len(kept) < len(split) else text)
        assert dropped(texts, pieces, of) == expected  # type: ignore[arg-type]


def test_long_pieces_are_compared_by_what_they_begin_with() -> None:
    assert dropped([f"{LONG}x\nrest", f"{LONG[:-30]}\nrest"], [LONG[:80]], "line") == [
        "rest",
        f"{LONG[:-30]}\nrest",
    ]
    assert dropped(["menu\n\n \nmenu\n"], ["menu"], "line") == [""], "blank lines are nothing that is left"
    assert dropped(["", "one\n\ntwo\nthree"], ["two\nthree"], "paragraph") == ["", "one"]


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match="of must be line or paragraph, not 'word'"):
        DropRepeated(pieces="x", of="word")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pieces must be a path"):
        DropRepeated(pieces="")
    for nothing in ([], ["", " "]):
        with pytest.raises(RecipeError, match="no line of x has anything in it"):
            dropped(["a"], nothing, "line")
