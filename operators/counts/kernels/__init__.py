"""Counting words: the hash table, its words in order, the merge of two sorted lists, and occurrences one by one."""

from pairloom.operators.kernels.warmup import SAMPLE, Part

__all__ = ["PARTS", "warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Count the words of the sample, add the counts up and go through them; words enough that the table grows."""
    for part in PARTS.values():
        part.run(schemes)


def _words(_: tuple[str, ...]) -> None:
    """Count words, and add the counts up."""
    import pyarrow as pa

    from pairloom.operators.counts import count_words, merge_counts
    from pairloom.operators.text.pretokenize import Pretokenizer

    crowd = pa.array([" ".join(f"{i:05}" for i in range(13000)), *SAMPLE])
    counts = count_words(crowd, Pretokenizer(scheme="whitespace"))
    merge_counts([counts, counts])


def _drawn(_: tuple[str, ...]) -> None:
    """Go through occurrences one by one."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import WordCounts
    from pairloom.operators.counts.drawing import drawn_words

    next(drawn_words(WordCounts(words=pa.array([b"a"], pa.large_binary()), counts=np.ones(1, np.int64)), 8))


PARTS = {"words": Part(_words, ("merge", "sort", "table")), "drawn": Part(_drawn, ("draw",))}
