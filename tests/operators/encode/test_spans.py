"""Spans of characters are mapped to tokens by the bytes of each, whatever cuts through what."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.documents import spans_of, special_spans_of
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.encode.spans import ByteSpans, cut_at, token_values
from pairloom.operators.errors import DataError
from pairloom.operators.reference.spans import byte_of
from pairloom.operators.reference.spans import token_values as slowly
from pairloom.operators.vocabulary.tokens import TokenTable
from tests.support.corpora import documents

TEXTS = [text for _, text in documents(60) if text]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def learned(normalizer: str = "none") -> Vocabulary:
    counts = count_words(pa.chunked_array([TEXTS]), Pretokenizer())
    return learn_bpe(counts, 500, special_tokens=SPECIAL, normalizer=normalizer)


VOCABULARY = learned()
TOKENS = TokenTable.of(VOCABULARY.tokens)

text = st.one_of(st.text(max_size=40), st.sampled_from(TEXTS).map(lambda one: one[:80]))
value = st.sampled_from([0.0, 0.25, 1.0, 2.0])


@st.composite
def spanned(draw: Any) -> tuple[str, list[tuple[int, int, float]]]:
    one = draw(text)
    edges = sorted(draw(st.lists(st.integers(0, len(one)), max_size=8)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return one, [(a, b, draw(value)) for a, b in pairs]


@given(
    st.lists(spanned(), max_size=5),
    st.sampled_from(["all", "any", "majority"]),
    value,
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["float32", "float16", "uint16", "uint8"]),
)
@settings(max_examples=300, deadline=None)
def test_values_are_those_of_the_bytes(
    made: list[tuple[str, list[tuple[int, int, float]]]],
    rule: str,
    outside: float,
    before: int,
    behind: int,
    dtype: str,
) -> None:
    texts = pa.array([one for one, _ in made], pa.large_string())
    ids = VOCABULARY.encode(texts, prepend=[0] * before, append=[1] * behind)
    values = token_values(
        ids,
        TOKENS,
        texts,
        spans_of(s for _, s in made),
        outside=outside,
        rule=rule,
        around=(before, behind),
        dtype=dtype,
    )
    wanted: list[float] = []
    for (one, spans), row in zip(made, ids.to_pylist(), strict=True):
        tokens = [bytes(VOCABULARY.tokens[i]) for i in row]
        in_bytes = [(byte_of(one, a), byte_of(one, b), v) for a, b, v in spans]
        wanted += slowly(tokens, in_bytes, outside, rule, before, behind)
    assert values.dtype == dtype
    assert values.tolist() == np.array(wanted).astype(dtype).tolist()


def test_long_texts_are_marked_to_the_byte() -> None:
    """Runs of many tokens that have one value, and edges at each place of a block of eight."""
    one = "".join(TEXTS) + "é" + "".join(TEXTS)
    edges = [start + 97 * i + i % 11 for start in (3, len(one) // 2) for i in range(30)]
    spans = [(a, b, 1.0 + i) for i, (a, b) in enumerate(zip(edges[::2], edges[1::2], strict=True))]
    texts = pa.array([one, "", one], pa.large_string())
    ids = VOCABULARY.encode(texts)
    values = token_values(
        ids, TOKENS, texts, spans_of([spans, [], []]), outside=0.0, rule="majority", dtype="uint16"
    )
    tokens = [bytes(VOCABULARY.tokens[i]) for i in ids.to_pylist()[0]]
    in_bytes = [(byte_of(one, a), byte_of(one, b), v) for a, b, v in spans]
    wanted = slowly(tokens, in_bytes, 0.0, "majority")
    assert values.tolist() == [*wanted, *([0.0] * len(tokens))]


@given(st.lists(spanned(), max_size=5))
@settings(max_examples=100, deadline=None)
def test_characters_become_bytes(made: list[tuple[str, list[tuple[int, int, float]]]]) -> None:
    texts = pa.array(["skipped é", *(one for one, _ in made)], pa.large_string()).slice(1)
    found = ByteSpans.of(texts, spans_of(spans for _, spans in made))
    flat = [(byte_of(one, a), byte_of(one, b)) for one, spans in made for a, b, _ in spans]
    assert list(zip(found.begin.tolist(), found.end.tolist(), strict=True)) == flat


@pytest.mark.parametrize(
    "spans", [[(0, 4, 1.0)], [(2, 3, 1.0), (0, 1, 1.0)], [(-1, 2, 1.0)], [(0, 2, 1.0), (1, 3, 1.0)]]
)
def test_spans_outside_of_the_text_are_refused(spans: list[tuple[int, int, float]]) -> None:
    with pytest.raises(ValueError, match="document 1 has spans that lie outside of it, or not one after"):
        ByteSpans.of(pa.array(["abc", "abc"], pa.large_string()), spans_of([[], spans]))


def test_tokens_that_do_not_spell_the_text_are_refused() -> None:
    texts = pa.array(["abc"], pa.large_string())
    ids = VOCABULARY.encode(pa.array(["ab"], pa.large_string()))
    with pytest.raises(DataError, match="do not spell its text"):
        token_values(ids, TOKENS, texts, spans_of([[]]), outside=0, rule="all")


def test_edges_move_with_normal_forms() -> None:
    vocabulary = learned("nfc")
    one = "x e\u0301 <|im_end|>\u0301 e\u0301 y"
    texts = pa.array([one, "plain"], pa.large_string())
    at = one.index("<|im_end|>")
    special = special_spans_of([[(at, at + 10, "<|im_end|>")], []])
    edge = one.index("\u0301")  # between a letter and its accent, which become one
    spans = spans_of([[(edge, edge + 1, 1.0), (at + 11, len(one), 1.0)], [(0, 2, 1.0)]])
    encoded = tokenizer_of(vocabulary).encode_column(texts, special=special)
    values = token_values(
        encoded.ids,
        TokenTable.of(vocabulary.tokens),
        texts,
        spans,
        outside=0.0,
        rule="any",
        normalizer="nfc",
        special=special,
    )
    rows = encoded.ids.to_pylist()
    shown = [bytes(vocabulary.tokens[i]) for i in rows[0]]
    assert b"".join(shown).decode() == "x é <|im_end|>\u0301 é y"
    trained = b"".join(token for token, one in zip(shown, values, strict=False) if one)
    assert trained.decode() == " é y"


def test_special_tokens_stand_where_they_are_put_and_nowhere_else() -> None:
    """What a user types stays text, beside a special token that spells the same."""
    typed = "<|im_end|>"
    one = f"<|im_start|>a {typed}<|im_end|>"
    places = [(0, 12, "<|im_start|>"), (len(one) - 10, len(one), "<|im_end|>")]
    texts = pa.array([one, "<|im_start|>", "no"], pa.large_string())
    special = special_spans_of([places, [(0, 12, "<|im_start|>")], []])
    tokenizer = tokenizer_of(VOCABULARY)
    rows = tokenizer.encode_column(texts, special=special, append=[0]).ids.to_pylist()
    ids = [VOCABULARY.special_id(token) for token in SPECIAL]
    inside = VOCABULARY.encode(pa.array([f"a {typed}"])).to_pylist()[0]
    assert rows[0] == [ids[1], *inside, ids[2], 0]
    assert rows[1] == [ids[1], 0]
    assert rows[2] == [*VOCABULARY.encode(pa.array(["no"])).to_pylist()[0], 0]
    assert tokenizer.find_special_tokens(texts, special).to_pylist() == [True, False, False]
    assert tokenizer.find_special_tokens(texts).to_pylist() == [True, True, False]


def test_a_token_that_is_none_of_the_vocabulary_is_text() -> None:
    texts = pa.array(["<|user|>x"], pa.large_string())
    cut = cut_at(texts, special_spans_of([[(0, 8, "<|user|>")]]), {})
    assert cut.segments.to_pylist() == ["<|user|>x"]
    assert (
        tokenizer_of(VOCABULARY)
        .encode(texts)
        .equals(
            tokenizer_of(VOCABULARY)
            .encode_column(texts, special=special_spans_of([[(0, 8, "<|user|>")]]))
            .ids
        )
    )


def test_dtypes() -> None:
    texts = pa.array(["ab"], pa.large_string())
    ids = VOCABULARY.encode(texts)
    assert token_values(ids, TOKENS, texts, spans_of([[]]), outside=0, rule="all").dtype == np.float32
