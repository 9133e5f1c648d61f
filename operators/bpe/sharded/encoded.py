"""Words in which merges were made elsewhere: what a partition begins from when learning goes on.

Merging in order and encoding give the same tokens, since the pair of the lowest rank is merged first in both. So a
partition that was lost needs nothing but its words and the merges so far.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pairloom.operators.bpe.symbols import HOLE, LONG
from pairloom.operators.jit import kernel
from pairloom.operators.pretokenize import Pretokenizer
from pairloom.operators.text import Text, text_of
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.words import WordCounts

__all__ = ["encode_words"]

_WORDS = 1 << 20  # encoded at a time


def _without_bytes(text: Text, left_out: npt.NDArray[np.uint8]) -> Text:
    """The words with some bytes taken out; others become neighbours. As it is where none is to go."""
    if not len(left_out):
        return text
    data = text.data[text.offsets[0] : text.offsets[-1]]
    stays = np.ones(256, np.bool_)
    stays[left_out] = False
    kept = stays[data]
    offsets = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])[text.offsets - text.offsets[0]]
    return Text(data=np.ascontiguousarray(data[kept]), offsets=np.ascontiguousarray(offsets))


def encode_words(
    parts: Iterable[WordCounts],
    ids: npt.NDArray[np.int32],
    first: int,
    merges: npt.NDArray[np.int32],
    names: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
    split: int,
    symbols: npt.NDArray[np.uint32],
) -> None:
    """Make `merges` (int32[m, 2], ids) in words laid out in `symbols` in this order, the long ones from slot `split` on.

    `ids` is int32[256], the id of each byte of the words; merge k makes the id `first + k`, which the partition calls
    `names[first + k]`; `lengths` (int32) are the bytes of each symbol.
    """
    tokens = [b""] * first
    for byte, token in enumerate(ids.tolist()):
        if token >= 0:
            tokens[token] = bytes([byte])
    for left, right in merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    vocabulary = Vocabulary(tokens=tokens, merges=merges, pretokenizer=Pretokenizer(scheme="none"))
    encoder = vocabulary.encoder(table_bytes=0)  # words are distinct: there is nothing to remember
    nothing = np.zeros(0, np.uint32)
    places = np.array([0, split], np.int64)
    left_out = np.flatnonzero(ids < 0).astype(np.uint8)
    for part in parts:
        text = _without_bytes(text_of(part.words), left_out)
        for begin in range(0, len(text), _WORDS):
            words = Text(data=text.data, offsets=text.offsets[begin : begin + _WORDS + 1])
            encoded, bounds = encoder.encode(words, prepend=nothing, append=nothing)
            _write_tokens(words.offsets, bounds, names[encoded], lengths, places, symbols)


@kernel
def _write_tokens(
    offsets: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
    places: npt.NDArray[np.int64],
    symbols: npt.NDArray[np.uint32],
) -> None:
    """Write the tokens of some words into their slots; `places` (int64[2]) are the next short and the next long word's."""
    for i in range(len(offsets) - 1):
        length = offsets[i + 1] - offsets[i]
        if length < 2:
            continue
        long = 1 if length >= LONG else 0
        at = places[long] + 2
        places[long] += length + 2
        for k in range(bounds[i], bounds[i + 1]):
            after = at + lengths[tokens[k]]
            for p in range(at + 1, after - 1):
                symbols[p] = HOLE
            symbols[at] = tokens[k]
            symbols[after - 1] = tokens[k]
            at = after
