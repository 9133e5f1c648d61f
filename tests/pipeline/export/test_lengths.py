"""Lengths of an export that are kept on disk."""

import numpy as np

from pairloom.pipeline.export.lengths import BLOCK, Lengths


def test_lengths_are_what_was_appended() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 1000, BLOCK * 2 + 5)
    with Lengths() as kept:
        assert list(kept.blocks()) == list(kept.starts()) == []
        for part in np.array_split(lengths, 7):
            kept.append(part)
        assert np.array_equal(np.concatenate(list(kept.blocks())), lengths)
        starts = np.concatenate(list(kept.starts()))
        assert np.array_equal(starts, np.cumsum(lengths) - lengths)
        assert (kept.count, kept.total) == (len(lengths), lengths.sum())
