"""Fill-in-the-middle: equal to an independent plain implementation, undone, and drawn as often as it says."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators.reference.transforms import fim as twin
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import document_streams, prepared
from pairloom.operators.transforms.fim import FillInTheMiddle
from pairloom.operators.transforms.kernels.fim import count_places, find_places
from tests.operators.transforms.fim import (
    ENDED,
    IDS,
    NAMES,
    SEED,
    TEXT,
    VOCABULARY,
    batch_of,
    encoded,
    id_lists,
    plain,
    rows,
    steps,
    texts_drawn,
)


@settings(deadline=None, max_examples=150)
@given(texts_drawn, steps, st.integers(0, 2**64 - 1))
def test_it_is_an_independent_plain_implementation_on_text(
    texts: list[str], step: FillInTheMiddle, seed: int
) -> None:
    batch = batch_of(encoded(texts))
    tables = step.prepare(VOCABULARY)
    made = step(batch, seed, tables)
    streams = document_streams(seed, batch).tolist()
    wanted = [plain(d, s, step) for d, s in zip(rows(batch), streams, strict=True)]
    assert rows(made) == wanted
    if step.truncate == "middle":
        assert (made.length <= batch.length).all()
        assert step.undo(made, seed, tables) is None
        return
    # The text comes back, and where tokens were not cut, the tokens.
    back = step.undo(made, seed, tables)
    assert VOCABULARY.decode(back.gathered("input_ids")).equals(
        VOCABULARY.decode(batch.gathered("input_ids"))
    )
    if step.split == "token":
        assert rows(back) == rows(batch)


@settings(deadline=None, max_examples=150)
@given(id_lists, steps, st.integers(0, 2**64 - 1), st.sampled_from([np.uint16, np.uint32]))
@example(
    [[5, 0, 5]], FillInTheMiddle(rate=0.5, spm_rate=0.0, tokens=NAMES), 0, np.uint32
)  # ids wider than need be
def test_any_tokens_are_taken_special_ones_inside_and_broken_characters_too(
    documents: list[list[int]], step: FillInTheMiddle, seed: int, dtype: type
) -> None:
    batch = batch_of(documents, dtype)
    tables = step.prepare(VOCABULARY)
    made = rows(step(batch, seed, tables))
    special = set(IDS.values())
    for document, found, stream in zip(documents, made, document_streams(seed, batch).tolist(), strict=True):
        head, tail = twin.own_tokens(document, special)
        own = document[head : len(document) - tail]
        try:
            VOCABULARY.decode(own).decode()
        except UnicodeDecodeError:
            if step.split != "token":
                assert found == document
                continue
        if step.split == "token" or broken_nowhere(own):
            assert found == plain(document, stream, step)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.text(st.sampled_from("a\n é日🎉"), max_size=12), max_size=5),
    st.booleans(),
    st.lists(st.integers(0, 60), max_size=4, unique=True),
)
def test_the_places_of_texts_are_those_of_the_twin(texts: list[str], lines: bool, edges: list[int]) -> None:
    data = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, data)], dtype=np.int64)
    # Ranges that nothing is cut in, each inside of one text.
    owners = np.searchsorted(offsets, sorted(edges), side="right")
    pairs = [
        (a, b)
        for (a, i), (b, j) in zip(*[iter(zip(sorted(edges), owners.tolist(), strict=True))] * 2, strict=False)
        if i == j and b <= offsets[-1]
    ]
    whole = np.array([edge for pair in pairs for edge in pair], np.int64)
    flat = np.frombuffer(b"".join(data), np.uint8).copy()
    counts = np.zeros(len(data), np.int64)
    count_places(flat, offsets, whole, lines, counts)
    wanted = [
        twin.places(text, lines=lines, whole=[(a - start, b - start) for a, b in pairs])
        for text, start in zip(data, offsets.tolist(), strict=False)
    ]
    assert counts.tolist() == [len(found) for found in wanted]
    for k in range(max(map(len, wanted), default=0)):
        first = np.array([min(k, len(found) - 1) for found in wanted], np.int64)
        second = np.array([len(found) - 1 for found in wanted], np.int64)
        expected = [
            [found[i] + s for found, i, s in zip(wanted, which, offsets, strict=False)]
            for which in (first, second)
        ]
        find_places(flat, offsets, whole, lines, first, second)
        assert [first.tolist(), second.tolist()] == expected


def broken_nowhere(own: list[int]) -> bool:
    """Whether every run of ordinary tokens is text by itself."""
    run: list[int] = []
    for token in [*own, IDS["<p>"]]:
        if token in IDS.values():
            try:
                VOCABULARY.decode(run).decode()
            except UnicodeDecodeError:
                return False
            run = []
        else:
            run.append(token)
    return True


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(5, 300), max_size=30), max_size=4),
    st.integers(1, 9),
    st.sampled_from(["none", "middle"]),
    st.integers(0, 2**64 - 1),
)
def test_chunks_are_infilled_one_by_one(
    documents: list[list[int]], size: int, truncate: str, seed: int
) -> None:
    step = FillInTheMiddle(
        rate=0.6, level="chunk", chunk_tokens=size, split="token", truncate=truncate, tokens=NAMES
    )
    batch = batch_of([[0, *d, 0] for d in documents])
    made = step(batch, seed, step.prepare(VOCABULARY))
    streams = document_streams(seed, batch).tolist()
    assert rows(made) == [plain(d, s, step) for d, s in zip(rows(batch), streams, strict=True)]
    if truncate == "middle":
        assert (made.length == batch.length).all()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(5, 300), max_size=30), max_size=4),
    st.integers(1, 9),
    st.sampled_from(["token", "character"]),
    st.integers(0, 2**64 - 1),
)
def test_segments_are_infilled_one_by_one_and_keep_their_lengths(
    documents: list[list[int]], size: int, split: str, seed: int
) -> None:
    step = FillInTheMiddle(rate=0.8, level="segment", split=split, truncate="middle", tokens=NAMES)
    step = step.in_rows(size, aligned=True)
    batch = batch_of([[0, 0, *d, 0] for d in documents])
    made = step(batch, seed, step.prepare(VOCABULARY))
    assert (made.length == batch.length).all()
    streams = document_streams(seed, batch).tolist()
    if split == "token":
        assert rows(made) == [plain(d, s, step) for d, s in zip(rows(batch), streams, strict=True)]
    for found, document in zip(rows(made), rows(batch), strict=True):
        for at in range(0, len(document), size):
            piece = found[at : at + size]
            assert piece.count(IDS["<p>"]) == piece.count(IDS["<m>"]) <= 1


def test_segments_need_rows_that_are_cut_there() -> None:
    step = FillInTheMiddle(level="segment", truncate="middle")
    assert step.in_rows(64, aligned=True).chunk_tokens == 64
    with pytest.raises(ValueError, match=r"^level must not be segment where rows do not cut"):
        step.in_rows(64, aligned=False)


@settings(deadline=None, max_examples=40)
@given(texts_drawn, st.integers(1, 9), st.integers(0, 2**64 - 1))
def test_chunks_of_characters_decode_to_their_text(texts: list[str], size: int, seed: int) -> None:
    step = FillInTheMiddle(rate=1.0, level="chunk", chunk_tokens=size, tokens=ENDED)
    batch = batch_of(encoded(texts))
    for found, text in zip(rows(step(batch, seed, step.prepare(VOCABULARY))), texts, strict=True):
        # An eot ends every infill, so that each can be told from what follows.
        out: list[int] = []
        rest = found[:-1]
        while rest:
            if rest[0] == IDS["<p>"]:
                end = rest.index(IDS["<e>"]) + 1
                ids = {"prefix": IDS["<p>"], "suffix": IDS["<s>"], "middle": IDS["<m>"], "eot": IDS["<e>"]}
                out += twin.undone(rest[:end], ids)
                rest = rest[end:]
            else:
                out.append(rest.pop(0))
        assert VOCABULARY.decode(out).decode() == text


@settings(deadline=None, max_examples=40)
@given(texts_drawn, steps, st.randoms(use_true_random=False))
def test_a_document_is_the_same_wherever_it_stands_and_another_in_another_copy(
    texts: list[str], step: FillInTheMiddle, shuffler: object
) -> None:
    copies = [i % 3 for i in range(len(texts))]
    batch = batch_of(encoded(texts), copies=copies)
    tables = step.prepare(VOCABULARY)
    order = list(range(len(texts)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    made = rows(step(batch, SEED, tables))
    other = rows(step(batch.take(np.array(order, np.int64)), SEED, tables))
    assert other == [made[i] for i in order]


def test_copies_of_a_document_are_drawn_apart() -> None:
    (document,) = encoded([TEXT[1]])
    batch = TokenBatch.from_lists(
        {"input_ids": [np.array(document, np.uint16)] * 50},
        number=np.full(50, 11),
        copy=np.arange(50, dtype=np.int32),
    )
    step = FillInTheMiddle(tokens=NAMES)
    found = {tuple(row) for row in rows(step(batch, SEED, step.prepare(VOCABULARY)))}
    assert len(found) > 20


def test_a_column_beside_the_ids_moves_with_its_tokens() -> None:
    ids = [np.arange(5, 20, dtype=np.uint16), np.array([0, 40, 41, 42, 0], np.uint16)]
    mask = [np.arange(15, dtype=np.float32) + 1, np.array([9, 8, 7, 6, 5], np.float32)]
    batch = TokenBatch.from_lists(
        {"input_ids": ids, "loss_weight": mask}, documents={"source": np.array([3, 4])}
    )
    step = FillInTheMiddle(rate=1.0, split="token", tokens=NAMES)
    made = step(batch, SEED, step.prepare(VOCABULARY))
    weight = {
        int(t): float(w) for i, m in zip(ids, mask, strict=True) for t, w in zip(i, m, strict=True) if t
    }
    for row, beside in zip(rows(made), made.gathered("loss_weight").to_pylist(), strict=True):
        assert [weight.get(t, 0.0) for t in row if t] == [w for t, w in zip(row, beside, strict=True) if t]
    assert made.documents["source"].tolist() == [3, 4]
    with pytest.raises(ValueError, match="loss_weight would stand beside other tokens"):
        FillInTheMiddle(rate=1.0, tokens=NAMES)(batch, SEED, step.prepare(VOCABULARY))


def test_golden_cases() -> None:
    """What the step gave on the day it was written, so that no later version may give other tokens in silence."""
    step = FillInTheMiddle(rate=1.0, split="token", tokens=NAMES)
    made = step(batch_of([list(range(10, 20)), [0, 30, 31, 0], []]), SEED, step.prepare(VOCABULARY))
    assert rows(made) == GOLDEN


GOLDEN = [[1, 10, 11, 12, 13, 14, 15, 2, 18, 19, 3, 16, 17], [0, 1, 30, 31, 2, 3, 0], []]


def chi_square(seen: list[int], expected: list[float]) -> float:
    """Pearson's statistic, in standard deviations above its mean."""
    value = sum((s - e) ** 2 / e for s, e in zip(seen, expected, strict=True))
    free = len(seen) - 1
    return (value - free) / math.sqrt(2 * free)


