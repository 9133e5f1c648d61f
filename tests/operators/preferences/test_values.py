"""Values of tokens, held equal to a tree of prefixes that is written out, and what the papers say of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.preferences.values import (
    UNKNOWN,
    advantages,
    critical_weights,
    prefix_values,
    segment_advantages,
    segments_of,
)
from pairloom.operators.reference import preferences as reference

GROUPS = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=8), st.integers(-4, 4)), min_size=1, max_size=7
)


def arrays(sequences: list[list[int]]) -> list[np.ndarray]:
    return [np.array(one, np.uint16) for one in sequences]


@given(GROUPS)
def test_values_and_advantages_are_those_of_the_tree(group: list[tuple[list[int], int]]) -> None:
    sequences, rewards = [one for one, _ in group], [float(reward) for _, reward in group]
    values = prefix_values(arrays(sequences), rewards)
    for one, other in zip(values, reference.prefix_values(sequences, rewards), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    wanted = reference.advantages(sequences, rewards)
    for one, other in zip(advantages(values, rewards, scale=False), wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    scaled, deviation = advantages(values, rewards), np.std(rewards)
    for one, other in zip(scaled, wanted, strict=True):
        np.testing.assert_allclose(one * deviation, np.array(other) * (deviation > 0), atol=1e-9)


@given(GROUPS)
def test_what_tokens_change_adds_up_to_what_the_whole_does(group: list[tuple[list[int], int]]) -> None:
    """N12: along a path the sum of the changes is V(leaf) - V(root), where V(root) is the mean of the group."""
    sequences, rewards = [one for one, _ in group], [float(reward) for _, reward in group]
    values, mean = prefix_values(arrays(sequences), rewards), float(np.mean(rewards))
    if len(set(rewards)) == 1:
        return
    for one, reward, better in zip(values, rewards, advantages(values, rewards, scale=False), strict=True):
        changes = better - (reward - mean)
        np.testing.assert_allclose(changes.sum(), one[-1] - mean, atol=1e-9)


def test_completions_that_share_nothing_part_once() -> None:
    """N12: no shared prefix beyond the prompt, one branching step only; identical ones have no changes at all."""
    values = prefix_values(arrays([[7, 1, 2, 3], [7, 2, 2, 3], [7, 3, 2, 3]]), [1.0, 0.0, 0.5])
    for one, reward in zip(values, (1.0, 0.0, 0.5), strict=True):
        assert one.tolist() == [0.5, reward, reward, reward]
        assert np.count_nonzero(np.diff(one, prepend=0.5)) <= 1
    same = prefix_values(arrays([[7, 1, 2], [7, 1, 2]]), [1.0, 0.0])
    better = advantages(same, [1.0, 0.0], scale=False)
    assert [one.tolist() for one in better] == [[0.5] * 3, [-0.5] * 3]
    assert [one.tolist() for one in advantages(same, [1.0, 1.0])] == [[0.0] * 3] * 2


@given(GROUPS)
def test_labels_are_means_of_the_tree(group: list[tuple[list[int], int]]) -> None:
    """N13: the last label of a completion that no other has or goes on from is its reward; at every depth the labels of all,
    each as probable as it was sampled, add up to the mean of those that are so long."""
    sequences, rewards = [one for one, _ in group], [float(reward) for _, reward in group]
    values = prefix_values(arrays(sequences), rewards)
    for place, (sequence, one) in enumerate(zip(sequences, values, strict=True)):
        others = sequences[:place] + sequences[place + 1 :]
        if not any(other[: len(sequence)] == sequence for other in others):
            assert one[-1] == rewards[place]
    for depth in range(max(map(len, sequences))):
        long = [i for i, one in enumerate(sequences) if len(one) > depth]
        labels = [values[i][depth] for i in long]
        np.testing.assert_allclose(np.mean(labels), np.mean([rewards[i] for i in long]), atol=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_weights_of_a_pair_are_probabilities(probabilities: list[float]) -> None:
    """N16: weights are within [0, 1], the token behind the last weighs 1, and the two sides add up to 1 elsewhere."""
    given = np.array([*probabilities, UNKNOWN])
    chosen, rejected = critical_weights(given, rejected=False), critical_weights(given, rejected=True)
    assert len(chosen) == len(given)
    assert ((chosen >= 0) & (chosen <= 1) & (rejected >= 0) & (rejected <= 1)).all()
    assert chosen[-1] == rejected[-1] == 1
    np.testing.assert_allclose(chosen[:-1] + rejected[:-1], 1)


def test_equal_probabilities_are_plain_preferences_but_for_a_constant() -> None:
    """N16: with 1/2 everywhere both sides weigh the same, so the weighted sum of log ratios is half the plain one."""
    rng = np.random.default_rng(3)
    ratios = rng.normal(size=(2, 9))
    half = np.full(9, 0.5)
    weighted = [critical_weights(half, rejected=side) @ ratios[int(side)] for side in (False, True)]
    np.testing.assert_allclose(weighted[0] - weighted[1], 0.5 * (ratios[0].sum() - ratios[1].sum()))


@given(
    st.lists(st.one_of(st.floats(0, 1), st.just(UNKNOWN)), min_size=1, max_size=20),
    st.sampled_from([0.5, 0.9, 1.5]),
    st.integers(1, 4),
)
def test_segments_tile_a_completion(probabilities: list[float], threshold: float, interval: int) -> None:
    """N18: each token is of one segment, one after another; without a cut there is one, and at interval 1 with a threshold above
    1 each token is one."""
    made = segments_of(np.array(probabilities), threshold=threshold, interval=interval).tolist()
    assert made == reference.segments_of(probabilities, threshold, interval)
    assert made[0] == 1
    assert set(np.diff(made).tolist()) <= {0, 1}
    if all(one >= 0 for one in probabilities):
        assert segments_of(np.array(probabilities), threshold=1.5).tolist() == list(range(1, len(made) + 1))
    assert segments_of(np.ones(len(made))).tolist() == [1] * len(made)


def test_the_advantage_of_a_segment_is_what_it_changes() -> None:
    """N18: V(next cut) - V(cut), so that all of them add up to what the whole completion changes."""
    segments = segments_of(np.array([0.99, 0.2, 0.95, 0.1]))
    found = segment_advantages(segments, [0.5, 0.25, 0.75, 1.0])
    assert found.tolist() == [-0.25, 0.5, 0.5, 0.25]
    assert found[[0, 1, 3]].sum() == pytest.approx(0.5)
