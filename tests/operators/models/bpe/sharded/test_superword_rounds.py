"""The second stage of superwords in rounds: what one learner learns, however pieces are spread and whoever begins anew."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary, WordCounts, count_words, learn_bpe, learn_superwords, segment_words
from pairloom.operators.models.bpe.sharded import (
    Partition,
    TokenWords,
    learn_superwords_sharded,
    superwords_coordinator,
)
from pairloom.operators.models.bpe.sharded.driving import drive
from pairloom.operators.reference.models.bpe.superwords import passed_over
from tests.operators.models.bpe.test_bpe_properties import counts_of
from tests.operators.models.bpe.test_superwords_properties import (
    STAGE_1,
    STAGE_2,
    learned,
    pieces_of_few_letters,
    sample,
    words_within,
)

limits = st.fixed_dictionaries(
    {
        "max_words": st.sampled_from([None, 1, 2, 4]),
        "forbid": st.sampled_from([(), (": ",), (": a", "b", "aab"), (" a a a",)]),
        "min_count": st.integers(0, 4),
    }
)


def spread(base: Vocabulary, counts: WordCounts, members: int) -> list[list]:
    """The pieces of each member, in two parts where there are enough."""
    parts = counts.partition(2 * members)
    return [[segment_words(base, part) for part in parts[i::members]] for i in range(members)]


@given(
    words_within,
    pieces_of_few_letters,
    st.integers(0, 25),
    st.integers(0, 40),
    limits,
    st.sampled_from([1, 2, 3, 8]),
    st.sampled_from([(1, 2), (2, 64), (32, 512)]),
)
@settings(max_examples=100, deadline=None)
def test_sharded_is_single(words, pieces, first, more, options, members, batches):
    base = learn_bpe(counts_of(words), 256 + first)
    options |= {"pretokenizer": STAGE_2}
    single = learn_superwords(base, [segment_words(base, counts_of(pieces))], len(base) + more, **options)
    sharded = learn_superwords_sharded(
        base,
        spread(base, counts_of(pieces), members),
        len(base) + more,
        least_batch=batches[0],
        most_batch=batches[1],
        **options,
    )
    assert sharded.model.merges.tolist() == single.model.merges.tolist()
    assert sharded == single


@given(
    words_within,
    pieces_of_few_letters,
    st.integers(1, 40),
    limits,
    st.sampled_from([None, 1, 2, 7, 1000]),
    st.sampled_from([None, 1, 5]),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_it_goes_on_from_any_merge_and_any_lost_partition_wherever_lists_begin(
    words, pieces, more, options, threshold, most_hot, data
):
    base = learn_bpe(counts_of(words), 262)
    size = len(base) + more
    whole = learn_superwords(
        base, [segment_words(base, counts_of(pieces))], size, pretokenizer=STAGE_2, **options
    )
    expected = whole.model.merges[len(base.model.merges) :].tolist()
    done = np.array(expected[: data.draw(st.integers(0, len(expected)))], np.int32).reshape(-1, 2)
    coordinator = superwords_coordinator(
        base, size, given=done, least_batch=2, most_batch=8, threshold=threshold, most_hot=most_hot, **options
    )
    parts = spread(base, counts_of(pieces), 2)
    partitions = [Partition(TokenWords(part, base)) for part in parts]
    while (message := coordinator.next()) is not None:
        replies = []
        for i in range(2):
            if data.draw(st.booleans()):  # lost, before it could answer
                partitions[i] = Partition(TokenWords(parts[i], base))
                replies.append([partitions[i].answer(told) for told in coordinator.anew()][-1])
            else:
                replies.append(partitions[i].answer(message))
        coordinator.take(replies)
    assert coordinator.merges.tolist() == expected


def test_real_text_gives_the_same_file_from_any_partitions():
    counts = count_words(pa.array(sample()), STAGE_2)
    base = learn_bpe(count_words(pa.array(sample()), STAGE_1), 1800, special_tokens=["<|end|>"])
    rounds: list[tuple[int, int]] = []
    for members in (1, 5):
        vocabulary = learn_superwords_sharded(
            base,
            spread(base, counts, members),
            3000,
            pretokenizer=STAGE_2,
            progress=lambda *seen: rounds.append(seen),
        )
        assert vocabulary.to_json() == learned().to_json()
    assert rounds[-1] == (1200, 1200)
    assert len(rounds) < 2 * 120  # a round for each merge would be 1,200
    free = learn_superwords_sharded(
        base, spread(base, counts, 2), 3000, pretokenizer=STAGE_2, max_words=None, forbid=()
    )
    assert free == learned(max_words=None, forbid=())


def test_rejected_pairs_are_never_on_trial():
    base = learn_bpe(counts_of({b"ab": 2}), 257)
    pieces = counts_of({b"ab: ab: ab ab ab": 9, b"ab ab ab ab: x": 5})
    tried: list[tuple[int, int]] = []
    coordinator = superwords_coordinator(base, 300, max_words=2, forbid=[": "])
    partition = Partition(TokenWords([segment_words(base, pieces)], base))
    answer = partition.answer

    def watched(message):
        tried.extend(map(tuple, coordinator._batch.tolist()))
        return answer(message)

    partition.answer = watched
    drive(coordinator, [partition])
    tokens = list(base.tokens)
    for left, right in coordinator.merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    assert len(tried) >= len(coordinator.merges) > 3
    assert not any(passed_over(tokens[left] + tokens[right], 2, [b": "]) for left, right in tried)


@pytest.mark.parametrize(
    ("options", "message"), [({"size": 299}, "300 tokens already"), ({"max_words": 0}, "max_words")]
)
def test_wrong_options_are_refused_as_by_one_learner(options, message):
    base = learn_bpe(count_words(pa.array(sample()[:3]), STAGE_1), 300)
    with pytest.raises(ValueError, match=message):
        learn_superwords_sharded(base, [], **{"size": 310, "pretokenizer": STAGE_2, **options})
