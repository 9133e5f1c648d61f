"""Decoding by kernels is the library's, whatever the decoder, the tokens and the ids."""

import json
import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.encode.decoding import UnknownDecoderError, read_surfaces
from pairloom.operators.encode.kernels.runs import spoil_runs
from pairloom.operators.errors import DataError
from pairloom.operators.models.foreign import ForeignTables
from pairloom.operators.reference.encode import spoiled_bytes
from tests.support.owners import library

MARK = "\u2581"
BYTES = [
    f"<0x{byte:02X}>" for byte in (0x20, 0x41, 0x80, 0xA9, 0xBF, 0xC3, 0xE2, 0x96, 0x81, 0xED, 0xF0, 0x9F)
]
WORDS = [
    *("a", "b", "", " ", "  ", ".", "'", ",", "n't", "'s", "do", " do not", "é", "日本", "<s>", "</s>"),
    *(MARK, MARK * 2, f"{MARK}a", f"a{MARK}b", f"{MARK} x", "##", "##a", "##.", "##<0x41>", "####b", "a##"),
    *("<0x4>", "<0x41", "<0xGGGG>", "x<0x41>", "\x00", "\ufffd"),
]
REPLACE: dict[str, Any] = {"type": "Replace", "pattern": {"String": MARK}, "content": " "}
FALLBACK, FUSE = {"type": "ByteFallback"}, {"type": "Fuse"}
STRIP: dict[str, Any] = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
SPACES = [
    {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": True}
    for scheme in ("always", "first", "never")
]
PIECES = [{"type": "WordPiece", "prefix": "##", "cleanup": cleanup} for cleanup in (True, False)]
STEPS = [REPLACE, {**REPLACE, "pattern": {"String": "aa"}, "content": "<0x41>"}, *SPACES, *PIECES]
CHAINS = st.tuples(
    st.lists(st.sampled_from(STEPS), max_size=3),
    st.sampled_from([[], [FALLBACK], [FUSE], [FALLBACK, FUSE], [FUSE, STRIP], [FALLBACK, FUSE, STRIP]]),
).map(lambda parts: {"type": "Sequence", "decoders": [*parts[0], *parts[1]]})


def tokenizer(decoder: Any, words: dict[str, int]) -> str:
    """A file of the library with a decoder; <s> is an added token, and 200 another."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": words["<s>"], "content": "<s>", **flags}, {"id": 200, "content": f"<{MARK}x>", **flags}]
    model = {"type": "WordLevel", "vocab": words, "unk_token": "a"}
    document = {"version": "1.0", "added_tokens": added, "normalizer": None, "pre_tokenizer": None}
    return json.dumps({**document, "post_processor": None, "decoder": decoder, "model": model})


# Between two tokens there is an id without any.
NUMBERS = {word: 2 * i for i, word in enumerate([*WORDS, *BYTES])} | {f"<{MARK}x>": 200}


def check(decoder: Any, lists: list[list[int]]) -> None:
    """The text of some ids is the library's."""
    theirs = library().Tokenizer.from_str(tokenizer(decoder, NUMBERS))
    expected = [theirs.decode(ids, skip_special_tokens=False).encode() for ids in lists]
    state = None if theirs.decoder is None else json.loads(theirs.decoder.__getstate__())
    try:
        found = read_surfaces(state, [theirs.id_to_token(i) for i in range(201)])
    except UnknownDecoderError:
        return
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    values = np.array([i for ids in lists for i in ids], np.uint32)
    assert found.decode(values, offsets).to_pylist() == expected


IDS = st.lists(
    st.lists(st.one_of(st.sampled_from(list(NUMBERS.values())), st.integers(0, 200)), max_size=9), max_size=5
)


@given(CHAINS, IDS)
@example({"type": "Sequence", "decoders": [*PIECES, FALLBACK]}, [[0, NUMBERS["<0x20>"]]])
@settings(max_examples=300, deadline=None)
def test_ids_are_decoded_as_by_the_library(decoder: Any, lists: list[list[int]]) -> None:
    check(decoder, lists)


@given(
    st.sampled_from(
        [None, *SPACES, *PIECES, {"type": "Sequence", "decoders": [REPLACE, FALLBACK, FUSE, STRIP]}]
    ),
    IDS,
)
@settings(max_examples=200, deadline=None)
def test_public_decoders_are_known(decoder: Any, lists: list[list[int]]) -> None:
    found = read_surfaces(decoder, list(NUMBERS))
    assert len(found.kinds) == len(NUMBERS)
    check(decoder, lists)


@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [0x41, 0x80, 0x9F, 0xA0, 0xBF, 0xC1, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 256, 257]
            )
        )
    ),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_bytes_that_are_no_text_are_found_as_by_the_twin(lists: list[list[int]], whole: bool) -> None:
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    values = np.array([i for ids in lists for i in ids], np.uint32)
    spoiled = np.zeros(len(values), np.bool_)
    spoil_runs(values, offsets, np.arange(258, dtype=np.uint16), whole, spoiled)
    assert spoiled.tolist() == [one for ids in lists for one in spoiled_bytes(ids, whole=whole)]


@pytest.mark.parametrize(
    ("decoder", "why"),
    [
        ({"type": "BPEDecoder", "suffix": "</w>"}, "its decoder has BPEDecoder"),
        (
            {"type": "Sequence", "decoders": [FUSE, REPLACE]},
            "its decoder has Replace after what joins tokens",
        ),
        ({"type": "Sequence", "decoders": [FUSE, {**STRIP, "start": 2}]}, "a Strip of anything else"),
        ({**REPLACE, "pattern": {"Regex": "a+"}}, "its decoder has Replace"),
        ({"type": "Sequence", "decoders": [*PIECES, FALLBACK]}, None),
    ],
)
def test_another_decoder_is_asked_of_the_library(decoder: Any, why: str | None) -> None:
    data = tokenizer(decoder, NUMBERS).encode()
    vocabulary = Vocabulary.from_json(data)
    theirs = library().Tokenizer.from_str(data.decode())
    tables: Any = pickle.loads(pickle.dumps(vocabulary.model.compiled(vocabulary)))
    surfaces = (tables if isinstance(tables, ForeignTables) else tables.library).surfaces
    assert isinstance(surfaces, str)
    assert why is None or why in surfaces
    rows = [[], [0, 2, 200, 1, 4], list(NUMBERS.values())]
    assert vocabulary.decode(pa.array(rows)).to_pylist() == [
        theirs.decode(one, skip_special_tokens=False).encode() for one in rows
    ]
    with pytest.raises(DataError, match="id 201 is outside a vocabulary of 201 tokens"):
        vocabulary.decode([201])
