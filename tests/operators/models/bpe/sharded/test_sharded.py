"""Sharded learning: real text, edges, limits and refusals."""

import pathlib
import random
import sysconfig
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, WordCounts, count_words, learn_bpe
from pairloom.operators.errors import CapacityError, RecipeError
from pairloom.operators.models.bpe.sharded import (
    ByteWords,
    Coordinator,
    Partition,
    byte_ids,
    learn_sharded,
    partition_memory,
)
from pairloom.operators.models.bpe.sharded.messages import Round

MOST = (1 << 63) - 1


def counts_of(words: dict[bytes, int]) -> WordCounts:
    ordered = sorted(words)
    return WordCounts(
        words=pa.array(ordered, pa.large_binary()), counts=np.array([words[w] for w in ordered], np.int64)
    )


def test_the_standard_librarys_vocabulary_is_the_same_file_from_any_partitions():
    folder = pathlib.Path(sysconfig.get_path("stdlib"))
    texts = pa.array([path.read_text(errors="replace") for path in sorted(folder.glob("*.py"))])
    counts = count_words(texts, Pretokenizer())
    options = {"special_tokens": ["<|end|>", "<|pad|>"], "pretokenizer": Pretokenizer()}
    single = learn_bpe(counts, 8258, **options).to_json()
    calls = []
    for parts in (2, 8):
        rounds = calls.append if parts == 2 else lambda _: None
        sharded = learn_sharded(
            counts.partition(parts), 8258, **options, progress=lambda *seen, rounds=rounds: rounds(seen)
        )
        assert sharded.to_json() == single
    assert calls[-1] == (8000, 8000)
    assert calls == sorted(calls)
    assert len(calls) < 250  # rounds: a merge each would be 8,000


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        ({b"aaa": 1}, [b"aa", b"aaa"]),
        ({b"aaaa": 1}, [b"aa", b"aaaa"]),
        ({b"aaaaa": 2}, [b"aa", b"aaa", b"aaaaa"]),
        ({b"abab": 1}, [b"ab", b"abab"]),
        ({b"ababa": 1, b"ba": 1}, [b"ba", b"aba", b"ababa"]),
        ({b"a": 9, b"b": 9}, []),
        ({}, []),
    ],
)
def test_runs_and_overlaps(words, tokens):
    assert list(learn_sharded([counts_of(words)], 266).tokens[256:]) == tokens


def test_parts_may_share_words_and_may_be_empty():
    one, two = {b"abc": 2, b"bcd": 1}, {b"abc": 1, b"cd": 4}
    both = {b"abc": 3, b"bcd": 1, b"cd": 4}
    parts = [counts_of(one), counts_of({}), counts_of(two)]
    assert learn_sharded(parts, 300) == learn_bpe(counts_of(both), 300)
    assert learn_sharded([], 300) == learn_bpe(counts_of({}), 300)


def test_megabyte_words_and_bytes_of_any_kind():
    rng = random.Random(1)
    words = {b"ab" * 500_000: 1, b"a" * 1_000_000: 1, b"abc" * 333_333: 3, bytes(range(256)) * 20: 7}
    words |= {rng.randbytes(rng.randint(1, 90)): rng.randint(1, 1 << 50) for _ in range(2_000)}
    single = learn_bpe(counts_of(words), 456)
    assert learn_sharded(counts_of(words).partition(3), 456) == single
    assert learn_sharded(counts_of(words).partition(3), 456, merges=single.model.merges[:77]) == single


@pytest.mark.parametrize("parts", [[{b"ab": MOST}, {b"ab": 1}], [{b"aaa": MOST // 2 + 1}]])
def test_a_pair_past_int64_is_refused(parts):
    with pytest.raises(CapacityError, match=r"2\^63 - 1"):
        learn_sharded([counts_of(words) for words in parts], 300)
    last = learn_sharded([counts_of({b"ab": MOST - 1}), counts_of({b"ab": 1, b"cd": MOST - 1})], 300)
    assert last.tokens[256:] == (b"ab", b"cd")


def test_options_are_refused_as_by_one_learner():
    with pytest.raises(ValueError, match="257 tokens"):
        learn_sharded([], 256, special_tokens=["<|a|>"])
    with pytest.raises(ValueError, match="min_count"):
        learn_sharded([], 300, min_count=-1)
    with pytest.raises(RecipeError, match="also what merge"):
        learn_sharded([counts_of({b" ab": 1})], 300, special_tokens=["Ġab"])
    with pytest.raises(ValueError, match="same token"):
        learn_sharded([counts_of({b"abc": 1})], 300, merges=np.array([[66, 67]] * 2, np.int32))
    with pytest.raises(CapacityError, match="too large"):
        Coordinator(first=256, merges=1 << 24)


def test_partitions_refuse_what_is_out_of_turn():
    counts = counts_of({b"abc": 1})
    partition = Partition(ByteWords([counts], byte_ids(0), 256))
    nothing = np.zeros((0, 2), np.int32)
    message = Round(kept=np.ones(3, np.bool_), listed=nothing, hot=None, batch=nothing, base=256)
    with pytest.raises(ValueError, match="where to begin"):
        partition.answer(message)
    partition.answer(Coordinator(first=256, merges=9).next())
    with pytest.raises(ValueError, match="3 pairs are settled, but 0"):
        partition.answer(message)
    coordinator = Coordinator(first=256, merges=9)
    coordinator.next()
    with pytest.raises(ValueError, match="were not taken"):
        coordinator.next()


@pytest.mark.parametrize(
    ("words", "letters", "merges"),
    [(60_000, 26, 3_000), (5_000, 256, 200), (30_000, 3, 500), (30_000, 2, 300)],
)
def test_a_partition_allocates_no_more_than_projected(words, letters, merges):
    rng = random.Random(words + letters)
    counts = counts_of(
        {bytes(rng.choices(range(letters), k=rng.randint(4, 40))): rng.randint(1, 50) for _ in range(words)}
    )
    learn_sharded([counts_of({b"abcabc": 1})], 300)  # what compiling and loading allocate is not meant
    symbols = len(counts.words.buffers()[2])
    whole = learn_bpe(counts, 256 + merges).model.merges
    tracemalloc.start()
    learned = learn_sharded([counts], 256 + merges)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert learned.model.merges.tolist() == whole.tolist()
    assert symbols < peak <= partition_memory(len(counts), symbols) - 180_000_000
