"""Tokens of a batch's own: the twin's merges, and the old tokens when new ones are spelled out (C26)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.layouts.dynamic_bpe import DynamicBPE
from pairloom.operators.reference.layouts.dynamic_bpe import merge_batch
from tests.support.rows import Words, rows_of

WORDS = Words(["[PAD]", "[CLS]"], [b" a", b"b", b"c", b".", b" d"])
WIDTH = 40
segment = st.lists(st.integers(0, len(WORDS) - 1), min_size=1, max_size=12)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=1, max_size=4)


def may_join(segments: list[list[int]], boundary: str) -> list[bool]:
    """Of each token of a row, whether it may be merged with the one before it."""
    out = []
    for one in segments:
        for place, token in enumerate(one):
            before = one[place - 1] if place else 0
            if before < 2 or token < 2:
                out.append(False)
            elif boundary == "word":
                out.append(token in (3, 4) and before != 5)
            elif boundary == "sentence":
                out.append(before != 5 or token == 5)
            else:
                out.append(True)
    return out


@given(rows_drawn, st.integers(0, 12), st.sampled_from(["word", "sentence", "document"]))
def test_merges_are_the_twins_and_nothing_is_lost(
    rows: list[list[list[int]]], merges: int, boundary: str
) -> None:
    step = DynamicBPE(merges=merges, boundary=boundary)  # type: ignore[arg-type]
    found = step.merged(rows_of(rows, WIDTH), step.prepare(WORDS))
    flat = [[token for one in segments for token in one] for segments in rows]
    joins = [may_join(segments, boundary) for segments in rows]
    ids, pairs, sizes = merge_batch(flat, joins, merges, len(WORDS))
    made = [[token for token in row if token >= 0] for row in found.ids.tolist()]
    assert made == ids
    assert found.tokens.tolist() == sizes
    assert len(found.spans) == len(pairs)
    spelled = [
        [old for token in row for old in ([token] if token < len(WORDS) else found.spans[token - len(WORDS)])]
        for row in made
    ]
    assert spelled == flat


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
