"""Running the kernel of a family on next to nothing."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pairloom.operators.encode.encoder import Encoder, WordKernel
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize import Pretokenizer

__all__ = ["encode_words"]


def encode_words(words: WordKernel, texts: Sequence[str], *, scheme: str = "none") -> list[list[int]]:
    """The ids of texts as `words` encodes them, each a word or cut by a scheme; the table holds what comes twice."""
    nothing = np.zeros(0, np.uint32)
    encoder = Encoder(words, pretokenizer=Pretokenizer(scheme=scheme), dtype=np.dtype(np.uint32))
    column = text_of(pa.array(texts, pa.large_string()))
    for _ in range(2):
        values, lists = encoder.encode(column, prepend=nothing, append=nothing, missing_bytes="drop")
    return [values[lists[i] : lists[i + 1]].tolist() for i in range(len(texts))]
