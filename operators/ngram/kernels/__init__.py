"""Kernels of language models: n-grams found in their trie, and documents scored by them."""

import numpy as np

from pairloom.operators.ngram.kernels.scores import find_children, score_backoff, score_kneser_ney

__all__ = ["find_children", "score_backoff", "score_kneser_ney", "warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Score a document by a model of it."""
    from pairloom.operators.ngram import NgramModel, counted

    model = NgramModel.of(counted([[0, 1, 0, 2]], order=2), size=3)
    for kind in ("kneser_ney", "stupid_backoff"):
        model.scores(np.array([0, 1]), np.array([0, 2]), kind)
    model.distribution([0])
