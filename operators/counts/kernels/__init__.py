"""Counting words: the hash table, its words in order, and the merge of two sorted lists."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Count the words of the sample and add the counts up; words enough that the table grows."""
    import pyarrow as pa

    from pairloom.operators.counts import count_words, merge_counts
    from pairloom.operators.text.pretokenize import Pretokenizer

    crowd = pa.array([" ".join(f"{i:05}" for i in range(13000)), *SAMPLE])
    counts = count_words(crowd, Pretokenizer(scheme="whitespace"))
    merge_counts([counts, counts])
