"""ELECTRA's examples: equal to their twin, of whole sentences, with the shares that are published (C33)."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import row_streams
from pairloom.operators.layouts.electra import Electra
from pairloom.operators.reference.layouts.electra_pairs import Setting, build_examples
from tests.support.rows import Words, chi_square, matrix, rows_of

WORDS = Words(["[PAD]", "[MASK]", "[CLS]", "[SEP]", "<|endoftext|>"], [b" a", b" b", b" c", b" d", b"."])
STOP, WIDTH, SEED = 9, 64, 33


def setting(step: Electra, width: int = WIDTH) -> Setting:
    return Setting(
        special=frozenset(range(5)),
        ends=frozenset({STOP}),
        length=step.length or width,
        cls=2,
        sep=3,
        shorter=int(np.ceil(0.05 * 2**53)),
        single=int(np.ceil(0.1 * 2**53)),
        overflow=1 << 52,
    )


def unmasked(made: pa.RecordBatch) -> np.ndarray:
    """The tokens of examples, whatever is masked."""
    labels = matrix(made, "labels")
    return np.where(labels != -100, labels, matrix(made, "masked_ids"))


segment = st.lists(st.sampled_from([3, 4, 5, 6, 7, 8, 9, 9]), min_size=1, max_size=30)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=2), min_size=0, max_size=4)


@settings(deadline=None, max_examples=300)
@given(rows_drawn, st.sampled_from([None, 5, 8, 20]), st.integers(0, 2**64 - 1), st.integers(0, 2**40))
def test_the_kernel_is_its_twin_and_masks_are_of_examples(
    rows: list[list[list[int]]], length: int | None, seed: int, first: int
) -> None:
    step, given_rows = Electra(pairs=True, length=length), rows_of(rows, WIDTH)
    tables = step.prepare(WORDS)
    made = step(given_rows, seed, 0, first, tables)
    streams = row_streams(seed, 0, first, len(rows))
    ids, replaced, changed = unmasked(made), matrix(made, "replaced_ids"), matrix(made, "replaced")
    for r, segments in enumerate(rows):
        row = [token for s in segments for token in s]
        wanted = build_examples(row, [len(s) for s in segments], int(streams[r]), setting(step))
        for values, found, pad in zip(
            wanted,
            (ids[r], matrix(made, "token_types")[r], matrix(made, "example_ids")[r]),
            (0, 0, -1),
            strict=True,
        ):
            assert found.tolist() == values + [pad] * (WIDTH - len(row))
    assert ((replaced != ids) == (changed == 1)).all()
    assert (ids[matrix(made, "labels") != -100] > 4).all()
    assert step.undo(made, tables).equals(given_rows)
    cut = len(rows) // 2
    part = step(given_rows.slice(cut), seed, 0, first + cut, tables)
    assert part.to_pylist() == made.slice(cut).to_pylist()


def examples(documents: list[list[int]], width: int, **keys: Any) -> list[list[list[int]]]:
    """Of each document, the tokens of its examples."""
    step = Electra(pairs=True, **keys)
    made = step(rows_of([[one] for one in documents], width), SEED, 0, 0, step.prepare(WORDS))
    ids, numbers = unmasked(made), matrix(made, "example_ids")
    return [
        [ids[r][numbers[r] == k].tolist() for k in range(numbers[r].max() + 1)] for r in range(len(documents))
    ]


def test_sides_are_of_the_published_shares() -> None:
    """One side in ten; the first has half, or with even chance the sentence that overflows it; short ones in twenty."""
    draw = np.random.default_rng(1)
    documents = [
        [2, *(t for _ in range(31) for t in (*draw.integers(5, 9, 3).tolist(), STOP)), 4] for _ in range(4000)
    ]
    found = examples(documents, 128)
    firsts = [one[0] for one in found]
    whole = [tokens for tokens in firsts if len(tokens) > 120]
    # A length from 5 to 128 is drawn in a twentieth; of these those of more than 120 tokens of text are whole too.
    short = 0.05 * (1 - 8 / 124)
    seen = [len(firsts) - len(whole), len(whole)]
    assert chi_square(seen, [short * len(firsts), (1 - short) * len(firsts)]) < 4
    single = [tokens for tokens in whole if tokens.count(3) == 1]
    assert chi_square([len(single), len(whole) - len(single)], [0.1 * len(whole), 0.9 * len(whole)]) < 4
    # Half is (128 - 3) // 2 = 62 tokens: 15 sentences of four are 60, the next goes over, and is taken every second time.
    sides = Counter(tokens.index(3) - 1 for tokens in whole if tokens.count(3) == 2 and len(tokens) == 126)
    assert set(sides) <= {60, 64, 56, 52}
    both = sides[60] + sides[64]
    assert chi_square([sides[60], sides[64]], [both / 2, both / 2]) < 4
    for tokens, document in zip(firsts, documents, strict=True):
        assert tokens[0] == 2
        assert tokens[-1] == 3
        text = [token for token in tokens if token > 4]
        assert text == document[1 : 1 + len(text)]


def test_examples_are_no_longer_than_asked_and_cover_a_document() -> None:
    draw = np.random.default_rng(2)
    documents = [
        [*(t for _ in range(12) for t in (*draw.integers(5, 9, 4).tolist(), STOP))] for _ in range(200)
    ]
    for one, document in zip(examples(documents, 64, length=16), documents, strict=True):
        assert max(map(len, one)) <= 16
        assert len(one) >= 3
        at = 0
        for tokens in one:
            text = [token for token in tokens if token > 4]
            at += next(i for i in range(len(document)) if document[at + i : at + i + len(text)] == text)
            at += len(text)
    assert examples([[5], [5, 6], [2, 4]], 8) == [[[5]], [[5, 6]], [[2, 4]]]


@pytest.mark.parametrize(
    ("keys", "start"),
    [({"length": 8}, "length"), ({"pairs": True, "length": 4}, "length"), ({"cls_token": ""}, "cls_token")],
)
def test_a_bad_parameter_is_named(keys: dict[str, Any], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        Electra(**keys)


def test_an_example_is_no_longer_than_a_row() -> None:
    assert Electra(pairs=True).special_tokens == ("[MASK]", "[CLS]", "[SEP]")
    with pytest.raises(ValueError, match=r"^length must be at most the 64 tokens"):
        Electra(pairs=True, length=128).fits(64)
    with pytest.raises(ValueError, match=r"^pairs must have rows"):
        Electra(pairs=True).fits(4)
