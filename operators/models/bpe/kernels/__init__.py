"""Learning byte pairs: words laid out as symbols, the table and the heap of pairs, the merge loop, limits on merges."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Learn a few merges from bytes, from tokens and part by part, go on from a vocabulary, and replay."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.models.bpe import (
        count_pairs,
        extend_bpe,
        learn_bpe,
        learn_superwords,
        replay,
        segment_words,
    )
    from pairloom.operators.models.bpe.kernels.pairs import compact_lists, enlarge_pairs
    from pairloom.operators.models.bpe.sequential import apply_merges, learn_sequential
    from pairloom.operators.text.pretokenize import Pretokenizer

    whole = Pretokenizer(scheme="none")
    counts = count_words(pa.array(SAMPLE), Pretokenizer())
    vocabulary = learn_bpe(counts, 270, limit_alphabet=255, pairs=count_pairs(counts))
    part = segment_words(vocabulary, count_words(pa.array(SAMPLE), whole))
    learn_superwords(vocabulary, [part], len(vocabulary) + 8, pretokenizer=whole)
    extend_bpe(vocabulary, counts, len(vocabulary) + 8)
    for _ in replay(counts, vocabulary.model.merges[:2], special_tokens=0):
        pass
    learn_sequential(counts, 257)
    apply_merges(np.array([0, 1]), [(0, 1)], 2)
    # What learning does only where it runs out of room.
    nothing, table = np.zeros(0, np.uint32), np.zeros(4, np.uint64)
    compact_lists(table, np.zeros(0, np.int64), 1, nothing, np.zeros(0, np.int32), nothing)
    enlarge_pairs(table, np.zeros(8, np.uint64))
