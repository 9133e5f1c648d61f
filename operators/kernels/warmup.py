"""Compiling every kernel of encoding before it is needed: in an image as it is built, or in an actor as it starts."""

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import count_words, merge_counts
from pairloom.operators.evaluate.curve import merge_steps
from pairloom.operators.evaluate.numbers import count_numbers
from pairloom.operators.evaluate.trace import merge_trace
from pairloom.operators.evaluate.word_tally import tally_words
from pairloom.operators.models.bpe import extend_bpe, learn_bpe, learn_superwords, replay, segment_words
from pairloom.operators.models.bpe.pairs import compact_lists
from pairloom.operators.models.bpe.sharded import learn_sharded, learn_superwords_sharded
from pairloom.operators.pack.derive import labels, position_ids, segment_ids
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.pretokenize.chunks import RandomChunks
from pairloom.operators.text.pretokenize.schemes import SCHEMES
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["warmup"]


def warmup(schemes: tuple[str, ...] = tuple(SCHEMES)) -> None:
    """Run counting, learning, encoding and decoding once on a few words, so that their kernels are on disk.

    Where they are is told in `cache.py`. Takes a minute on a machine that has none of them, else a second.
    """
    column = pa.array(
        ["it's 12345 of a<|x|>word", None, "", "caf\u00e9 \u65e5\u672c " + "ab" * 400, "a\n\n b"]
    )
    for scheme in schemes:
        cut = Pretokenizer(scheme=scheme)
        counts = count_words(column.fill_null(""), cut)
        counts = merge_counts([counts, counts])
        vocabulary = learn_bpe(counts, 300, special_tokens=["<|x|>"], pretokenizer=cut).with_memo(counts)
        if scheme == schemes[0]:
            learn_sharded(counts.partition(2), 300, merges=learn_bpe(counts, 270).merges, least_batch=1)
        for policy in ("text", "parse"):
            ids = vocabulary.encode(column, append=[0], special_tokens_in_text=policy)
        vocabulary.decode(ids)
    nothing = np.zeros(0, np.uint32)
    compact_lists(np.zeros(4, np.uint64), np.zeros(0, np.int64), 1, nothing, np.zeros(0, np.int32), nothing)
    vocabulary.encode(column, offsets=True)
    segment_ids([[2, 1]], 4)
    position_ids([[2, 1]], 4)
    labels([[1, 2, 3, 0]], [[2, 1]], shifted=True)
    merge_steps(vocabulary, tally_words(vocabulary, counts).token_counts)
    count_numbers(column)
    merge_trace(vocabulary, counts, 2)
    # Superwords, supertokens, and going on from a vocabulary that exists.
    counts = count_words(column.fill_null(""), RandomChunks())
    part = segment_words(vocabulary, counts)
    whole = Pretokenizer(scheme="none")
    joined = learn_superwords(vocabulary, [part], len(vocabulary) + 8, pretokenizer=whole)
    done = joined.merges[len(vocabulary.merges) :][:2]
    learn_superwords_sharded(vocabulary, [[part]], len(joined), pretokenizer=whole, merges=done)
    extend_bpe(vocabulary, counts, len(vocabulary) + 8)
    for _ in replay(counts, vocabulary.merges[:2], special_tokens=1):
        pass
    # Words enough for the table to grow.
    crowd = pa.array([" ".join(f"{i:05}" for i in range(9000)) + " ".join(f"{i:020}" for i in range(9000))])
    Vocabulary(
        tokens=vocabulary.tokens,
        merges=vocabulary.merges,
        special_tokens=vocabulary.special_tokens,
        pretokenizer=Pretokenizer(scheme="whitespace"),
        ignore_merges=True,
    ).encode(pa.concat_arrays([crowd, column.slice(0, 1)]))
