"""Sentence structure: equal to its twin, whole pairs of tokens of the document, labels in the shares that it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import LAYOUTS, laid_out, row_streams, taken_back
from pairloom.operators.layouts._vocabulary import sentence_ends
from pairloom.operators.layouts.ponet import PoNet
from pairloom.operators.reference.layouts.ponet import Setting, chunks_of, pair_sentences, sentences_of
from tests.support.rows import Words, chi_square, matrix, rows_of

WORDS = Words(["[PAD]", "[CLS]", "[SEP]", "<|endoftext|>"], [b" a", b" b", b" c", b" d", b".", b"?\n"])
STOP = 8
SEED, WIDTH = 20, 64


def setting(step: PoNet, width: int = WIDTH) -> Setting:
    return Setting(
        special=frozenset(range(4)),
        ends=frozenset({8, 9}),
        target=max(2, (step.length or width) - 3),
        short=min(1 << 53, int(np.ceil(step.short * 2**53))),
        cls=1,
        sep=2,
        pad=0,
        seq_len=width,
    )


segment = st.lists(st.sampled_from([2, 3, 4, 5, 6, 7, 8, 8, 9]), min_size=1, max_size=30)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=2), min_size=0, max_size=4)
steps = st.builds(PoNet, length=st.sampled_from([None, 5, 8, 20]), short=st.sampled_from([0.0, 0.1, 1.0]))


@settings(deadline=None, max_examples=300)
@given(rows_drawn, steps, st.integers(0, 2**64 - 1), st.integers(0, 2**40))
def test_the_kernel_is_its_twin(rows: list[list[list[int]]], step: PoNet, seed: int, first: int) -> None:
    given_rows, tables = rows_of(rows, WIDTH), step.prepare(WORDS)
    made = step(given_rows, seed, 2, first, tables)
    streams = row_streams(seed, 2, first, len(rows))
    for r, segments in enumerate(rows):
        row = [token for s in segments for token in s]
        wanted = pair_sentences(row, [len(s) for s in segments], int(streams[r]), setting(step))
        names = ("structure_ids", "sentence_ids", "example_ids", "order_labels")
        for name, values, pad in zip(names, wanted, (0, -1, -1, -100), strict=True):
            assert matrix(made, name)[r].tolist() == values + [pad] * (WIDTH - len(row)), name
    assert step.undo(made, tables).equals(given_rows)
    whole = laid_out(given_rows, [step], seed, 0, first, [tables])
    cut = len(rows) // 2
    part = laid_out(given_rows.slice(cut), [step], seed, 0, first + cut, [tables])
    assert part.to_pylist() == whole.slice(cut).to_pylist()
    assert taken_back(whole, [step], [tables]).equals(given_rows)


def document(sentences: int, seed: int) -> list[int]:
    """Sentences of two words and a stop, with the special tokens of a recipe around them."""
    draw = np.random.default_rng(seed)
    return [1, *(t for _ in range(sentences) for t in (*draw.integers(4, 8, 2).tolist(), STOP)), 3]


def pairs(step: PoNet, documents: list[list[int]], width: int) -> list[tuple[int, list[int], list[int]]]:
    """(label, a, b) of every pair of rows of one document each."""
    made = step(rows_of([[one] for one in documents], width), SEED, 0, 0, step.prepare(WORDS))
    found = []
    ids, labels, examples = (matrix(made, n) for n in ("structure_ids", "order_labels", "example_ids"))
    numbers = matrix(made, "sentence_ids")
    for r in range(len(documents)):
        for at in np.flatnonzero(labels[r] != -100):
            here = np.flatnonzero(examples[r] == examples[r, at])
            tokens = ids[r, here].tolist()
            assert here[0] == at
            assert tokens[0] == 1
            assert tokens[-1] == 2
            assert tokens.count(2) == 2
            # The first special token, each sentence and both others are numbered in turn.
            assert sorted(set(numbers[r, here].tolist())) == list(range(numbers[r, here[-1]] + 1))
            middle = tokens.index(2)
            found.append((int(labels[r, at]), tokens[1:middle], tokens[middle + 1 : -1]))
    return found


def test_labels_say_what_pairs_are() -> None:
    """In order one time in three where there are several chunks, and 2 in 3 where there is one (N20)."""
    documents = [document(12, seed) for seed in range(1500)]
    several = pairs(PoNet(length=12, short=0.0), documents, 40)
    count = len(several)
    assert count > 3000
    seen = np.bincount([label for label, _, _ in several], minlength=3)
    assert chi_square(seen.tolist(), [count / 3] * 3) < 4
    single = pairs(PoNet(short=0.0), documents, 40)
    assert len(single) == len(documents)
    seen = np.bincount([label for label, _, _ in single], minlength=3)
    assert seen[2] == 0
    assert chi_square(seen[:2].tolist(), [2 * len(single) / 3, len(single) / 3]) < 4
    for (label, a, b), whole in zip(single, documents, strict=True):
        text, both = whole[1:-1], b + a if label == 1 else a + b
        # One token more is needed than the special tokens of the document leave.
        assert len(both) == len(text) - 1
        assert a
        assert b
        missing = [i for i in range(len(text)) if text[:i] + text[i + 1 :] == both]
        assert missing
    # The place of the cut is uniform over the ends of sentences.
    cuts = [len(a) if label == 0 else len(b) for label, a, b in single]
    found = np.bincount([round(cut / 3) for cut in cuts], minlength=12)[1:12]
    assert found.sum() == len(single)
    assert chi_square(found.tolist(), [len(single) / 11] * 11) < 4


def test_chunks_have_two_sentences_at_least() -> None:
    """Never one sentence twice, as where a side of the published code's pairs is empty (N20)."""
    step = setting(PoNet(length=5, short=0.5))
    for seed in range(200):
        row = document(7, seed)
        sentences = sentences_of(row, range(len(row)), step)
        assert len(sentences) == 7
        chunks = chunks_of(sentences, 0, seed, step)
        assert [s for chunk in chunks for s in chunk] == sentences
        assert min(map(len, chunks)) >= 2
    row = [1, 4, 5, 6, STOP, 3]
    made = PoNet()(rows_of([[row]], 8), 0, 0, 0, PoNet().prepare(WORDS))
    assert matrix(made, "structure_ids")[0, :6].tolist() == row
    assert (matrix(made, "order_labels") == -100).all()
    assert matrix(made, "example_ids")[0].tolist() == [0] * 6 + [-1] * 2


def test_sentences_end_at_stops_and_lines() -> None:
    words = Words(["."], [b"a.", b"b", b".\n", b"e.g", b'."', "\u3002".encode(), b"\n", b" ", b"?) "])
    assert sentence_ends(words).tolist() == [False, True, False, True, False, True, True, True, False, True]
    with pytest.raises(ValueError, match="ponet needs tokens that sentences end with"):
        PoNet().prepare(Words(["[CLS]", "[SEP]"], [b"a"]))


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"length": 4}, "length"),
        ({"short": 1.5}, "short"),
        ({"cls_token": ""}, "cls_token"),
        ({"sep_token": ""}, "sep_token"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        PoNet(**keys)


def test_a_pair_is_no_longer_than_a_row() -> None:
    with pytest.raises(ValueError, match=r"^length must be at most the 64 tokens of a row, not 128"):
        PoNet(length=128).fits(64)
    assert LAYOUTS.get("ponet") is PoNet
