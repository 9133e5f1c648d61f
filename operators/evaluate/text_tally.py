"""What texts cost in tokens, where a tokenizer does not take them word by word: sums over whole texts."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.encode import Tokenizer
from pairloom.operators.evaluate.kernels import BYTES, CHARACTERS, TOKENS
from pairloom.operators.evaluate.word_tally import KINDS, WordTally
from pairloom.operators.text.arrays import TextArray

__all__ = ["tally_texts"]


def tally_texts(tokenizer: Tokenizer, texts: TextArray) -> WordTally:
    """The sums of texts, without words: their bytes, characters and tokens, and how often each token occurs.

    >>> import pairloom as pl
    >>> tally = tally_texts(pl.Tokenizer(pl.learn(["a rose is a rose"], 262)), pa.array(["a rose"]))
    >>> tally.tokens, tally.bytes, tally.words, sorted(tally.facts())
    (2, 6, 0, ['bytes', 'bytes_per_token', 'characters', 'characters_per_token', 'tokens'])
    """
    tally = WordTally.empty(len(tokenizer.vocabulary))
    row = tally.sums[KINDS.index("mixed")]
    for part in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        ids = tokenizer.encode(part).values.to_numpy()
        tally.token_counts[:] += np.bincount(ids, minlength=len(tally.token_counts))
        row[TOKENS] += len(ids)
        row[BYTES] += pc.sum(pc.binary_length(part)).as_py() or 0
        row[CHARACTERS] += pc.sum(pc.utf8_length(part)).as_py() or 0
    return tally
