"""The step `spans`: what a field says of the characters of the text."""

from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.documents import DocumentBatch, apply_step, spans_of
from pairloom.operators.documents.spans import Spans
from pairloom.operators.errors import RecipeError


def batch(*given: Any) -> DocumentBatch:
    return DocumentBatch.of(["abcdé"] * len(given), fields={"spans": pa.array(given)})


@pytest.mark.parametrize(
    "given",
    [
        '[{"start": 1, "end": 3}]',
        "[[1, 3]]",
        '[{"start": 1, "end": 3, "value": 1}]',
        [{"start": 1, "end": 3, "value": 1.0}],
        [[1, 3, 1]],
    ],
)
def test_every_way_to_write_a_span(given: Any) -> None:
    after = apply_step(Spans(), batch(given))
    assert after.spans["loss_mask"].to_pylist() == [[{"start": 1, "end": 3, "value": 1.0}]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "is no list of spans"),
        ("7", "is no list of spans"),
        ("[", "is no JSON"),
        ("[[1]]", "span 0 of field 'spans' is no"),
        ("[[0, 2], [1, true]]", "span 1 of field 'spans' is no"),
        ("[[0, 6]]", "from character 0 to 6 of a text of 5"),
        ("[[3, 2]]", "from character 3 to 2"),
        ("[[0, 2], [1, 3]]", "overlap at character 1"),
        ("[[0, 2, 0.5]]", "a mask has 0 or 1"),
        ("[[0, 2, NaN]]", "a mask has 0 or 1"),
    ],
)
def test_what_is_no_span_is_a_dead_letter(given: Any, said: str) -> None:
    after = apply_step(Spans(), DocumentBatch.of(["abcdé", "ab"], fields={"spans": [given, "[]"]}))
    assert len(after) == 1
    (letter,) = after.rejected
    assert letter.reason == "spans_invalid"
    assert said in letter.detail


def test_weights_are_any_number_that_fits() -> None:
    after = apply_step(Spans(column="loss_weight"), batch("[[0, 2, 0.5]]"))
    assert after.spans["loss_weight"].to_pylist()[0][0]["value"] == 0.5
    for said in ("NaN", "Infinity", "-1", "70000"):
        after = apply_step(Spans(column="loss_weight", dtype="float16"), batch(f"[[0, 2, {said}]]"))
        assert after.rejected[0].reason == "spans_invalid"


def test_spans_stay_with_their_documents() -> None:
    made = batch("[[0, 1]]", "[[1, 2]]", "[[2, 3]]")
    made = apply_step(Spans(), made)
    starts = [[row[0]["start"] for row in one.spans["loss_mask"].to_pylist()] for one in (
        made.take([2, 0]), made.filter([False, True, True]), made.part(1, 2), made.drop([True, False, False], "x"),
        DocumentBatch.concat([made.part(0, 1), made.part(1, 3)]),
    )]  # fmt: skip
    assert starts == [[2, 0], [1, 2], [1], [1, 2], [0, 1, 2]]
    with pytest.raises(ValueError, match="different spans"):
        DocumentBatch.concat([made, batch("[[0, 1]]")])
    with pytest.raises(ValueError, match="1 lists for 3 documents"):
        made.with_spans(loss_mask=spans_of([[]]))


def test_other_text_needs_other_spans() -> None:
    made = apply_step(Spans(), batch("[[0, 1]]"))
    assert made.with_content(["abcdé"]).spans
    with pytest.raises(RecipeError, match="gives other text to documents that have spans"):
        made.with_content(["x"])
    assert made.with_content(["x"], spans={}).spans == {}


def test_a_mask_has_no_half_outside() -> None:
    with pytest.raises(ValueError, match="outside must be 0 or 1 of a mask"):
        Spans(outside=0.5)
