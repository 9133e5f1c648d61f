"""The hash is XXH64, whatever the length, the seed and the slice."""

import numpy as np
import pyarrow as pa
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.kernels.hashing import hash_bytes, hash_text, mixed
from pairloom.operators.reference.hashing import mixed as mixed_by_hand
from pairloom.operators.reference.hashing import xxh64
from pairloom.operators.text.arrays import text_of


@given(st.binary(max_size=300), st.integers(0, 2**64 - 1))
def test_hash_is_xxh64(data: bytes, seed: int) -> None:
    assert hash_bytes(data, seed) == xxhash.xxh64_intdigest(data, seed) == xxh64(data, seed)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_numbers_are_mixed_as_by_hand(numbers: list[int]) -> None:
    assert mixed(np.array(numbers, np.uint64)).tolist() == [mixed_by_hand(x) for x in numbers]


@given(st.lists(st.none() | st.text(max_size=80), max_size=20), st.integers(0, 5))
def test_a_slice_hashes_like_its_documents(texts: list[str | None], skip: int) -> None:
    array = pa.array(texts, pa.string()).slice(skip)
    expected = [xxhash.xxh64_intdigest((text or "").encode()) for text in texts[skip:]]
    assert hash_text(text_of(array)).tolist() == expected
