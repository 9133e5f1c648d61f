"""Mixtures are inferred from merges: traces equal merging by hand, and known mixtures come back."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, WordCounts, count_words, learn_bpe, merge_counts
from pairloom.operators.evaluate.mixture_inference import COMPETITORS, infer_mixture, list_rivals, log10_mse
from pairloom.operators.evaluate.trace import Trace, add_traces, merge_trace, scanned_trace
from pairloom.operators.reference.evaluate import rivals
from pairloom.operators.reference.models.bpe.learning import apply_merge, pair_counts
from tests.support.corpora import documents

CUT = Pretokenizer(scheme="gpt2")


def same(one: Trace, other: Trace) -> None:
    for name in ("pairs", "counts", "changed", "change", "ends"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def check_trace(counts: WordCounts, learned_from: WordCounts, size: int) -> None:
    vocabulary = learn_bpe(learned_from, size, special_tokens=["<s>"], pretokenizer=CUT)
    trace = merge_trace(vocabulary, counts, 1000)
    same(trace, scanned_trace(vocabulary, counts, 1000))
    same(merge_trace(vocabulary, counts, 7), scanned_trace(vocabulary, counts, 7))
    words = {
        tuple(vocabulary.token_to_id(bytes([b])) for b in word.as_py()): int(n)
        for word, n in zip(counts.words, counts.counts, strict=True)
    }
    before = pair_counts(words)
    assert dict(zip(trace.pairs.tolist(), trace.counts.tolist(), strict=True)) == {
        a << 32 | b: n for (a, b), n in before.items()
    }
    low = 0
    for rank, (left, right) in enumerate(vocabulary.model.merges.tolist()):
        product = vocabulary.token_to_id(vocabulary.tokens[left] + vocabulary.tokens[right])
        words = {apply_merge(word, (left, right), product): n for word, n in words.items()}
        after = pair_counts(words)
        expected = {
            a << 32 | b: after[a, b] - before[a, b]
            for a, b in {*before, *after}
            if after[a, b] != before[a, b]
        }
        high = int(trace.ends[rank])
        assert (
            dict(zip(trace.changed[low:high].tolist(), trace.change[low:high].tolist(), strict=True))
            == expected
        )
        before, low = after, high


def test_a_trace_is_what_merging_word_by_word_gives() -> None:
    some = count_words(pa.array([text for _, text in documents(40, 1)]), CUT)
    others = count_words(pa.array([text for _, text in documents(40, 2)]), CUT)
    check_trace(some, others, 360)


def test_traces_of_parts_add_up() -> None:
    counts = count_words(pa.array([text for _, text in documents(40, 1)]), CUT)
    vocabulary = learn_bpe(counts, 330, pretokenizer=CUT)
    whole = merge_trace(vocabulary, counts, 60)
    parts = [merge_trace(vocabulary, part, 60) for part in counts.partition(3)]
    nothing = merge_trace(vocabulary, counts.partition(2000)[0], 60)
    added = add_traces([*parts, nothing])
    same(added, whole)
    with pytest.raises(ValueError, match="the same merges"):
        add_traces([whole, merge_trace(vocabulary, counts, 3)])


@settings(max_examples=40)
@given(st.text("ab", min_size=1, max_size=40), st.text("ab", max_size=40))
def test_traces_of_repetitive_words(one: str, two: str) -> None:
    counts = count_words(pa.array([one + " " + two]), CUT)
    check_trace(counts, counts, 280)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 29), st.integers(0, 8), st.lists(st.tuples(st.integers(0, 29), st.integers(-40, 40)))
    ),
    max_size=12,
)


@given(st.lists(st.integers(0, 60), min_size=30, max_size=30), STEPS)
def test_rivals_are_those_above_what_was_merged(
    start: list[int], steps: list[tuple[int, int, list[tuple[int, int]]]]
) -> None:
    """Which of equal rivals are listed is open, so their values are compared."""
    values = [float(value) for value in start]
    edits = [[(place, float(change)) for place, change in step[2]] for step in steps]
    ends = np.cumsum([0, *(len(step) for step in edits)])
    merges, pairs = list_rivals(
        np.array(values),
        np.array([step[0] for step in steps], np.int64),
        np.array([step[1] for step in steps], np.float64),
        ends.astype(np.int64),
        np.array([place for step in edits for place, _ in step], np.int64),
        np.array([change for step in edits for _, change in step], np.float64),
    )
    expected = rivals(values, [s[0] for s in steps], [float(s[1]) for s in steps], edits, COMPETITORS)
    for merge, wanted in enumerate(expected):
        found = pairs[merges == merge].tolist()
        assert len(set(found)) == len(found)
        assert [values[i] for i in found] == [values[i] for i in wanted]
        for place, change in edits[merge]:
            values[place] += change


def category(letters: str, seed: int) -> list[str]:
    """Documents in a made-up language: words of its letters, some much more frequent than others."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(letters, k=rng.randint(2, 7))) for _ in range(600)]
    weights = [1 / (i + 3) for i in range(len(words))]
    return [" ".join(rng.choices(words, weights, k=60)) for _ in range(240)]


def halves(letters: str, seed: int) -> tuple[WordCounts, WordCounts]:
    made = category(letters, seed)
    random.Random(seed + 1).shuffle(made)
    return tuple(count_words(pa.array(part), CUT) for part in (made[::2], made[1::2]))  # type: ignore[return-value]


def scaled(counts: WordCounts, share: float) -> WordCounts:
    """The words with their counts times a share of 1000 kB."""
    size = sum(len(w.as_py()) * int(n) for w, n in zip(counts.words, counts.counts, strict=True))
    return WordCounts(
        words=counts.words,
        counts=np.maximum(1, (counts.counts * (share * 1e7 / size)).round()).astype(np.int64),
    )


@pytest.mark.parametrize("shares", [(0.4, 0.3, 0.2, 0.1), (0.05, 0.15, 0.1, 0.7)])
def test_a_known_mixture_is_found_from_the_other_halves(shares: tuple[float, ...]) -> None:
    names = ("one", "two", "three", "four")
    parts = [
        halves(letters, 10 * i) for i, letters in enumerate(("etaoinsh", "etaiburl", "xzqkvwet", "bcdfghja"))
    ]
    learned_from = merge_counts([scaled(own, share) for (own, _), share in zip(parts, shares, strict=True)])
    vocabulary = learn_bpe(learned_from, 256 + 300, pretokenizer=CUT)
    found = infer_mixture(
        vocabulary, {name: other for name, (_, other) in zip(names, parts, strict=True)}, merges=300
    )
    assert found.settled
    assert sum(found.shares.values()) == pytest.approx(1)
    truth = dict(zip(names, shares, strict=True))
    assert log10_mse(found.shares, truth) <= -3
    exact = infer_mixture(
        vocabulary, {name: own for name, (own, _) in zip(names, parts, strict=True)}, merges=300
    )
    assert log10_mse(exact.shares, truth) <= -4
    assert exact.loss <= found.loss


def test_what_cannot_be_a_mixture_is_refused() -> None:
    counts = count_words(pa.array(["ab ab"]), CUT)
    vocabulary = learn_bpe(counts, 258, pretokenizer=CUT)
    with pytest.raises(ValueError, match="at least two"):
        infer_mixture(vocabulary, {"a": counts})
    with pytest.raises(ValueError, match="'b' has no pairs"):
        infer_mixture(vocabulary, {"a": counts, "b": count_words(pa.array(["a"]), CUT)})
    with pytest.raises(ValueError, match="cannot be compared"):
        log10_mse({"a": 1.0}, {"b": 1.0})
