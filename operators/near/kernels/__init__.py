"""Kernels of near-duplicates: shingles, signatures, bands, what two documents share, and what hangs together."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Sign and compare the sample."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.near import Hashes, components, jaccard, token_shingles, word_shingles

    token_shingles(np.array([1, 2, 3], np.uint32), np.array([0, 2, 3]), 2)
    shingles = word_shingles(pa.array(SAMPLE, pa.large_string()), 2)
    Hashes(bands=2, rows=2).keys(shingles)
    distinct, place = shingles.distinct(), np.arange(2)
    jaccard(distinct, distinct, (place, place))
    components(place, place + 1)
