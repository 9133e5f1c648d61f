"""Kernels of learning a Unigram, by what they do."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Learn from the sample."""
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.models.unigram.learning.deciding import learn_pieces
    from pairloom.operators.text.pretokenize.marker import BeforeSpaces

    words = count_words(pa.array(SAMPLE, pa.large_string()), BeforeSpaces())
    learn_pieces([words], 10)
