"""Rows without padding and in slices: what a loop over positions sees, and nothing lost between ranks (C07, D7)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.pack.derive import cu_seqlens, segment_ids
from pairloom.operators.pack.strategies import STRATEGIES
from pairloom.operators.pack.views import context_slice, padding_free, trimmed

ROWS = st.lists(st.lists(st.integers(1, 6), max_size=4), max_size=5)
SEQ_LEN = 24


@given(ROWS)
def test_without_padding_rows_are_their_segments_and_come_back(lengths: list[list[int]]) -> None:
    view = padding_free(lengths, SEQ_LEN)
    wanted = [row * SEQ_LEN + at for row, sizes in enumerate(lengths) for at in range(sum(sizes))]
    assert view.gather.tolist() == wanted
    assert view.cu_seqlens.tolist() == np.cumsum([0, *[size for sizes in lengths for size in sizes]]).tolist()
    assert view.max_seqlen == max((size for sizes in lengths for size in sizes), default=0)
    values = np.arange(1, len(lengths) * SEQ_LEN * 2 + 1).reshape(len(lengths), SEQ_LEN, 2)
    packed = view.packed(values)
    assert view.packed(view.unpacked(packed, -1)).tolist() == packed.tolist()
    padding = np.ones(len(lengths) * SEQ_LEN, bool)
    padding[wanted] = False
    back = view.unpacked(packed, -1).reshape(-1, 2)
    assert (back[padding] == -1).all()
    assert (back[~padding] == values.reshape(-1, 2)[~padding]).all()
    if wanted:
        assert view.waste == padding.sum() / len(wanted)


def test_at_sixty_percent_of_the_length_forty_percent_of_positions_are_saved() -> None:
    """C07: what is published for an average length of 0.6 of the longest."""
    view = padding_free([[40], [80], [20, 30], [70]], 100)
    assert 1 - len(view.gather) / (4 * 100) == pytest.approx(0.4)
    assert view.waste == pytest.approx(160 / 240)


@given(ROWS, st.sampled_from([1, 2, 3, 4]), st.sampled_from(["zigzag", "blocks"]))
def test_ranks_have_every_position_once_and_know_what_went_before(
    lengths: list[list[int]], ranks: int, order: str
) -> None:
    slices = [context_slice(lengths, SEQ_LEN, rank, ranks, order) for rank in range(ranks)]
    assert sorted(place for part in slices for place in part.places.tolist()) == list(range(SEQ_LEN))
    for part in slices:
        runs: list[tuple[int, int]] = []  # a run by its length and the place in its segment that it begins at
        for sizes in lengths:
            at = [(s, i) for s, size in enumerate(sizes) for i in range(size)]
            at += [(-1, 0)] * (SEQ_LEN - len(at))
            before: tuple[int, int] | None = None
            for place in part.places.tolist():
                segment, within = at[place]
                if before == (segment, place - 1):
                    runs[-1] = (runs[-1][0] + 1, runs[-1][1])
                else:
                    runs.append((1, within))
                before = (segment, place)
        assert np.diff(part.cu_seqlens).tolist() == [size for size, _ in runs]
        assert part.first.tolist() == [first for _, first in runs]
        values = np.arange(len(lengths) * SEQ_LEN).reshape(len(lengths), SEQ_LEN)
        assert part.of(values).tolist() == [[row[place] for place in part.places] for row in values.tolist()]


def test_zigzag_gives_each_rank_as_much_to_attend_to() -> None:
    work = [
        sum(place + 1 for place in context_slice([[64]], 64, rank, 4).places.tolist()) for rank in range(4)
    ]
    assert len(set(work)) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rank": 2, "ranks": 2}, "rank must be from 0 to 1, not 2"),
        ({"rank": 0, "ranks": 5}, "choose a seq_len that 10 divides"),
        ({"rank": 0, "ranks": 2, "order": "ring"}, "order must be one of zigzag, blocks, not 'ring'"),
    ],
)
def test_what_cannot_be_cut_is_refused(asked: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        context_slice([[3]], SEQ_LEN, **asked)
    with pytest.raises(ValueError, match="2 values for 3 tokens"):
        padding_free([[3]], SEQ_LEN).unpacked(np.zeros(2))
    with pytest.raises(ValueError, match="are not those of 1 rows of 24"):
        padding_free([[3]], SEQ_LEN).packed(np.zeros((1, 23)))


@given(st.lists(st.lists(st.integers(1, 5), max_size=3), max_size=4), st.sampled_from([1, 2, 8]))
def test_trimmed_rows_hold_every_token_and_end_behind_the_longest(
    lengths: list[list[int]], multiple: int
) -> None:
    """(C06) A batch is padded to its longest row, and every row is what it was up to there."""
    view = trimmed(lengths, 16, multiple)
    width, longest = len(view.places), max((sum(row) for row in lengths), default=0)
    assert view.places.tolist() == list(range(width))
    assert longest <= width <= 16
    assert width == 16 or (width % multiple == 0 and width - max(longest, 1) < multiple)
    ids = segment_ids(lengths, 16)
    assert view.of(ids).tolist() == ids[:, :width].tolist()
    assert (ids[:, width:] == -1).all()
    assert view.cu_seqlens.tolist() == cu_seqlens(lengths, width).tolist()
    assert not view.first.any()


def test_padding_shrinks_as_published_from_rows_to_batches_to_packs() -> None:
    """(C06) Log-normal lengths in batches of 32: padded to 2,048, to the longest, sorted and put together, packed by best fit."""
    lengths = np.clip(np.random.default_rng(6).lognormal(5.5, 0.9, 1024), 1, 2048).astype(int)

    def share(rows: list[list[int]], width: int) -> float:
        return 1 - sum(map(sum, rows)) / (len(rows) * width)

    whole, longest, together = [], [], []
    for batch in lengths.reshape(-1, 32).tolist():
        rows = [[one] for one in batch]
        whole.append(share(rows, 2048))
        longest.append(share(rows, len(trimmed(rows, 2048).places)))
        packs: list[list[int]] = [[]]
        for one in sorted(batch):
            if sum(packs[-1]) + one > 2048:
                packs.append([])
            packs[-1].append(one)
        together.append(share(packs, len(trimmed(packs, 2048).places)))
    (plan,) = STRATEGIES.get("best_fit")().plans(lengths.astype(np.int64), 2048, least=2048)
    best = plan.padding / (len(plan) * 2048)
    assert np.mean(whole) > np.mean(longest) > np.mean(together) > best
