"""Tokens of a batch's own: the twin's merges, and the old tokens when new ones are spelled out (C26)."""

import re
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

import pairloom as pl
from pairloom.operators.layouts.dynamic_bpe import DynamicBPE
from pairloom.operators.learners import Target
from pairloom.operators.learners.characters import CharactersLearner
from pairloom.operators.learners.wordpiece import WordPieceLearner
from pairloom.operators.reference.layouts.dynamic_bpe import is_rejected, merge_batch
from tests.support.rows import Words, rows_of

ORDINARY = [
    b" a",
    b"b",
    b"c",
    b".",
    b" d",
    b" ",
    b"\n",
    b"\n\n",
    b"-",
    b"3",
    b"\xe3",
    b"\x80\x80",
    b"!\n",
    b" .",
    b"'",
    b"s",
    b"\t",
    b"\x1c",
]
WORDS = Words(["[PAD]", "[CLS]"], ORDINARY)
WIDTH = 40
MODES = ["pretokens", "word", "word_hyphen", "sentence", "document"]
# The published pattern of the vocabulary's pretokenizer, and what lies between white space.
PATTERNS = {
    "pretokens": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "word": r" ?\S+",
    "word_hyphen": r" ?\S+",
}
segment = st.lists(st.integers(0, len(WORDS) - 1), min_size=1, max_size=12)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=1, max_size=4)


def may_join(segments: list[list[int]], boundary: str) -> list[bool]:
    """Of each token of a row, whether it may be merged with the one before it, by regular expressions over what is spelled."""
    out: list[bool] = []
    for special, run in (part for one in segments for part in _runs(one)):
        out += [False] * len(run) if special else [False, *_joined(run, boundary)[1:]]
    return out


def _runs(one: list[int]) -> list[tuple[bool, list[int]]]:
    runs: list[tuple[bool, list[int]]] = []
    for token in one:
        if not runs or runs[-1][0] != (token < 2):
            runs.append((token < 2, []))
        runs[-1][1].append(token)
    return runs


def _joined(run: list[int], boundary: str) -> list[bool]:
    """Of the tokens of a text."""
    texts = [WORDS.tokens[token] for token in run]
    begins = [0, *accumulate(map(len, texts))]
    if boundary in PATTERNS:
        # A byte that is of no character is a symbol: a private character stands for it, as long as its bytes.
        data = b"".join(texts).decode("utf-8", "surrogateescape")
        shown = "".join("\ue000" if "\udc80" <= c <= "\udcff" else c for c in data)
        sizes = [len(c.encode("utf-8", "surrogateescape")) for c in data]
        at = [0, *accumulate(sizes)]
        inside: set[int] = set()
        for match in regex.finditer(PATTERNS[boundary], shown):
            inside |= set(range(at[match.start()] + 1, at[match.end()]))
        found = [begin in inside for begin in begins[:-1]]
    elif boundary == "sentence":
        ends = [b"\n" in text or text.strip() == b"." for text in texts]
        found = [False, *(not a or b for a, b in zip(ends, ends[1:], strict=False))]
    else:
        found = [True] * len(run)
    if boundary == "word_hyphen":
        marks = [bool(re.search(rb"[.!'-]", text)) for text in texts]
        for i in range(1, len(run)):
            found[i] &= not marks[i] or marks[i - 1] or texts[i] == b"-"
    return found


@given(rows_drawn, st.integers(0, 12), st.sampled_from(MODES), st.booleans(), st.integers(1, 3))
def test_merges_are_the_twins_and_nothing_is_lost(
    rows: list[list[list[int]]], merges: int, boundary: str, inner_spaces: bool, least: int
) -> None:
    step = DynamicBPE(merges=merges, boundary=boundary, inner_spaces=inner_spaces, least=least)  # type: ignore[arg-type]
    found = step.merged(rows_of(rows, WIDTH), step.prepare(WORDS))
    flat = [[token for one in segments for token in one] for segments in rows]
    joins = [may_join(segments, boundary) for segments in rows]
    texts = None if inner_spaces else WORDS.tokens
    ids, pairs, sizes = merge_batch(flat, joins, merges, len(WORDS), texts=texts, least=least)
    made = [[token for token in row if token >= 0] for row in found.ids.tolist()]
    assert made == ids
    assert found.tokens.tolist() == sizes
    assert len(found.spans) == len(pairs)
    spelled = [
        [old for token in row for old in ([token] if token < len(WORDS) else found.spans[token - len(WORDS)])]
        for row in made
    ]
    assert spelled == flat
    if not inner_spaces:
        assert not any(is_rejected(b"".join(WORDS.tokens[old] for old in span)) for span in found.spans)


