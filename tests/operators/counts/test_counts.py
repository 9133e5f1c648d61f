"""Counting words: growth, long words, bad input, capacity."""

import pickle
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, WordCounter, WordCounts, count_words, merge_counts
from pairloom.operators.errors import CapacityError, CorruptionError

MOST = (1 << 63) - 1


def counts_of(words: list[bytes], counts: list[int]) -> WordCounts:
    return WordCounts(words=pa.array(words, pa.large_binary()), counts=np.array(counts, np.int64))


def as_dict(counts: WordCounts) -> dict[bytes, int]:
    return dict(zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True))


def test_the_table_and_its_arena_grow():
    rng = random.Random(5)
    pieces = [rng.randbytes(rng.choice([2, 3, 9, 15, 16, 33, 200])) for _ in range(60_000)] * 2
    rng.shuffle(pieces)
    counter = WordCounter(Pretokenizer())
    data = np.frombuffer(b"".join(pieces), np.uint8)
    counter.add_pieces(data, 0, np.cumsum([len(p) for p in pieces], dtype=np.int64))
    assert as_dict(counter.finish()) == Counter(pieces)


def test_a_counter_goes_on_after_it_was_read():
    counter = WordCounter(Pretokenizer(scheme="whitespace"))
    counter.add(pa.array(["a b"]))
    assert as_dict(counter.finish()) == {b" b": 1, b"a": 1}
    counter.add(pa.array(["a b", None, ""]))
    assert as_dict(counter.finish()) == {b" b": 2, b"a": 2}


def test_whole_documents_are_words_too():
    documents = ["x" * 1_000_000, "x" * 999_999 + "y", "x" * 1_000_000, "z"]
    counts = count_words(pa.array(documents), Pretokenizer(scheme="none"))
    assert as_dict(counts) == {d.encode(): documents.count(d) for d in documents}


def test_words_at_the_very_end_of_a_buffer_are_read_within_it():
    for size in range(1, 40):
        data = np.frombuffer(bytes(range(65, 65 + size)), np.uint8).copy()
        counter = WordCounter(Pretokenizer())
        counter.add_pieces(data, 0, np.arange(1, size + 1, dtype=np.int64))
        counter.add_pieces(data, max(0, size - 15), np.array([size], np.int64))
        expected = Counter(bytes([b]) for b in data)
        expected[bytes(data[max(0, size - 15) :])] += 1
        assert as_dict(counter.finish()) == expected


def test_every_other_end_is_read_as_such():
    counter = WordCounter(Pretokenizer())
    counter.add_pieces(np.frombuffer(b"abcdef", np.uint8), 0, np.array([2, 0, 3, 0, 6, 0], np.int32)[::2])
    assert as_dict(counter.finish()) == {b"ab": 1, b"c": 1, b"def": 1}


@pytest.mark.parametrize(("start", "ends"), [(0, [3, 2]), (0, [6]), (-1, [2]), (4, [3])])
def test_ends_out_of_order_or_bounds_are_refused(start, ends):
    counter = WordCounter(Pretokenizer())
    with pytest.raises(ValueError, match="out of order"):
        counter.add_pieces(np.zeros(5, np.uint8), start, np.array(ends, np.int64))


def test_words_that_share_all_but_the_end_are_ordered():
    stem = b"k" * 100_000
    pieces = [stem + bytes([b]) for b in range(255, -1, -1)] + [stem[:n] for n in range(30, 0, -1)] + [stem]
    counter = WordCounter(Pretokenizer())
    data = np.frombuffer(b"".join(pieces), np.uint8)
    counter.add_pieces(data, 0, np.cumsum([len(p) for p in pieces], dtype=np.int64))
    assert counter.finish().words.to_pylist() == sorted(pieces)


def test_a_sum_up_to_the_last_int64_is_kept_and_one_more_refused():
    near = counts_of([b"a", b"b"], [MOST - 2, 1])
    assert as_dict(merge_counts([near, counts_of([b"a"], [2])])) == {b"a": MOST, b"b": 1}
    for parts in ([near, counts_of([b"a"], [3])], [counts_of([b"a"], [2]), counts_of([b"a"], [1]), near]):
        with pytest.raises(CapacityError, match=r"2\^63 - 1"):
            merge_counts(parts)
    assert near.total == MOST - 1
    assert counts_of([b"a", b"b"], [MOST, MOST]).total == 2 * MOST


@pytest.mark.parametrize("words", [[b"b", b"a"], [b"a", b"a"], [b"ab", b"a"], [b"12345678b", b"12345678a"]])
def test_words_out_of_order_are_corruption(words):
    bad = counts_of(words, [1, 1])
    for parts in ([bad, counts_of([b"c"], [1])], [counts_of([b"aa"], [1]), bad]):
        with pytest.raises(CorruptionError, match="order"):
            merge_counts(parts)


def test_nothing_merges_into_nothing():
    assert len(merge_counts([])) == 0
    assert len(merge_counts([counts_of([], []), counts_of([], [])])) == 0


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        (pa.array([b"a"]), np.array([1])),
        (pa.array([b"a", None], pa.large_binary()), np.array([1, 1])),
        (pa.array([b"a"], pa.large_binary()), np.array([1, 2])),
        (pa.array([b"a"], pa.large_binary()), np.array([0])),
        (pa.array([b"a"], pa.large_binary()), np.array([1], np.int32)),
    ],
)
def test_word_counts_are_checked(words, counts):
    with pytest.raises(ValueError, match=r"words|counts|count"):
        WordCounts(words=words, counts=counts)


def test_partitions_are_the_same_on_every_machine():
    words = [b"", b"a", b"b", b"hello", b"hello world, this is long"]
    counts = counts_of(words, [1, 2, 3, 4, 5])
    # From the reference implementation: (xxhash.xxh64(word, seed=0x776F7264).intdigest() >> 32) * 3 >> 32.
    assert [part.words.to_pylist() for part in counts.partition(3)] == [
        [b"", b"a"],
        [b"b", b"hello"],
        [words[4]],
    ]
    with pytest.raises(ValueError, match="parts"):
        counts.partition(0)


def test_word_counts_travel():
    counts = merge_counts([counts_of([b"a"], [1]), counts_of([b"b"], [2])])
    back = pickle.loads(pickle.dumps(counts))
    assert as_dict(back) == as_dict(counts)