def test_rates_orders_and_cuts_are_drawn_as_they_should() -> None:
    n = 20_000
    step = FillInTheMiddle(rate=0.3, spm_rate=0.25, split="token", tokens=NAMES)
    batch = batch_of([[10, 11, 12, 13]] * n)
    made = rows(step(batch, SEED, step.prepare(VOCABULARY)))
    infills = [row for row in made if row[0] == IDS["<p>"]]
    assert chi_square([len(infills), n - len(infills)], [0.3 * n, 0.7 * n]) < 4
    # Cuts: two draws of five places; the pair (first, second) is twice as likely where they differ.
    pairs: dict[tuple[int, int], int] = {}
    spm = ambiguous = 0
    for row in infills:
        suffix, middle = row.index(IDS["<s>"]), row.index(IDS["<m>"])
        length = middle - suffix - 1
        if suffix > 1:
            pairs[suffix - 1, 4 - length] = pairs.get((suffix - 1, 4 - length), 0) + 1
        else:
            ambiguous += 1
    psm = sum(pairs.values())
    # PSM with a prefix: four fifths of the draws squared are behind the first place.
    share = 0.75 * (1 - (1 - 0.8**2))
    assert chi_square([psm, len(infills) - psm], [share * len(infills), (1 - share) * len(infills)]) < 4
    keys = [(a, b) for a in range(1, 5) for b in range(a, 5)]
    weights = [1 if a == b else 2 for a, b in keys]
    expected = [psm * w / sum(weights) for w in weights]
    assert chi_square([pairs.get(k, 0) for k in keys], expected) < 4
    assert spm == 0 < ambiguous


def test_special_tokens_stay_at_the_ends_and_documents_without_others_stay() -> None:
    step = FillInTheMiddle(rate=1.0, split="token", tokens=NAMES)
    batch = batch_of([[0, 4, 10, 11, 12, 0, 0], [0, 0], [], [0], [10, IDS["<m>"], 12]])
    first, *others = rows(step(batch, SEED, step.prepare(VOCABULARY)))
    assert first[:3] == [0, 4, IDS["<p>"]]
    assert first[-2:] == [0, 0]
    # What holds a sentinel already is an infill, or looks like one.
    assert others == [[0, 0], [], [0], [10, IDS["<m>"], 12]]


def test_prepared_counts_what_steps_add_and_remove() -> None:
    batch = batch_of(encoded(TEXT))
    grow = FillInTheMiddle(rate=1.0, tokens=NAMES)
    made = prepared(batch, [grow], SEED, [grow.prepare(VOCABULARY)])
    assert made.batch.tokens == batch.tokens + made.added - made.removed
    assert made.added >= 3 * len(TEXT) - made.removed
    assert prepared(batch, [], SEED, []).batch is batch
