"""Cutting text: equal to `tokenizers` on all of Unicode, to tiktoken where a pattern is possessive, to the
twin on any bytes.

The twin runs Python's `regex`, whose Unicode tables are newer than the ones that published tokenizers cut by,
so it is asked only about characters on whose class both agree.
"""

import itertools
from functools import lru_cache

import numpy as np
import pytest
import regex
import tiktoken
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from pairloom.operators.reference.text.pretokenize.patterns import split_bytes
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.pretokenize.classes import category_numbers
from pairloom.operators.text.pretokenize.schemes import DIGITS, SCHEMES

RULES = [
    (scheme, digits)
    for scheme in SCHEMES
    for digits in ("keep", *DIGITS)
    if (scheme, digits) != ("none", "keep")
]

# What rules look at, and the neighbours that tell them apart: every kind of space, newline, contraction and
# case.
PIVOTS = [
    *"aAzZsSdDmMtTlLvVrReE", *"''''", *"     ", *"\n\n\r\t\x0b\x1c\0", *".!/-$#_", *"0159",
    "\r\n", "'s", "'LL", "'\u017f", "//", " \n", "\u0085", "\u00a0", "\u1680", "\u2028", "\u3000", "\u200b",
    "\u0301", "\u0903", "\u20dd", "é", "É", "ǅ", "ʰ", "ª", "ſ", "中", "文", "あ", "\u30fb", "\u3099", "\u3040", "〇",
    "한", "ก", "ำ", "१", "²", "Ⅷ", "９", "—", "€", "\ue000", "\u0378", "\U0001f600",
    "\U00010400", "\U00020000", "\U0010ffff",
]  # fmt: skip
characters = st.one_of(
    st.sampled_from(PIVOTS), st.sampled_from(PIVOTS), st.characters(exclude_categories=["Cs"])
)
# Few different characters a text make long runs and many meetings; a repeated part crosses the edges of
# windows.
texts = st.lists(characters, min_size=1, max_size=6).flatmap(
    lambda alphabet: st.builds(
        lambda parts, repeated, times: "".join(parts) + "".join(repeated) * times,
        st.lists(st.sampled_from(alphabet), max_size=90),
        st.lists(st.sampled_from(alphabet), max_size=6),
        st.integers(0, 40),
    )
)


@lru_cache
def hugging_face(patterns):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in patterns])


