"""Replaced-token detection: equal to its twin, undone, with the shares that it says."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import LAYOUTS, laid_out, row_streams, taken_back
from pairloom.operators.layouts.electra import Electra, Tables
from pairloom.operators.reference.layouts.electra import Setting, replace_tokens
from tests.support.rows import Words, chi_square, matrix, rows_of

SPECIAL = ["[PAD]", "[MASK]", "[SEP]"]
WORDS = Words(SPECIAL, [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"])
SEED, WIDTH = 33, 64
COUNTS = [0, 1, 0, 8, 4, 2, 1, 1, 0, 0, 1]


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("counts") / "counts.parquet"
    pq.write_table(pa.table({"id": range(len(COUNTS)), "count": COUNTS}), path)
    return str(path)


def setting(step: Electra, width: int = WIDTH) -> Setting:
    """What the twin goes by."""
    tables: Tables = step.prepare(WORDS)
    return Setting(
        special=frozenset({0, 1, 2}),
        mask=1,
        rate=step.rate,
        most=int((step.rate + 0.005) * width),
        masked=round(step.masked * 2**53),
        kind=step.generator,
        ordinary=tables.generator.ordinary.tolist(),
        edges=tables.generator.edges.tolist(),
        correct=step.correct,
    )


segment = st.lists(st.integers(0, len(WORDS) - 1), min_size=1, max_size=20)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=4)
keys_drawn = st.fixed_dictionaries(
    {
        "rate": st.sampled_from([0.01, 0.15, 0.9]),
        "masked": st.sampled_from([0.0, 0.5, 1.0]),
        "generator": st.sampled_from(["row", "uniform", "unigram"]),
        "correct": st.booleans(),
    }
)


@settings(deadline=None)
@given(rows_drawn, keys_drawn, st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(0, 2**40))
def test_the_kernel_is_its_twin_and_undo_gives_the_rows_back(
    counts: str, rows: list[list[list[int]]], keys: dict[str, Any], seed: int, epoch: int, first: int
) -> None:
    step = Electra(**keys, counts=counts if keys["generator"] == "unigram" else None)
    given_rows, tables = rows_of(rows, WIDTH), step.prepare(WORDS)
    made = laid_out(given_rows, [step], seed, epoch, first, [tables])
    own = step(given_rows, seed, epoch, first, tables)
    streams = row_streams(seed, epoch, first, len(rows))
    for r, segments in enumerate(rows):
        row = [token for segment in segments for token in segment]
        wanted = replace_tokens(row, int(streams[r]), setting(step))
        rest = WIDTH - len(row)
        for name, values, pad in zip(
            ("input_ids", "labels", "replaced_ids", "replaced"), wanted, (0, -100, 0, 0), strict=True
        ):
            assert matrix(own, name)[r].tolist() == values + [pad] * rest, name
        # A bound on how many are masked (C33), and nothing else is touched.
        masked = sum(label != -100 for label in wanted[1])
        assert masked <= max(1, min(int((step.rate + 0.005) * WIDTH), round(len(row) * step.rate)))
        if not step.correct and len({t for t in row if t > 2}) > 1:
            assert sum(wanted[3]) == masked
    assert taken_back(made, [step], [tables]).equals(given_rows)
    cut = len(rows) // 2
    part = laid_out(given_rows.slice(cut), [step], seed, epoch, first + cut, [tables])
    assert part.to_pylist() == made.slice(cut).to_pylist()


def many(step: Electra, count: int = 400, length: int = 128) -> tuple[np.ndarray, ...]:
    """(ids, with masks, labels, with replacements, changed) of many rows of ordinary tokens."""
    ids = np.random.default_rng(SEED).integers(3, len(WORDS), (count, length))
    rows = rows_of([[row.tolist()] for row in ids], length)
    made = step(rows, SEED, 0, 0, step.prepare(WORDS))
    return (ids, *(matrix(made, name) for name in ("input_ids", "labels", "replaced_ids", "replaced")))


@pytest.mark.parametrize("generator", ["uniform", "row", "unigram"])
def test_replacements_are_of_the_generator(counts: str, generator: str) -> None:
    """Labels are 15 % times the chance that another token is drawn, and replacements are distributed as said (C33)."""
    step = Electra(generator=generator, counts=counts if generator == "unigram" else None)
    ids, after, labels, replaced, changed = many(step)
    hit = labels != -100
    assert hit.sum(axis=1).max() <= 19
    assert (changed == (replaced != ids)).all()
    assert (replaced == ids)[~hit].all()
    masked = int((after == 1).sum())
    assert chi_square([masked, hit.sum() - masked], [0.85 * hit.sum(), 0.15 * hit.sum()]) < 4
    weights = np.ones(8) if generator != "unigram" else np.array(COUNTS[3:], float)
    shares = weights / weights.sum()
    found = np.bincount(replaced[hit], minlength=len(WORDS))[3:]
    some = shares > 0
    assert found[~some].sum() == 0
    assert chi_square(found[some].tolist(), (shares[some] * hit.sum()).tolist()) < 4
    if generator != "row":
        by_token = np.bincount(ids[hit], minlength=len(WORDS))[3:]
        wanted = float((by_token * (1 - shares)).sum())
        assert chi_square([changed.sum(), hit.sum() - changed.sum()], [wanted, hit.sum() - wanted]) < 4
    # Drawn with replacement: of n draws from m places 1 - (1 - 1/m)^n are hit.
    expected = 128 * (1 - (1 - 1 / 128) ** 19)
    assert hit.sum(axis=1).mean() == pytest.approx(expected, abs=0.1)


def test_a_generator_may_never_be_right() -> None:
    ids, _, labels, replaced, changed = many(Electra(generator="uniform", correct=False))
    hit = labels != -100
    assert (replaced != ids)[hit].all()
    assert (changed == hit).all()


def test_masks_differ_by_epoch_and_stay_within_one() -> None:
    step, rows = Electra(), rows_of([[[3, 4, 5, 6, 7] * 10]] * 8, WIDTH)
    tables = step.prepare(WORDS)
    made = [step(rows, SEED, epoch, 0, tables).column("labels") for epoch in (0, 0, 1)]
    assert made[0].equals(made[1])
    assert not made[0].equals(made[2])


def test_its_file_is_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "counts.parquet"
    step = Electra(generator="unigram", counts=str(path))
    with pytest.raises(ValueError, match=r"^counts must be a file"):
        step.prepare(WORDS)
    found = set()
    for count in (1, 2):
        pq.write_table(pa.table({"ngram": [[3, 4], [5, 6], [3, 4, 5]], "count": [count, 3, 9]}), path)
        found.add(str(step.identity()))
        edges = step.prepare(WORDS).generator.edges
        assert (
            edges[0] == round(count / (count + 3) * 2**53)
            or abs(int(edges[0]) / 2**53 - count / (count + 3)) < 1e-12
        )
    assert len(found) == 2
    for wrong, said in (
        ({"x": [1]}, "columns"),
        ({"id": [99], "count": [1]}, "this vocabulary"),
        ({"id": [4], "count": [0]}, "above 0"),
    ):
        pq.write_table(pa.table(wrong), path)
        with pytest.raises(ValueError, match=rf"^counts must.*{said}"):
            step.prepare(WORDS)
    path.write_text("no table")
    with pytest.raises(ValueError, match=r"^counts must be a table"):
        step.prepare(WORDS)


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": 0.0}, "rate"),
        ({"masked": 1.1}, "masked"),
        ({"generator": "unigram"}, "counts"),
        ({"counts": "x"}, "counts"),
        ({"mask_token": ""}, "mask_token"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, Any], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        Electra(**keys)


def test_it_is_found_by_name() -> None:
    assert LAYOUTS.get("electra") is Electra
    assert Electra(mask_token="<m>").special_tokens == ("<m>",)