def _made(text: list[bytes], boundary: str, *, inner_spaces: bool = False) -> list[bytes]:
    """What a text's tokens are after all merges that there are."""
    words = Words(["[PAD]"], sorted(set(text)))
    row = [words.tokens.index(token) for token in text]
    step = DynamicBPE(merges=50, boundary=boundary, inner_spaces=inner_spaces, least=1)  # type: ignore[arg-type]
    found = step.merged(rows_of([[row]], len(row)), step.prepare(words))
    size = len(words)
    spans = [[token] if token < size else found.spans[token - size] for token in found.ids[0].tolist()]
    return [b"".join(words.tokens[old] for old in span) for span in spans]


@pytest.mark.parametrize(
    ("boundary", "made"),
    [
        ("pretokens", [b" (", b"well", b"-", b"known", b"),", b" too", b".", b" Yes"]),
        ("word", [b" (well-known),", b" too.", b" Yes"]),
        ("word_hyphen", [b" (well-known", b"),", b" too", b".", b" Yes"]),
        ("sentence", [b" (well-known),", b" too.", b" Yes"]),
        ("document", [b" (well-known),", b" too.", b" Yes"]),
    ],
)
def test_boundaries_of_an_example(boundary: str, made: list[bytes]) -> None:
    text = [b" (", b"we", b"ll", b"-", b"kn", b"own", b")", b",", b" to", b"o", b".", b" Y", b"es"]
    assert _made(text, boundary) == made


def test_blanks_are_merged_among_themselves_and_in_front() -> None:
    text = [b"a", b"\n", b"\n", b" ", b" ", b" ", b"b", b"\t", b"c"]
    assert b"\n\n" not in _made(text, "document")
    assert _made([b"a", b"\n", b"\n"], "document") == [b"a", b"\n", b"\n"]
    assert _made([b" ", b" ", b" "], "document") == [b"   "]
    assert _made([b"a", b"\t", b"c"], "document") == [b"a", b"\tc"]
    assert _made([b"a", b" b", b"\n", b"\n"], "document", inner_spaces=True) == [b"a b\n\n"]
    assert _made([b"a", b" ", b" "], "word") == [b"a", b" ", b" "]


def test_white_space_of_several_tokens_is_of_no_word() -> None:
    """As U+3000 where its bytes are apart; and what is white space to Python alone is of a word."""
    for wide in ("\u3000", "\u2028", "\u00a0"):
        text = [b"a", *(bytes([byte]) for byte in wide.encode()), b"b"]
        assert _made(text, "word") == text
    assert _made([b"a", b"\x1c", b"b"], "word") == [b"a\x1cb"]
    # Halves of two texts are no white space.
    words = Words(["[PAD]"], [b"a", b"\xe3", b"\x80\x80"])
    step = DynamicBPE(boundary="word", least=1)
    found = step.merged(rows_of([[[1, 2], [3]], [[1, 2, 0, 3]]], 4), step.prepare(words))
    assert found.spans == [[1, 2]]


def test_the_published_example() -> None:
    """Two sentences of the owner's README: ten merges at pretokens leave 18 tokens, 20 with the two ends that it puts behind."""
    first, second = (
        line.split("|")
        for line in (
            " R|ib|on|uc|le|op|rote|in| particles| reg|ulate| m|R|NA| stability|.",
            " m|R|NA| stability| is| mod|ulated| by| rib|on|uc|le|op|rote|in| factors|.",
        )
    )
    words = Words(["<s>"], sorted({piece.encode() for piece in first + second}))
    rows = [[[0, *(words.tokens.index(piece.encode()) for piece in row)]] for row in (first, second)]
    step = DynamicBPE(merges=10, boundary="pretokens", least=1)
    found = step.merged(rows_of(rows, 18), step.prepare(words))
    assert (found.tokens[0], found.tokens[-1], len(found.spans)) == (35, 18, 10)
    made = {b"".join(words.tokens[old] for old in span).decode() for span in found.spans}
    assert {" mRNA", "onucleoprotein"} <= made
    # Those that occur twice are seven.
    assert len(DynamicBPE(boundary="pretokens").merged(rows_of(rows, 18), step.prepare(words)).spans) == 7


