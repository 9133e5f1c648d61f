"""N-gram masking: equal to its twin, the fewest units, the paper's example, undone."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import LAYOUTS, laid_out, row_streams, taken_back
from pairloom.operators.layouts.ernie_gram import ErnieGram
from pairloom.operators.reference.layouts.ernie_gram import (
    Made,
    index_ngrams,
    mask_explicitly,
    mask_tokens,
    segment_units,
    spelled_out,
)
from tests.support.rows import Words, chi_square, matrix, rows_of

WORDS = Words(["[PAD]", "[MASK]", "[SEP]"], [b"a", b"b", b"c", b"d", b"e", b"f"])
TOKENS = len(WORDS)
SPECIAL = frozenset({0, 1, 2})
SEED, WIDTH = 19, 64
NGRAMS = [[4, 5], [3, 4], [5, 6], [3, 4, 5], [4, 5, 6, 7], [2, 3], [8, 8], [3, 3, 3]]


def lexicon_of(folder: Path, ngrams: list[list[int]], name: str = "lexicon.parquet") -> str:
    table = pa.table({"ngram": ngrams, "count": [1] * len(ngrams)})
    pq.write_table(table, folder / name)
    return str(folder / name)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> str:
    return lexicon_of(tmp_path_factory.mktemp("lexicon"), NGRAMS)


segment = st.lists(st.integers(0, TOKENS - 1), min_size=1, max_size=20)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=4)


@settings(deadline=None)
@given(
    rows_drawn,
    st.sampled_from([0.15, 0.5, 0.9]),
    st.sampled_from(["contiguous", "explicit", "comprehensive"]),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**40),
)
def test_the_kernels_are_their_twins_and_masks_are_spelled_out(
    lexicon: str, rows: list[list[list[int]]], rate: float, mode: str, seed: int, first: int
) -> None:
    step = ErnieGram(lexicon=lexicon, rate=rate, mode=mode)
    given_rows, tables = rows_of(rows, WIDTH), step.prepare(WORDS)
    made = step(given_rows, seed, 1, first, tables)
    streams, ngrams = row_streams(seed, 1, first, len(rows)), index_ngrams(NGRAMS)
    bound = round(rate * 2**53) if float(rate * 2**53).is_integer() else int(rate * 2**53) + 1
    for r, segments in enumerate(rows):
        row = [token for segment in segments for token in segment]
        units = segment_units(row, [len(s) for s in segments], SPECIAL, ngrams)
        assert [t for u in units for t in row[u.at : u.at + u.length]] == row
        rest = WIDTH - len(row)
        if mode == "contiguous":
            out, labels = mask_tokens(row, int(streams[r]), units, bound, 1)
            assert matrix(made, "input_ids")[r].tolist() == out + [0] * rest
            assert matrix(made, "labels")[r].tolist() == labels + [-100] * rest
            continue
        wanted = mask_explicitly(row, int(streams[r]), units, bound, 1, TOKENS)
        names = ("inputs", "labels", "input_segments", "fine_labels", "fine_places")
        for name, values, pad in zip(names, wanted, (0, -100, -1, -100, -1), strict=True):
            if name in made.schema.names:
                assert matrix(made, name)[r].tolist() == values + [pad] * (WIDTH - len(values)), name
        assert spelled_out(wanted, NGRAMS, TOKENS) == row
    assert step.undo(made, tables).equals(given_rows)
    whole = laid_out(given_rows, [step], seed, 0, first, [tables])
    cut = len(rows) // 2
    part = laid_out(given_rows.slice(cut), [step], seed, 0, first + cut, [tables])
    assert part.to_pylist() == whole.slice(cut).to_pylist()
    assert taken_back(whole, [step], [tables]).equals(given_rows)


def test_units_are_the_fewest_and_the_first_is_longest() -> None:
    """3 4 5 6 7: two units are 3 and 4 5 6 7, not 3 4 5, 6, 7; of 3 3 3 3 the first unit is the n-gram (C19)."""
    ngrams = index_ngrams(NGRAMS)

    def cut(row: list[int]) -> list[tuple[int, int]]:
        return [(u.at, u.length) for u in segment_units(row, [len(row)], SPECIAL, ngrams)]

    assert cut([3, 4, 5, 6, 7]) == [(0, 1), (1, 4)]
    assert cut([3, 3, 3, 3]) == [(0, 3), (3, 1)]
    assert cut([3, 4, 5, 6]) == [(0, 3), (3, 1)]
    # An n-gram of special tokens is none, and none crosses them.
    assert cut([2, 3, 4, 2, 5, 6]) == [(0, 1), (1, 2), (3, 1), (4, 2)]
    with pytest.raises(ValueError, match="twice"):
        index_ngrams([[1, 2], [1, 2]])


def test_the_papers_example(tmp_path: Path) -> None:
    """x1 to x6, units begin at 1, 2, 4, 5, 6, the second and fourth are masked: both forms (C19)."""
    row = [3, 4, 5, 6, 7, 8]
    path = lexicon_of(tmp_path, [[4, 5]])
    for seed in range(2000):
        explicit = ErnieGram(lexicon=path, rate=0.4)
        tables = explicit.prepare(WORDS)
        made = explicit(rows_of([[row]], 6), seed, 0, 0, tables)
        if matrix(made, "inputs")[0].tolist() == [3, 1, 6, 1, 8, 0]:
            break
    assert matrix(made, "labels")[0].tolist() == [-100, TOKENS, -100, 7, -100, -100]
    contiguous = ErnieGram(lexicon=path, rate=0.4, mode="contiguous")
    made = contiguous(rows_of([[row]], 6), seed, 0, 0, tables)
    assert matrix(made, "input_ids")[0].tolist() == [3, 1, 1, 6, 1, 8]
    assert matrix(made, "labels")[0].tolist() == [-100, 4, 5, -100, 7, -100]
    fine = ErnieGram(lexicon=path, rate=0.4, mode="comprehensive")(rows_of([[row]], 6), seed, 0, 0, tables)
    assert matrix(fine, "fine_labels")[0].tolist() == [4, 5, 7, -100, -100, -100]
    assert matrix(fine, "fine_places")[0].tolist() == [1, 1, 3, -1, -1, -1]


def test_the_share_of_units_is_the_rate(lexicon: str) -> None:
    ids = np.random.default_rng(SEED).integers(3, TOKENS, (300, WIDTH)).tolist()
    step = ErnieGram(lexicon=lexicon)
    made = step(rows_of([[row] for row in ids], WIDTH), SEED, 0, 0, step.prepare(WORDS))
    ngrams = index_ngrams(NGRAMS)
    units = [segment_units(row, [WIDTH], SPECIAL, ngrams) for row in ids]
    count = sum(len(row) for row in units)
    drawn = int((matrix(made, "labels") != -100).sum())
    assert chi_square([drawn, count - drawn], [0.15 * count, 0.85 * count]) < 4
    several = sum(unit.number >= 0 for row in units for unit in row)
    found = int((matrix(made, "labels") >= TOKENS).sum())
    assert chi_square([found, drawn - found], [drawn * several / count, drawn * (1 - several / count)]) < 4


def test_a_lexicon_of_something_else_is_refused(tmp_path: Path) -> None:
    for ngrams, said in (
        ([[3]], "two tokens or more"),
        ([[3, 99]], "has token 99"),
        ([[3, 4], [3, 4]], r"has \[3, 4\] twice"),
    ):
        step = ErnieGram(lexicon=lexicon_of(tmp_path, ngrams))
        with pytest.raises(ValueError, match=f"^lexicon must.*{said}"):
            step.prepare(WORDS)
    with pytest.raises(ValueError, match=r"^lexicon must be a file"):
        ErnieGram(lexicon=str(tmp_path / "none")).prepare(WORDS)
    path = lexicon_of(tmp_path, NGRAMS)
    assert len(ErnieGram(lexicon=path, top=1).prepare(WORDS).lexicon.offsets) == 4
    other = lexicon_of(tmp_path, NGRAMS[1:], "other.parquet")
    assert ErnieGram(lexicon=path).identity() != ErnieGram(lexicon=other).identity()


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": 0.0}, "rate"),
        ({"lexicon": ""}, "lexicon"),
        ({"top": 0}, "top"),
        ({"mask_token": ""}, "mask_token"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, Any], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        ErnieGram(**({"lexicon": "x"} | keys))


def test_it_is_found_by_name() -> None:
    assert LAYOUTS.get("ernie_gram") is ErnieGram
    assert Made([1], [9], [0], [3, 4], [0, 0]).inputs == [1]
