"""Batches of documents: everything that belongs to a document stays with it, and nothing is lost in silence."""

import pickle

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.documents import DocumentBatch

texts = st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=8)


def batch_of(content):
    places = range(len(content))
    return DocumentBatch.of(
        content,
        id=[f"d{i}" for i in places],
        row=[3 * i for i in places],
        uri="file:///x",
        fields={"n": list(places)},
    )


def rows(batch):
    return list(
        zip(
            batch.row.to_pylist(),
            batch.id.to_pylist(),
            batch.content.to_pylist(),
            batch.fields["n"].to_pylist(),
            strict=True,
        )
    )


@given(texts, st.data())
def test_what_is_left_out_is_counted_and_the_rest_stays_together(content, data):
    batch = batch_of(content)
    mask = data.draw(st.lists(st.booleans(), min_size=len(content), max_size=len(content)))
    lost = [row for row, out in zip(rows(batch), mask, strict=True) if out]
    kept = [row for row, out in zip(rows(batch), mask, strict=True) if not out]
    dropped = batch.drop(mask, "why").drop([False] * len(kept), "never")
    assert rows(dropped) == kept
    assert dict(dropped.dropped) == ({"why": len(lost)} if lost else {})
    rejected = batch.reject(mask, "slug", "said")
    assert rows(rejected) == kept
    assert [(one.row, one.position, one.reason, one.detail) for one in rejected.rejected] == [
        (row, f"row {row}", "slug", "said") for row, *_ in lost
    ]
    assert dropped.records == rejected.records == len(content)
    assert rows(batch.filter([not out for out in mask])) == kept


@given(texts, st.integers(0, 8))
def test_parts_make_the_whole_again(content, at):
    batch, at = batch_of(content), min(at, len(content))
    again = DocumentBatch.concat([batch.part(0, at), batch.part(at, len(content))])
    assert rows(again) == rows(batch)
    assert rows(pickle.loads(pickle.dumps(again))) == rows(batch)


def test_masks_and_columns_have_the_length_of_the_batch():
    batch = batch_of(["a", "b"])
    for wrong in ([True], [True, None], ["x", "y"], [0, 1]):
        with pytest.raises(ValueError, match="mask"):
            batch.drop(wrong)
    with pytest.raises(ValueError, match="1 texts for 2 documents"):
        batch.with_content(["x"])
    with pytest.raises(ValueError, match="1 of 2 are null"):
        batch.with_content(["x", None])
    with pytest.raises(ValueError, match="'n': 3 values for 2 documents"):
        batch.with_fields(n=[1, 2, 3])
    other = batch.with_content(pa.chunked_array([["é"], ["z"]])).with_fields(n=[7, 8], m=[None, "y"])
    assert rows(other) == [(0, "d0", "é", 7), (3, "d1", "z", 8)]
    assert other.bytes == 3
    with pytest.raises(ValueError, match="different fields"):
        DocumentBatch.concat([batch, other])