def test_words_of_vocabularies_that_spell_them_in_another_way() -> None:
    counts = pl.count(["ab ab ab. ab cd cd cd"], pretokenizer="whitespace")
    pieces = WordPieceLearner().learn(counts, Target(size=14, special_tokens=("[UNK]",)))
    marked = CharactersLearner().learn(counts, Target(size=300))
    for vocabulary in (pieces, marked):
        ids = vocabulary.encode(pa.array(["ab ab. cd"]))[0].as_py()
        step = DynamicBPE(merges=50, least=1)
        found = step.merged(rows_of([[ids]], len(ids)), step.prepare(vocabulary))
        assert (found.ids >= 0).sum() == len(["ab", "ab.", "cd"]) + (vocabulary is pieces)
        with pytest.raises(ValueError, match="boundary must be word, word_hyphen, sentence or document"):
            DynamicBPE(boundary="pretokens").prepare(vocabulary)


def test_more_merges_leave_fewer_tokens() -> None:
    rng = np.random.default_rng(0)
    rows = [[rng.choice([2, 3, 4, 6], 40, p=[0.4, 0.3, 0.2, 0.1]).tolist()] for _ in range(32)]
    step = DynamicBPE(merges=18)
    tables = step.prepare(WORDS)
    given_rows = rows_of(rows, WIDTH)
    found = step.merged(given_rows, tables)
    assert (np.diff(found.tokens) < 0).all()
    spans = step.built("dynamic_spans", given_rows, tables)
    assert [[old for old in line if old >= 0] for line in spans.tolist()] == found.spans
    assert step.built("dynamic_ids", given_rows, tables).tolist() == found.ids.tolist()
    # No token holds more than a word.
    assert all(span[0] in (2, 3, 4, 6) and set(span[1:]) <= {3, 4} for span in found.spans)


def test_more_than_a_fifth_of_the_tokens_of_words_are_merged_away() -> None:
    """(C26) At the boundaries of words, of bytes of several scripts; pairs that are no whole characters are merged, too."""
    words = [
        "the",
        "which",
        "other",
        "\u0434\u0440\u0443\u0433",
        "\u043a\u043e\u0442\u043e\u0440\u044b\u0439",
        "\u5b57\u5178",
    ]
    ordinary = [*(bytes([byte]) for byte in range(256)), *(b" " + bytes([byte]) for byte in range(256))]
    vocabulary = Words(["[PAD]", "[CLS]"], ordinary)
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(32):
        row = [1]
        for word in rng.choice(words, 8, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]):
            first, *rest = str(word).encode()
            row += [258 + first, *(2 + byte for byte in rest)]
        rows.append([row])
    width = max(len(row[0]) for row in rows)
    mean = []
    for merges in (0, 10, 18, 60):
        step = DynamicBPE(merges=merges)
        found = step.merged(rows_of(rows, width), step.prepare(vocabulary))
        mean.append(float((found.ids >= 0).sum(axis=1).mean()))
        spelled = [b"".join(vocabulary.tokens[old] for old in span) for span in found.spans]
    assert mean == sorted(mean, reverse=True)
    assert mean[-1] < 0.8 * mean[0]
    assert all(token.count(b" ") <= 1 and token.rfind(b" ") <= 0 for token in spelled)
    assert any(
        not token.decode(errors="replace").isprintable() or "\ufffd" in token.decode(errors="replace")
        for token in spelled
    )


def test_keys_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="merges must be from 0 to 1048575, not -1"):
        DynamicBPE(merges=-1)
    with pytest.raises(ValueError, match="least must be at least 1, not 0"):
        DynamicBPE(least=0)
