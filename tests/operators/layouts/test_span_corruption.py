"""Span corruption: equal to its twin, of exact lengths, spliced back, with all ways to cut a row alike."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import LAYOUTS, laid_out, row_streams, taken_back
from pairloom.operators.layouts.span_corruption import (
    UL2,
    Denoiser,
    SpanCorruption,
    Tables,
    raw_length,
    span_lengths,
)
from pairloom.operators.reference.layouts.span_corruption import (
    Way,
    corrupt_spans,
    noise_and_spans,
    splice_spans,
)
from tests.support.rows import Words, chi_square, matrix, rows_of

SENTINELS = 40
WORDS = Words(
    [*(f"<extra_id_{i}>" for i in range(SENTINELS)), "</s>", "[R]", "[S]", "[X]"],
    [bytes([65 + i]) for i in range(20)],
)
SEED = 24
ORDINARY = len(WORDS.special_tokens)
WIDTH = 64


def tables(step: SpanCorruption) -> Tables:
    return step.prepare(WORDS)


def twin(step: SpanCorruption, row: list[int], stream: int) -> tuple[list[int], list[int]]:
    """What the twin makes of a row."""
    made = tables(step).denoisers
    ways = [Way(*(field[i].item() for field in made)) for i in range(len(made.edges))]
    marks = tables(step).marks
    return corrupt_spans(row, stream, ways, marks.sentinels.tolist(), marks.end)


segment = st.lists(st.integers(ORDINARY, len(WORDS) - 1), min_size=1, max_size=20)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=4)
steps = st.one_of(
    st.builds(
        SpanCorruption,
        rate=st.sampled_from([0.01, 0.15, 0.5, 0.8]),
        mean_span=st.sampled_from([1.0, 3.0, 64.0]),
        sentinels=st.just(SENTINELS),
        end_token=st.sampled_from([None, "</s>"]),
    ),
    st.just(SpanCorruption(denoisers="ul2", sentinels=SENTINELS)),
)


@settings(deadline=None)
@given(rows_drawn, steps, st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(0, 2**40))
def test_the_kernels_are_their_twins_and_rows_are_spliced_back(
    rows: list[list[list[int]]], step: SpanCorruption, seed: int, epoch: int, first: int
) -> None:
    given_rows = rows_of(rows, WIDTH)
    made = step(given_rows, seed, epoch, first, tables(step))
    streams = row_streams(seed, epoch, first, len(rows))
    inputs, labels = matrix(made, "inputs"), matrix(made, "labels")
    assert (inputs.shape[1], labels.shape[1]) == step.widths(WIDTH)
    marks, before = tables(step).marks, [t for t in tables(step).denoisers.token.tolist() if t >= 0]
    for r, segments in enumerate(rows):
        row = [token for segment in segments for token in segment]
        wanted = twin(step, row, int(streams[r]))
        assert inputs[r].tolist() == wanted[0] + [0] * (inputs.shape[1] - len(wanted[0]))
        assert labels[r].tolist() == wanted[1] + [-100] * (labels.shape[1] - len(wanted[1]))
        assert splice_spans(*wanted, len(row), before, marks.sentinels.tolist()) == row
    assert made.drop_columns(["inputs", "labels"]).equals(given_rows)
    assert step.undo(made, tables(step)).equals(given_rows)


@settings(deadline=None, max_examples=20)
@given(rows_drawn.filter(len), steps, st.integers(0, 3))
def test_a_row_is_the_same_in_whatever_batch_it_comes(
    rows: list[list[list[int]]], step: SpanCorruption, cut: int
) -> None:
    whole, cut = rows_of(rows, WIDTH, np.uint32), min(cut, len(rows))
    made = laid_out(whole, [step], SEED, 2, 100, [tables(step)])
    for at, n in ((0, cut), (cut, len(rows) - cut)):
        part = laid_out(whole.slice(at, n), [step], SEED, 2, 100 + at, [tables(step)])
        assert part.to_pylist() == made.slice(at, n).to_pylist()
    assert taken_back(made, [step], [tables(step)]).equals(whole)


def test_lengths_are_those_of_the_papers() -> None:
    """T5: 568 tokens are inputs of 512 and targets of 114. ByT5: spans of 20 bytes, inputs of 1,024, targets of 189 (C24)."""
    assert raw_length(512) == 568
    assert span_lengths(568, 0.15, 3.0) == (512, 114)
    assert span_lengths(raw_length(1024, 0.15, 20.0), 0.15, 20.0) == (1024, 189)
    for inputs in range(8, 600):
        for rate, mean in ((0.15, 3.0), (0.5, 3.0), (0.25, 10.0)):
            tokens = raw_length(inputs, rate, mean)
            made = span_lengths(tokens, rate, mean)
            assert made[0] <= inputs < span_lengths(tokens + 2, rate, mean)[0]
            assert rate != 0.5 or made[1] <= inputs


@pytest.mark.parametrize(("seq_len", "mean"), [(568, 3.0), (1193, 20.0)])
def test_every_full_row_has_exactly_those_lengths(seq_len: int, mean: float) -> None:
    step = SpanCorruption(mean_span=mean, sentinels=SENTINELS)
    rows = rows_of([[[ORDINARY] * 100, [ORDINARY + 1] * (seq_len - 100)]] * 20, seq_len)
    made = step(rows, SEED, 0, 0, tables(step))
    assert (matrix(made, "inputs")[:, -1] == 40).all()
    assert (matrix(made, "labels")[:, -1] == 40).all()
    assert matrix(made, "inputs").shape[1] == span_lengths(seq_len, 0.15, mean)[0]
    for r in range(20):
        found = matrix(made, "labels")[r]
        marks = found[(found < SENTINELS)].tolist()
        assert marks == list(range(noise_and_spans(seq_len, 0.15, mean)[1]))
        assert (matrix(made, "inputs")[r] == 40).sum() == (found == 40).sum() == 1


def test_all_ways_to_cut_a_row_are_alike() -> None:
    """Twelve tokens, four of noise in two spans: 3 ways to cut the noise, 7 to cut the text, in any pair."""
    step = SpanCorruption(rate=0.33, mean_span=2.0, sentinels=SENTINELS, end_token=None)
    count = 8000
    rows = rows_of([[[ORDINARY + i for i in range(12)]]] * count, 12)
    made = matrix(step(rows, SEED, 0, 0, tables(step)), "inputs")
    seen = Counter(tuple(np.flatnonzero(row < SENTINELS).tolist()) + (int(row[-2]),) for row in made)
    ways = Counter()
    for row, labels in zip(made, matrix(step(rows, SEED, 0, 0, tables(step)), "labels"), strict=True):
        first = int(np.flatnonzero(row < SENTINELS)[0])
        ways[first, int(np.flatnonzero(labels == 1)[0]) - 1] += 1
    assert set(ways) == set(itertools.product(range(1, 8), range(1, 4)))
    assert chi_square([ways[key] for key in sorted(ways)], [count / 21] * 21) < 4
    assert len(seen) > 20


def test_denoisers_are_drawn_by_weight_and_say_which_they_are() -> None:
    step = SpanCorruption(denoisers="ul2", sentinels=SENTINELS)
    count = 7000
    rows = rows_of([[[ORDINARY] * WIDTH]] * count, WIDTH)
    made = step(rows, SEED, 0, 0, tables(step))
    first = Counter(matrix(made, "inputs")[:, 0].tolist())
    ids = {name: WORDS.special_id(name) for name in ("[R]", "[S]", "[X]")}
    expected = {name: count * sum(way.mode == name for way in UL2) / len(UL2) for name in ids}
    assert chi_square([first[ids[name]] for name in ids], [expected[name] for name in ids]) < 4
    # One span at the end, as long as drawn: uniform from 1 to half of the row.
    last = matrix(made, "inputs")[:, 0] == ids["[S]"]
    lengths = (matrix(made, "labels")[last] >= 0).sum(axis=1) - 2
    assert lengths.min() == 1
    assert lengths.max() == WIDTH // 2 - 1
    found = np.bincount(lengths, minlength=WIDTH // 2)[1:]
    assert chi_square(found.tolist(), [last.sum() / len(found)] * len(found)) < 4
    odd = SpanCorruption(
        denoisers=(Denoiser(rate=0.15), Denoiser(rate=0.5, mode="[X]", weight=3)), sentinels=SENTINELS
    )
    found = matrix(odd(rows, SEED, 0, 0, tables(odd)), "inputs")[:, 0] == ids["[X]"]
    assert chi_square([found.sum(), (~found).sum()], [count * 0.75, count * 0.25]) < 4


def test_sentinels_may_be_the_last_ids_of_the_vocabulary() -> None:
    """ByT5 (C24): they descend from the last id, and a row that holds one of them is verified all the same."""
    step = SpanCorruption(sentinel=None, sentinels=12, end_token="</s>")
    assert tables(step).marks.sentinels.tolist() == [len(WORDS) - 1 - i for i in range(12)]
    rows = rows_of([[[ORDINARY] * 30], [[ORDINARY, len(WORDS) - 1, len(WORDS) - 2] * 10]], 30)
    made = step(rows, SEED, 0, 0, tables(step))
    assert step.undo(made, tables(step)).equals(rows)


def test_inputs_and_labels_that_do_not_fit_together_are_no_row() -> None:
    step = SpanCorruption(sentinels=SENTINELS)
    rows = rows_of([[[ORDINARY] * 30]] * 2, 30)
    made = step(rows, SEED, 0, 0, tables(step))
    place = made.schema.get_field_index("labels")
    other = matrix(made, "labels").copy()
    other[1, 0] = 7
    changed = made.set_column(
        place,
        made.schema.field(place),
        rows_of([[row] for row in other.tolist()], other.shape[1], np.int32).column(0),
    )
    assert not step.undo(changed, tables(step)).equals(rows)
    with pytest.raises(ValueError, match="too few tokens"):
        splice_spans([5, 6], [], 3, [], [0])
    with pytest.raises(ValueError, match="without its span"):
        splice_spans([5, 0, 6], [], 3, [], [0])


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": 0.0}, "rate must"),
        ({"rate": 1.0}, "rate must"),
        ({"mean_span": 0.5}, "mean_span must"),
        ({"denoisers": "ul3"}, "denoisers must be ul2"),
        ({"denoisers": (Denoiser(rate=0.0),)}, "denoisers must"),
        ({"denoisers": (Denoiser(rate=0.6, mean_span=None),)}, "denoisers must"),
        ({"denoisers": (Denoiser(rate=0.1, weight=0.0),)}, "denoisers must"),
        ({"sentinel": "<x>"}, "sentinel must"),
        ({"sentinels": 0}, "sentinels must"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start}"):
        SpanCorruption(**keys)


def test_sentinels_that_are_too_few_are_said_before_anything_runs() -> None:
    with pytest.raises(ValueError, match=r"^sentinels must be at least 102 for rows of 2048 tokens, not 100"):
        SpanCorruption().fits(2048)
    SpanCorruption().fits(568)
    step = SpanCorruption(rate=0.5, mean_span=1.0, sentinels=3)
    rows = rows_of([[[ORDINARY] * 30]], 30)
    with pytest.raises(ValueError, match=r"^sentinels must be more than 3"):
        step(rows, 0, 0, 0, tables(step))


def test_it_is_found_by_name_and_says_its_tokens() -> None:
    assert LAYOUTS.get("span_corruption") is SpanCorruption
    assert SpanCorruption(sentinels=2).special_tokens == ("<extra_id_0>", "<extra_id_1>", "</s>")
    assert SpanCorruption(denoisers="ul2", sentinel=None, end_token=None).special_tokens == (
        "[R]",
        "[S]",
        "[X]",
    )
