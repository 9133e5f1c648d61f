"""Sequential BPE as a vocabulary (C12): every merge from words of its own, encoded as any other merges are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.counts.drawing import golden_step
from pairloom.operators.models.bpe.sequential import PART_WORDS, learn_sequential
from pairloom.operators.reference.counts import draw
from pairloom.operators.reference.models.bpe.sequential import sequential_merges
from pairloom.operators.vocabulary import byte_order

CUT = Pretokenizer(scheme="gpt2")
ORDER = byte_order().tolist()


@given(
    st.lists(st.text("ab é\n1", max_size=60), max_size=8),
    st.integers(0, 12),
    st.integers(1, 4),
)
def test_merges_are_those_of_the_twin(texts: list[str], merges: int, threshold: int) -> None:
    counts = count_words(pa.array(texts, pa.large_string()), CUT)
    words = list(zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True))
    order = draw(words, golden_step(counts.total)) if words else []
    symbols = [[ORDER.index(byte) for byte in word] for word in order]
    size = min(PART_WORDS, max(1, len(symbols) // max(1, merges)))
    parts = [symbols[i : i + size] for i in range(0, len(symbols), size)][:merges]
    vocabulary = learn_sequential(
        counts, 257 + merges, special_tokens=["<|e|>"], pretokenizer=CUT, min_count=threshold
    )
    found = [(left - 1, right - 1) for left, right in vocabulary.model.merges.tolist()]
    assert found == sequential_merges(parts, 256, threshold)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_text_comes_back_and_costs_nearly_what_it_costs_by_merges_of_all_words() -> None:
    texts = pa.array(
        [f"the {i % 17}th cat sat on the mat of house {i % 7}, and that was that\n" for i in range(4000)]
    )
    counts = count_words(texts, CUT)
    one, other = (learn(counts, 290, pretokenizer=CUT) for learn in (learn_sequential, learn_bpe))
    assert len(one) == len(other) == 290
    ids = one.encode(texts)
    assert one.decode(ids).to_pylist() == [text.encode() for text in texts.to_pylist()]
    assert len(ids.values) < 1.1 * len(other.encode(texts).values)


def test_no_merge_is_of_two_words() -> None:
    counts = count_words(pa.array(["x y"] * 100), Pretokenizer(scheme="whitespace"))
    assert len(learn_sequential(counts, 300)) == 257  # ` y`, and nothing after it
    assert np.array_equal(
        learn_sequential(counts, 300).model.merges, [[ORDER.index(32), ORDER.index(ord("y"))]]
    )


def test_options_that_cannot_be_are_refused() -> None:
    counts = count_words(pa.array(["a"]), CUT)
    with pytest.raises(ValueError, match="too small"):
        learn_sequential(counts, 255)
    with pytest.raises(ValueError, match="empty"):
        learn_sequential(counts, 300, special_tokens=[""])
