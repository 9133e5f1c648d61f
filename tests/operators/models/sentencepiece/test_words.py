"""Words of SentencePiece's Unigram: remembered, and yet with the ids of sums of float32 that go through the whole text."""

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.encode.encoder import Encoder
from pairloom.operators.errors import RecipeError
from pairloom.operators.models.sentencepiece.words import SumTable, cuts_of
from pairloom.operators.models.unigram.tables import UnigramTable
from pairloom.operators.reference.models.sentencepiece import cut_words, encode_unigram
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.front.spaces import Spaces
from tests.support.piece_models import PLAIN, bytes_pieces, piece_model

NOTHING = np.zeros(0, np.uint32)
GRAINS = {
    "equal": lambda drawn: -1.0,
    "few bits": lambda drawn: -drawn.randint(1, 12) / 4,
    "near": lambda drawn: -3 - drawn.random() * 1e-5,
    "any": lambda drawn: -drawn.random() * 10.0 ** drawn.randint(-3, 2),
    "both signs": lambda drawn: drawn.randint(-9, 5) / 4,
    "huge": lambda drawn: -drawn.randint(1, 9) * 2000.0 - drawn.random() / 64,
}
"""How scores are drawn: so that ways to spell a word are equal, or all but equal, or that sums go beyond 100,000."""


def drawn_pieces(drawn: random.Random, grain: str, inner: float) -> dict[str, float]:
    """Pieces with scores; in some, with this share, spaces come after letters."""
    score = GRAINS[grain]
    found = {"a": 0.0, "b": 0.0, " ": 0.0}
    for _ in range(drawn.randint(2, 24)):
        letters = "".join(
            drawn.choice("ab\u00e9\u65e5\u672c\u8a9e\u3002") for _ in range(drawn.randint(1, 5))
        )
        if drawn.random() < inner:
            letters = letters[:1] + " " + letters[1:]
        found[drawn.choice(("", " ", " ")) + letters] = 0.0
    return {piece: float(np.float32(score(drawn))) for piece in found}


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(GRAINS)),
    st.integers(0, 1 << 30),
    st.sampled_from([0, 0, 0.2]),
    st.sampled_from([np.uint16, np.uint32]),
    st.booleans(),
    st.booleans(),
)
def test_ids_are_those_of_the_whole_text(
    grain: str, seed: int, inner: float, dtype: type, scant: bool, falls_back: bool
) -> None:
    drawn = random.Random(seed)
    scores = drawn_pieces(drawn, grain, inner)
    penalty = float(np.float32(min(scores.values())) - np.float32(10))
    lengths = (0, 3, 40, 400)
    letters = drawn.choice(
        ("aabb\u00e9q  ", "\u65e5\u672c\u8a9e\u65e5\u3002\u3042a ", "\u65e5\u672c\u8a9e\u3002\u3042")
    )
    texts = ["".join(drawn.choice(letters) for _ in range(drawn.choice(lengths))) for _ in range(6)]
    texts += ["ab" * drawn.randint(1, 60) + " b" * 8, letters[:2] * 40, texts[-1]]
    ids = {piece: i for i, piece in enumerate(scores, 1)}
    table = UnigramTable.of(
        [(b"", 0.0), *((piece.encode(), score) for piece, score in scores.items())],
        unknown=0,
        narrow=True,
        penalty=penalty,
        byte_ids=range(1000, 1256) if falls_back else (),
    )
    encoder = Encoder(
        SumTable(table).kernel(),
        pretokenizer=cuts_of(list(scores), falls_back=falls_back),
        dtype=np.dtype(dtype),
        table_bytes=1 << 14 if scant else 1 << 20,
    )
    expected = []
    for text in texts:
        row: list[int] = []
        for part in encode_unigram(text, scores, penalty):
            if part in ids:
                row.append(ids[part])
            elif falls_back:
                row += [1000 + byte for byte in part.encode()]
            elif row[-1:] != [0]:
                row.append(0)
        expected.append(row)
    column = text_of(pa.array(texts, pa.large_string()))
    for _ in range(2):
        values, lists = encoder.encode(column, prepend=NOTHING, append=NOTHING)
        assert [values[a:b].tolist() for a, b in itertools.pairwise(lists)] == expected


def test_words_are_remembered_where_sums_cannot_matter() -> None:
    scores = {" ": -3.0, "a": -4.0, "b": -5.0, " ab": -6.0, " a": -5.5, " bb": -5.0, "aba": -6.5}
    table = UnigramTable.of(
        [(b"", 0.0), *((k.encode(), v) for k, v in scores.items())], unknown=0, narrow=True
    )
    encoder = Encoder(SumTable(table).kernel(), pretokenizer=Spaces(), dtype=np.dtype(np.uint16))
    column = text_of(pa.array([" ab bb aba" * 3000 + " q"]))
    for misses in (4, 0):
        encoder.encode(column, prepend=NOTHING, append=NOTHING)
        found = encoder.statistics
        # Once a sum is beyond 100,000 it begins anew, and words about that place are not looked up.
        assert found["lookups"] == 9001
        assert misses <= found["misses"] < misses + 20


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("a\u00e9 \u65e5\u672c\u0e01\uffee\U00020000"), st.integers(1, 90)),
            max_size=9,
        ),
        max_size=5,
    ),
    st.integers(1, 200),
    st.tuples(
        st.lists(st.text("a \u65e5\u672c\u0e01\uffee", min_size=1, max_size=4), max_size=5),
        st.sampled_from(["first", "each", "none"]),
    ),
)
@example([[("a", 64), (" ", 1), ("a", 63)], [(" ", 64), ("a", 1)], []], 1, ([], "first"))
@example([[("a", 61), ("\u65e5", 9), ("\u672c", 40), ("\u65e5", 1)]], 1, (["\u65e5"], "each"))
@example([[("a", 60), ("\u65e5\u672c", 40)]], 7, (["\u672c\u65e5", "\u672c"], "none"))
def test_text_is_cut_before_spaces_and_between_characters_as_by_the_twin(
    runs: list[list[tuple[str, int]]], size: int, given_pieces: tuple[list[str], str]
) -> None:
    texts = ["".join(one * count for one, count in run) for run in runs]
    pieces, before = given_pieces
    text = text_of(pa.array(texts, pa.large_string()))
    found, start = [], int(text.offsets[0])
    for low, ends in Spaces(pieces, before=before).blocks(text, block_bytes=size):
        assert low == start
        for end in ends.tolist():
            found.append(text.data[start:end].tobytes().decode())
            start = end
    assert found == [word for one in texts for word in cut_words(one, pieces, before)]


def test_symbols_of_the_user_are_the_better_the_longer_they_are() -> None:
    """Values by sentencepiece 0.2.3."""
    pieces = [
        *PLAIN,
        ("\u2581", -1.0, 1),
        ("a", -1.0, 1),
        ("b", -1.0, 1),
        ("\u2581ab", 0.3125, 1),
        ("\u2581a", -9.0, 4),
    ]
    vocabulary = Vocabulary.from_json(piece_model([*pieces, ("bb", 1.5, 1)], family=1))
    assert [vocabulary.encode_one(text).tolist() for text in ("ab", "abb", "a")] == [[6], [7, 8], [7]]


def test_bytes_cannot_stand_for_spaces() -> None:
    data = piece_model([*PLAIN, ("a", -1.0, 1), *bytes_pieces()], byte_fallback=True, family=1)
    with pytest.raises(RecipeError, match=r"falls back to bytes for U\+2581"):
        Vocabulary.from_json(data)
