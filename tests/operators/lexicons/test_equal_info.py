"""Equal-information windows (C11): all codes are used, nothing is lost, more context makes windows longer."""

import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.counts import WordCounts, count_words
from pairloom.operators.evaluate.theory import order_entropy, static_ac_ratio, zlib_ratio
from pairloom.operators.learners import Target
from pairloom.operators.learners.equal_info import EqualInfoLearner
from pairloom.operators.lexicons.equal_info import ByteModel, equal_windows
from pairloom.operators.text.pretokenize import Pretokenizer

WHOLE = Pretokenizer(scheme="none")


def counts_of(texts: dict[bytes, int]) -> WordCounts:
    words = sorted(texts)
    return WordCounts(
        words=pa.array(words, pa.large_binary()), counts=np.array([texts[word] for word in words], np.int64)
    )


@given(
    st.dictionaries(st.binary(max_size=9), st.integers(1, 1 << 40), max_size=6),
    st.integers(0, 4),
    st.binary(max_size=5),
)
def test_counts_are_those_of_the_words(texts: dict[bytes, int], order: int, before: bytes) -> None:
    last = before[len(before) - min(order, len(before)) :]
    expected: Counter[int] = Counter()
    for text, count in texts.items():
        for place in range(len(last), len(text)):
            if text[place - len(last) : place] == last:
                expected[text[place]] += count
    found = ByteModel(counts_of(texts), order).following(before)
    assert ({} if found is None else {byte: n for byte, n in enumerate(found.tolist()) if n}) == expected


@given(
    st.dictionaries(st.binary(min_size=1, max_size=12), st.integers(1, 1000), max_size=8),
    st.integers(0, 3),
    st.integers(256, 700),
)
def test_every_code_is_a_string_and_every_beginning_of_one_is_one(
    texts: dict[bytes, int], order: int, codes: int
) -> None:
    found = equal_windows(ByteModel(counts_of(texts), order), codes)
    assert len(found) == len(set(found)) <= codes
    assert {bytes([byte]) for byte in range(256)} <= set(found)
    assert {text[:-1] for text in found if len(text) > 1} <= set(found)


def test_windows_grow_with_what_the_model_knows_and_text_comes_back() -> None:
    folder = Path(random.__file__).parent
    texts = [path.read_text(encoding="utf-8")[:20_000] for path in sorted(folder.glob("s*.py"))[:12]]
    counts = count_words(pa.array(texts), WHOLE)
    target = Target(size=4096, special_tokens=("<|endoftext|>",), pretokenizer=WHOLE)
    each = []
    for order in range(4):
        made = EqualInfoLearner(order=order).learn(counts, target)
        ids = made.encode(pa.array(texts))
        assert made.decode(ids).to_pylist() == [text.encode() for text in texts]
        each.append(sum(len(text.encode()) for text in texts) / len(ids.values))
    assert each == sorted(each)
    # An order of 0 knows the entropy of bytes: a window of 12 bits holds as many as that allows, but for what a whole code costs.
    frequency = Counter(byte for text in texts for byte in text.encode())
    total = frequency.total()
    entropy = -sum(n / total * math.log2(n / total) for n in frequency.values())
    assert 0.75 * 12 / entropy < each[0] < 12 / entropy


def test_compressors_take_what_entropy_says() -> None:
    text = Path(random.__file__).read_bytes()
    frequencies = np.bincount(np.frombuffer(text, np.uint8), minlength=256)
    assert math.isclose(static_ac_ratio(text, frequencies), 8 / order_entropy(text, 0))
    assert static_ac_ratio(text, frequencies, bits=16) == 2 * static_ac_ratio(text, frequencies)
    assert static_ac_ratio(text, frequencies) < zlib_ratio(text)
    with pytest.raises(ValueError, match="a byte of the text has no frequency"):
        static_ac_ratio(b"\x00", frequencies)


def test_the_longest_string_is_the_walk_down_the_tree() -> None:
    rng = random.Random(0)
    text = bytes(rng.choices(b"abcd", [8, 4, 2, 1], k=2000))
    found = set(equal_windows(ByteModel(counts_of({text: 1}), 1), 400))
    assert max(map(len, found)) > 4
    with pytest.raises(ValueError, match="codes must be at least 256, one for each byte, not 255"):
        equal_windows(ByteModel(counts_of({text: 1}), 1), 255)
    with pytest.raises(ValueError, match="order must be from 0 to 6 bytes, not 7"):
        EqualInfoLearner(order=7)
