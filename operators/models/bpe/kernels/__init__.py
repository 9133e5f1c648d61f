"""Learning byte pairs: words laid out as symbols, the table and the heap of pairs, the merge loop, limits on merges."""

from typing import TYPE_CHECKING

from pairloom.operators.kernels.warmup import SAMPLE, Part

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts

__all__ = ["PARTS", "warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Learn in every way that there is, replay, and lay merges out."""
    for part in PARTS.values():
        part.run(schemes)


def _learn(_: tuple[str, ...]) -> None:
    """Learn a few merges from bytes, and do what learning does only where it runs out of room."""
    import numpy as np

    from pairloom.operators.models.bpe import count_pairs, learn_bpe
    from pairloom.operators.models.bpe.kernels.pairs import compact_lists, enlarge_pairs

    counts = _counted()
    learn_bpe(counts, 270, limit_alphabet=255, pairs=count_pairs(counts))
    nothing, table = np.zeros(0, np.uint32), np.zeros(4, np.uint64)
    compact_lists(table, np.zeros(0, np.int64), 1, nothing, np.zeros(0, np.int32), nothing)
    enlarge_pairs(table, np.zeros(8, np.uint64))


def _parity(_: tuple[str, ...]) -> None:
    """Learn for two groups, and do what that does only where it runs out of room."""
    import numpy as np

    from pairloom.operators.learners import Parity, Target
    from pairloom.operators.models.bpe.kernels.pairs import compact_lists, enlarge_pairs
    from pairloom.operators.models.bpe.learning import learn_bpe_groups

    counts = _counted()
    learn_bpe_groups({"a": counts, "b": counts}, Target(size=270, parity=Parity(first=2)))
    nothing, table = np.zeros(0, np.uint32), np.zeros(4, np.uint64)
    compact_lists(table, np.zeros(0, np.int64), 1, nothing, np.zeros(0, np.int32), nothing)
    enlarge_pairs(table, np.zeros(8, np.uint64))


def _extend(_: tuple[str, ...]) -> None:
    """Go on from a vocabulary."""
    from pairloom.operators.models.bpe import extend_bpe, learn_bpe

    counts = _counted()
    extend_bpe(learn_bpe(counts, 270), counts, 278)


def _superwords(_: tuple[str, ...]) -> None:
    """Learn from tokens, and encode by merges that join words."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.models.bpe import learn_bpe, learn_superwords, segment_words
    from pairloom.operators.models.bpe.kernels.limits import mark_rejected
    from pairloom.operators.models.bpe.limits import NO_LIMITS
    from pairloom.operators.text.pretokenize import Pretokenizer

    whole = Pretokenizer(scheme="none")
    vocabulary = learn_bpe(_counted(), 270)
    part = segment_words(vocabulary, count_words(pa.array(SAMPLE), whole))
    learn_superwords(vocabulary, [part], len(vocabulary) + 8, pretokenizer=whole)
    mark_rejected(NO_LIMITS, np.zeros((1, 2), np.int32), np.zeros(1, np.bool_))


def _characters(_: tuple[str, ...]) -> None:
    """Lay out words of characters, or of other symbols that are not bytes."""
    import numpy as np

    from pairloom.operators.models.bpe.layout import Layout, TokenSequences

    one = np.ones(1, np.int64)
    Layout.of_tokens([TokenSequences(ids=np.zeros(2, np.uint32), offsets=np.array([0, 2]), counts=one)])


def _sequential(_: tuple[str, ...]) -> None:
    """Learn and apply merges one after another."""
    import numpy as np

    from pairloom.operators.models.bpe.sequential import apply_merges, learn_sequential

    learn_sequential(_counted(), 257)
    apply_merges(np.array([0, 1]), [(0, 1)], 2)


def _replay(_: tuple[str, ...]) -> None:
    """Replay what was learned."""
    from pairloom.operators.models.bpe import learn_bpe, replay

    counts = _counted()
    for _step in replay(counts, learn_bpe(counts, 270).model.merges[:2], special_tokens=0):
        pass


def _tables(_: tuple[str, ...]) -> None:
    """Lay merges out for encoding: what every encoder begins with."""
    import numpy as np

    from pairloom.operators.models.bpe import ByteLevelBPE
    from pairloom.operators.vocabulary import Vocabulary

    for whole_words in (False, True):
        model = ByteLevelBPE(merges=np.array([[97, 98]], np.int32), ignore_merges=whole_words)
        model.compiled(Vocabulary(tokens=[*(bytes([byte]) for byte in range(256)), b"ab"], model=model))


def _counted() -> "WordCounts":
    """Some words and how often they occur, without the kernels that cut and count."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import WordCounts

    words = sorted({word.encode() for text in SAMPLE for word in text.split()})
    return WordCounts(words=pa.array(words, pa.large_binary()), counts=np.arange(1, 1 + len(words)))


# What is run apart, since few runs have a use for all of it, and the files of its kernels.
PARTS = {
    "tables": Part(_tables, ("linear", "trie", "word")),
    "learn": Part(_learn, ("heap", "merging", "pairs", "symbols")),
    "parity": Part(_parity, ("heap", "merging", "pairs", "parity", "symbols")),
    "extend": Part(_extend, ("merging", "symbols")),
    "superwords": Part(_superwords, ("joined", "joins", "limits", "symbols")),
    "characters": Part(_characters, ("symbols",)),
    "sequential": Part(_sequential, ("sequential",)),
    "replay": Part(_replay, ("merging", "pairs", "symbols")),
}
