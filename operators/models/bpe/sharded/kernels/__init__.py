"""Learning in rounds: merges on trial in a partition, and the coordinator's walk down from the best pair."""

from typing import Any

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Learn a few merges in two partitions, of bytes and of tokens, from where others were made before."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.models.bpe import learn_bpe, learn_superwords, segment_words
    from pairloom.operators.models.bpe.sharded import SymbolWords, learn_sharded, learn_superwords_sharded
    from pairloom.operators.models.bpe.sharded.kernels.listing import mark_cells
    from pairloom.operators.text.pretokenize import Pretokenizer

    whole = Pretokenizer(scheme="none")
    counts = count_words(pa.array(SAMPLE), Pretokenizer())
    vocabulary = learn_bpe(counts, 270)
    learn_sharded(counts.partition(2), 300, merges=vocabulary.model.merges, least_batch=1)
    part = segment_words(vocabulary, count_words(pa.array(SAMPLE), whole))
    size = len(vocabulary) + 8
    joined = learn_superwords(vocabulary, [part], size, pretokenizer=whole)
    done = joined.model.merges[len(vocabulary.model.merges) :][:2]
    learn_superwords_sharded(vocabulary, [[part]], size, pretokenizer=whole, merges=done)
    symbols = np.array([[0, 1]], np.int32)
    assert [ids.tolist() for *_, ids in SymbolWords([part], len(vocabulary)).encoded(symbols)]
    from pairloom.operators.learners import LEARNERS, Parity, Target

    rounds = LEARNERS.get("bpe")().rounds(Target(size=270, parity=Parity(first=2, window=2)))
    groups: Any = [("a", counts)]
    decider, member = rounds.decider(np.zeros((0, 2), np.int32)), rounds.member(groups, np.empty)
    while (message := decider.next()) is not None:
        decider.take([member.answer(message)])
    # What a partition does only where it begins again in the middle of things.
    mark_cells(np.zeros((0, 2), np.int32), np.zeros(1, np.int64))
