"""The step that keeps a share of documents."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.documents.sample import Sample

TEXTS = [f"document {i}" for i in range(4000)]


def kept(texts: list[str], share: float, seed: int = 0) -> list[str]:
    return list(Sample(share=share, seed=seed)(DocumentBatch.of(texts)).content.to_pylist())


def test_a_text_is_kept_wherever_it_stands() -> None:
    """By XXH64 of its bytes alone: in any order, in any batch, beside any others."""
    stream = xxhash.xxh64_intdigest(b"pairloom: sample 0")
    expected = [t for t in TEXTS if xxhash.xxh64_intdigest(t.encode(), stream) < 2**64 // 10 + 1]
    assert kept(TEXTS, 0.1) == expected
    assert sorted(kept(TEXTS[::-1], 0.1)) == sorted(expected)
    assert [text for i in range(0, 4000, 7) for text in kept(TEXTS[i : i + 7], 0.1)] == expected


def test_shares_are_nested_and_what_they_say() -> None:
    few, more = set(kept(TEXTS, 0.1)), set(kept(TEXTS, 0.3))
    assert few < more
    # Four standard deviations of a binomial distribution: 6 in 100,000 seeds are further off, and this one is not.
    for share, there in ((0.1, few), (0.3, more)):
        assert abs(len(there) - 4000 * share) < 4 * np.sqrt(4000 * share * (1 - share))
    assert kept(TEXTS, 1.0) == TEXTS
    assert set(kept(TEXTS, 0.1, seed=1)) != few


def test_copies_stay_together() -> None:
    twice = kept(TEXTS + TEXTS, 0.2)
    assert twice == kept(TEXTS, 0.2) * 2


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.uint16()])
def test_given_tokens_are_chosen_by_their_ids(kind: pa.DataType) -> None:
    ids = pa.array([[i, i + 1] for i in range(1000)], pa.large_list(kind))
    batch = DocumentBatch.of([""] * 1000)
    chosen = Sample(share=0.1)(replace(batch, given={"input_ids": ids}))
    wide = Sample(share=0.1)(replace(batch, given={"input_ids": ids.cast(pa.large_list(pa.int64()))}))
    assert 0 < len(chosen) < 200
    assert chosen.row.equals(wide.row)
    part = Sample(share=0.1)(replace(batch.part(500, 1000), given={"input_ids": ids.slice(500)}))
    assert part.row.to_pylist() == [row for row in chosen.row.to_pylist() if row >= 500]


@pytest.mark.parametrize(("share", "seed"), [(0, 0), (1.1, 0), (-0.1, 0), (0.5, -1)])
def test_what_it_refuses(share: float, seed: int) -> None:
    with pytest.raises(ValueError, match=r"share must be above 0|seed must be from 0"):
        Sample(share=share, seed=seed)
