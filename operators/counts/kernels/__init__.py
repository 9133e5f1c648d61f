"""Counting words: the hash table, its words in order, the merge of two sorted lists, and occurrences one by one."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Count the words of the sample, add the counts up and go through them; words enough that the table grows."""
    import pyarrow as pa

    from pairloom.operators.counts import count_words, merge_counts
    from pairloom.operators.counts.drawing import drawn_words
    from pairloom.operators.text.pretokenize import Pretokenizer

    crowd = pa.array([" ".join(f"{i:05}" for i in range(13000)), *SAMPLE])
    counts = count_words(crowd, Pretokenizer(scheme="whitespace"))
    merge_counts([counts, counts])
    next(drawn_words(counts, 8))
