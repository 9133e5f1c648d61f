"""Counting words: equal to a dictionary, whatever the batches, the merges and the partitions."""

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, WordCounter, WordCounts, count_words, merge_counts
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.reference.counts import count_words as specified
from pairloom.operators.reference.counts import merge_words

# Words around the sizes at which the table changes its ways (8, 15, 16 bytes), over bytes that padding could hide.
words = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text(alphabet="\0a", min_size=1, max_size=20).map(str.encode),
    st.builds(
        bytes.__add__,
        st.sampled_from([b"x" * 7, b"y" * 8, b"z" * 15, b"w" * 16, b"v" * 100]),
        st.text(alphabet="\0a", max_size=9).map(str.encode),
    ),
)


def counted(pieces: list[bytes], batch: int) -> WordCounts:
    counter = WordCounter(Pretokenizer())
    data = np.frombuffer(b"".join(pieces), np.uint8)
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    start = 0
    for low in range(0, len(pieces), batch):
        block = ends[low : low + batch]
        counter.add_pieces(data, start, block)
        start = int(block[-1])
    return counter.finish()


def as_dict(counts: WordCounts) -> dict[bytes, int]:
    return dict(zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True))


def counts_of(mapping: dict[bytes, int]) -> WordCounts:
    ordered = sorted(mapping)
    return WordCounts(
        words=pa.array(ordered, pa.large_binary()), counts=np.array([mapping[w] for w in ordered], np.int64)
    )


def assert_same(left: WordCounts, right: WordCounts) -> None:
    assert left.words.equals(right.words)
    assert np.array_equal(left.counts, right.counts)


@given(st.lists(words, max_size=300), st.integers(1, 100))
@settings(max_examples=200)
def test_counts_are_those_of_a_dictionary_in_the_order_of_the_bytes(pieces, batch):
    counts = counted(pieces, batch)
    assert list(as_dict(counts).items()) == sorted(Counter(pieces).items())
    assert counts.total == len(pieces)


# Characters that every Unicode version in use has assigned: `regex` knows newer ones than the frozen tables.
assigned = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=60)


@given(st.lists(st.one_of(st.none(), assigned), max_size=12), st.integers(0, 3), st.integers(1, 4))
def test_documents_are_counted_as_specified(documents, skip, chunk):
    pretokenizer = Pretokenizer(scheme="gpt2")
    array = pa.array(documents, pa.string())[skip:]
    chunked = pa.chunked_array([array[i : i + chunk] for i in range(0, len(array), chunk)], pa.string())
    expected = specified([d for d in array.to_pylist() if d], pretokenizer.patterns)
    assert as_dict(count_words(array, pretokenizer)) == expected
    assert_same(count_words(chunked, pretokenizer), count_words(array.cast(pa.large_string()), pretokenizer))


mappings = st.dictionaries(words, st.integers(1, 1 << 55), max_size=40)


@given(st.lists(mappings, max_size=7), st.randoms(use_true_random=False))
def test_merging_adds_up_in_any_order_and_grouping(parts, random):
    total: Counter[bytes] = Counter()
    for part in parts:
        total.update(part)
    counts = [counts_of(part) for part in parts]
    whole = merge_counts(counts)
    assert as_dict(whole) == dict(sorted(total.items()))
    random.shuffle(counts)
    assert_same(merge_counts(iter(counts)), whole)
    cut = random.randint(0, len(counts))
    assert_same(merge_counts([merge_counts(counts[:cut]), merge_counts(counts[cut:])]), whole)


@given(mappings, st.integers(1, 9))
def test_partitions_cover_are_disjoint_ascend_and_follow_the_hash(mapping, parts):
    counts = counts_of(mapping)
    split = counts.partition(parts)
    assert len(split) == parts
    assert_same(merge_counts(split), counts)
    assert sum(len(part) for part in split) == len(counts)
    for i, part in enumerate(split):
        held = part.words.to_pylist()
        assert held == sorted(held)
        assert all((hash_bytes(word, 0x776F7264) >> 32) * parts >> 32 == i for word in held)


@given(*[st.dictionaries(words, st.integers(1, 2**40), max_size=30)] * 2)
def test_two_counts_merge_as_their_lists(left: dict[bytes, int], right: dict[bytes, int]) -> None:
    parts = [
        WordCounts(
            words=pa.array(sorted(part), pa.large_binary()),
            counts=np.array([part[word] for word in sorted(part)], np.int64),
        )
        for part in (left, right)
    ]
    merged = merge_counts(parts)
    expected = merge_words(sorted(left.items()), sorted(right.items()))
    assert list(zip(merged.words.to_pylist(), merged.counts.tolist(), strict=True)) == expected