def tiktoken_pieces(pattern, text):
    """With every part of the text in the vocabulary, each piece of tiktoken's is one token."""
    data = text.encode()
    parts = {data[i:j] for i in range(len(data)) for j in range(i + 1, len(data) + 1)}
    parts |= {bytes([byte]) for byte in range(256)}
    ranks = {part: rank for rank, part in enumerate(sorted(parts, key=lambda part: (len(part), part)))}
    encoding = tiktoken.Encoding(name="pieces", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return encoding.decode_tokens_bytes(encoding.encode_ordinary(text))


@lru_cache
def agreed():
    """bool[0x110000]: the characters whose class is the same in `regex` and in the frozen tables."""
    frozen = category_numbers()
    kinds = (
        r"\p{Lu}",
        r"\p{Ll}",
        r"\p{Lt}",
        r"\p{Lm}",
        r"\p{Lo}",
        r"\p{M}",
        r"\p{N}",
        r"\p{P}",
        r"\p{S}",
        r"\s",
    )
    theirs = np.zeros(0x110000, np.uint8)
    everything = "".join(map(chr, range(0x110000)))
    for number, kind in enumerate(kinds, start=1):
        for match in regex.finditer(f"{kind}+", everything):
            theirs[match.start() : match.end()] = number
    return theirs == frozen


def pieces(pretokenizer, documents, padding=b"", **options):
    """The pieces of each document, cut together as slices of one buffer that has other bytes before and after."""
    data = np.frombuffer(padding + b"".join(documents) + padding, np.uint8)
    lengths = [len(padding), *map(len, documents)]
    text = Text(data=data, offsets=np.cumsum(lengths, dtype=np.int64))
    position = len(padding)
    cuts = [position]
    for start, ends in pretokenizer.blocks(text, **options):
        assert start == position
        assert ends.dtype == np.int64
        cuts += ends.tolist()
        position = cuts[-1]
    assert position == text.offsets[-1]
    assert all(low < high for low, high in itertools.pairwise(cuts))
    assert set(text.offsets.tolist()) <= set(cuts)
    raw = data.tobytes()
    out = []
    for low, high in itertools.pairwise(text.offsets.tolist()):
        inside = [cut for cut in cuts if low <= cut <= high]
        out.append([raw[a:b] for a, b in itertools.pairwise(inside)])
    return out


BROKEN = [
    b"\x80",
    b"\xbf",
    b"\xc0\x80",
    b"\xc3",
    b"\xe4\xb8",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98",
    b"\xf4\x90\x80\x80",
    b"\xff",
]
soup = st.lists(st.one_of(characters.map(str.encode), st.sampled_from(BROKEN)), max_size=120).map(b"".join)


@pytest.mark.parametrize(("scheme", "digits"), RULES)
@given(texts)
@settings(max_examples=80)
def test_pieces_are_those_of_tokenizers(scheme, digits, text):
    pretokenizer = Pretokenizer(scheme=scheme, digits=digits)
    expected = [piece for piece, _ in hugging_face(pretokenizer.patterns).pre_tokenize_str(text)]
    assert pretokenizer.split_text(text) == expected


@pytest.mark.parametrize("digits", ["keep", *DIGITS])
@given(
    st.lists(
        st.one_of(st.text("abé日", min_size=20, max_size=150), st.text("a .-—/\n\r\t\u30001٣", max_size=6)),
        max_size=6,
    )
)
@settings(max_examples=150)
def test_pieces_of_superwords_reach_beyond_windows(digits, parts):
    pretokenizer = Pretokenizer(scheme="superwords", digits=digits)
    text = "".join(parts)
    expected = [piece for piece, _ in hugging_face(pretokenizer.patterns).pre_tokenize_str(text)]
    assert pretokenizer.split_text(text) == expected


@pytest.mark.parametrize("scheme", ["gpt2", "superbpe", "superwords", "none"])
@given(st.lists(soup, max_size=3), st.integers(1, 200))
@settings(max_examples=60)
def test_lines_are_cut_as_texts_of_their_own(scheme, documents, block_bytes):
    points = [ord(c) for d in documents for c in d.decode(errors="surrogateescape")]
    assume(agreed()[points].all())
    by_line = Pretokenizer(scheme=scheme, lines=True)
    expected = [split_bytes(document, by_line.patterns) for document in documents]
    assert pieces(by_line, documents, b"a\n", block_bytes=block_bytes) == expected
    for document, cut in zip(documents, expected, strict=True):
        assert not any(b"\n" in piece[:-1] for piece in cut)
        lines = [line + b"\n" for line in document.split(b"\n")]
        lines[-1] = lines[-1][:-1]
        alone = pieces(Pretokenizer(scheme=scheme), lines)
        assert [piece for line in alone for piece in line] == cut


@pytest.mark.parametrize("scheme", ["cl100k", "cl100k_2023", "gpt2", "o200k"])
@given(texts.map(lambda text: text[:30]))
@settings(max_examples=40)
def test_pieces_are_those_of_tiktoken(scheme, text):
    pretokenizer = Pretokenizer(scheme=scheme)
    assert [p.encode() for p in pretokenizer.split_text(text)] == tiktoken_pieces(
        *pretokenizer.patterns, text
    )


@pytest.mark.parametrize(("scheme", "digits"), RULES)
@given(
    st.lists(st.one_of(soup, texts.map(str.encode)), max_size=4), st.binary(max_size=70), st.integers(1, 300)
)
@settings(max_examples=40)
def test_bytes_of_any_kind_are_cut_as_the_twin_does(scheme, digits, documents, padding, block_bytes):
    points = [ord(c) for d in documents for c in d.decode(errors="surrogateescape")]
    assume(agreed()[points].all())
    pretokenizer = Pretokenizer(scheme=scheme, digits=digits)
    expected = [split_bytes(document, pretokenizer.patterns) for document in documents]
    assert pieces(pretokenizer, documents, padding, block_bytes=block_bytes) == expected


@given(st.lists(soup, max_size=8), st.sampled_from([*RULES, ("none", "keep")]), st.integers(1, 200))
def test_documents_are_cut_each_by_itself_whatever_the_blocks(documents, rule, block_bytes):
    pretokenizer = Pretokenizer(scheme=rule[0], digits=rule[1])
    alone = [part for document in documents for part in pieces(pretokenizer, [document])]
    assert pieces(pretokenizer, documents, b"'s", block_bytes=block_bytes) == alone


PATTERNS = [
    r"\w+",
    r"\s*",
    r"(?=a)",
    r"[aeiou]|\d{2}",
    r"a*",
    r" ?[a-z]++|.(?<=t)",
    r"(?i:the)|\S",
    r"\n+|(?<=\n)",
    "é",
    "(?=th)|the",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(st.text(alphabet="aetThi 12\né中", max_size=40))
@settings(max_examples=60)
def test_a_pattern_of_ones_own_cuts_as_an_isolated_split(pattern, text):
    expected = [piece for piece, _ in hugging_face((pattern,)).pre_tokenize_str(text)]
    pretokenizer = Pretokenizer(pattern=pattern)
    assert pretokenizer.split_text(text) == expected
    assert [b"".join(p) for p in pieces(pretokenizer, [text.encode(), b"\xff", b""], block_bytes=1)] == [
        text.encode(),
        b"\xff",
        b"",
    ]
