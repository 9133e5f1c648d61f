"""The words that a partition holds, as bytes or as tokens, and the merges made in them elsewhere.

Merging in order and encoding give the same tokens, since the pair of the lowest rank is merged first in both. So a
partition that was lost needs nothing but its words and the merges so far.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.encode import Tokenizer
from pairloom.operators.encode.decode import decode_lists
from pairloom.operators.models.bpe.kernels.word import fill_ranks
from pairloom.operators.models.bpe.layout import Allocate, Layout, TokenSequences
from pairloom.operators.models.bpe.model import ByteLevelBPE, byte_level
from pairloom.operators.models.bpe.sharded.kernels.remaking import merge_words
from pairloom.operators.models.bpe.sharded.kernels.writing import write_tokens
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["ByteWords", "SymbolWords", "TokenWords", "Words", "encode_words"]

_WORDS = 1 << 20  # encoded at a time
_TOKENS = 1 << 22  # of words of tokens, spelled and encoded at a time

# Words, all in one array: where each begins in units of its first symbols; and as tokens, where each begins there.
Encoded = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint32] | npt.NDArray[np.uint16]]


class Words(Protocol):
    """Distinct words, of the symbols below `first`, which are their first ones."""

    @property
    def first(self) -> int:
        """The id of the first merge."""

    def laid_out(self, empty: Allocate) -> Layout:
        """The words as symbols, with no merge made in them; raises CapacityError where there are too many.

        `empty` makes the array that grows with the words.
        """

    def encoded(self, merges: npt.NDArray[np.int32]) -> Iterator[Encoded]:
        """The words in the order of `laid_out`, some at a time, with `merges` (int32[m, 2], ids) made in them.

        Yields (starts, bounds, ids): word `i` begins at symbol `starts[i]` and is `ids[bounds[i]:bounds[i + 1]]`.
        """


class ByteWords:
    """Words of bytes.

    `parts` are distinct words and how often each occurs; they are gone through whenever words are asked for, after which
    none of what they gave is kept. `ids` (int32[256]) are the ids of the bytes, negative for bytes to leave out; others
    become neighbours.
    """

    def __init__(self, parts: Iterable[WordCounts], ids: npt.NDArray[np.int32], first: int) -> None:
        self.first = first
        self._parts, self._ids = parts, ids

    def laid_out(self, empty: Allocate) -> Layout:
        """See `Words`."""
        return Layout.of_bytes(self._parts, self._ids, empty)

    def encoded(self, merges: npt.NDArray[np.int32]) -> Iterator[Encoded]:
        """See `Words`."""
        tokens = [b""] * self.first
        for byte, token in enumerate(self._ids.tolist()):
            if token >= 0:
                tokens[token] = bytes([byte])
        vocabulary = Vocabulary(
            tokens=_spelled(tokens, merges),
            model=ByteLevelBPE(merges=merges),
            pretokenizer=Pretokenizer(scheme="none"),
        )
        # Words are distinct: there is nothing to remember.
        encoder = Tokenizer(vocabulary).word_encoder(cut=True)
        nothing = np.zeros(0, np.uint32)
        left_out = np.flatnonzero(self._ids < 0).astype(np.uint8)
        for part in self._parts:
            text = _without_bytes(text_of(part.words), left_out)
            for begin in range(0, len(text), _WORDS):
                words = Text(data=text.data, offsets=text.offsets[begin : begin + _WORDS + 1])
                ids, bounds = encoder.encode(words, prepend=nothing, append=nothing)
                yield words.offsets, bounds, ids


class TokenWords:
    """Words of tokens that the vocabulary `base` has made of them (`segment_words`); `parts` as of `ByteWords`."""

    def __init__(self, parts: Iterable[TokenSequences], base: Vocabulary) -> None:
        self.first = len(base)
        self._parts, self._base = parts, base

    def laid_out(self, empty: Allocate) -> Layout:
        """See `Words`."""
        return Layout.of_tokens(self._parts, empty)

    def encoded(self, merges: npt.NDArray[np.int32]) -> Iterator[Encoded]:
        """See `Words`: all merges, those of `base` too, are made in the bytes that the tokens spell."""
        tokens = TokenTable.of(_spelled(list(self._base.tokens), merges))
        vocabulary = replace(
            self._base,
            tokens=tokens,
            model=replace(
                byte_level(self._base.model), merges=np.concatenate([self._base.model.merges, merges])
            ),
            pretokenizer=Pretokenizer(scheme="none"),
            normalizer="none",
        )
        encoder = Tokenizer(vocabulary).word_encoder(cut=True, remembering=True)
        nothing = np.zeros(0, np.uint32)
        for part in self._parts:
            for start, stop in part.batches(_TOKENS):
                starts = part.offsets[start : stop + 1]
                spelled = decode_lists(
                    tokens, part.ids[starts[0] : starts[-1]].astype(np.uint32), starts - starts[0]
                )
                ids, bounds = encoder.encode(text_of(spelled), prepend=nothing, append=nothing)
                yield starts, bounds, ids


class SymbolWords:
    """Words of symbols below `first`, whatever these stand for; `parts` as of `ByteWords`."""

    def __init__(self, parts: Iterable[TokenSequences], first: int) -> None:
        self.first = first
        self._parts = parts

    def laid_out(self, empty: Allocate) -> Layout:
        """See `Words`."""
        return Layout.of_tokens(self._parts, empty)

    def encoded(self, merges: npt.NDArray[np.int32]) -> Iterator[Encoded]:
        """See `Words`."""
        slots = np.zeros(1 << max(4, (3 * len(merges)).bit_length()), np.uint64)
        fill_ranks(slots, np.ascontiguousarray(merges, np.int32), np.arange(len(merges), dtype=np.uint32))
        products = np.arange(self.first, self.first + len(merges), dtype=np.uint32)
        for part in self._parts:
            for start, stop in part.batches(_TOKENS):
                starts = part.offsets[start : stop + 1]
                ids = part.ids[starts[0] : starts[-1]].astype(np.uint32)
                longest = int(np.diff(starts).max(initial=0))
                scratch = np.empty((64 + 40 * (longest + 1)) // 8 + 1, np.uint64)  # of `merge_symbols`
                bounds = np.empty(len(starts), np.int64)
                merge_words(ids, starts - starts[0], slots, products, scratch, bounds)
                yield starts, bounds, ids


def _spelled(tokens: list[bytes], merges: npt.NDArray[np.int32]) -> list[bytes]:
    for left, right in merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    return tokens


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
    words: Words,
    merges: npt.NDArray[np.int32],
    names: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
    split: int,
    symbols: npt.NDArray[np.uint32],
) -> None:
    """Make `merges` (int32[m, 2], ids) in words that lie in `symbols`, the long ones from slot `split` on.

    Merge k makes the id `words.first + k`; the partition calls the id i `names[i]`. `lengths` (int32) are the slots of
    each symbol.
    """
    places = np.array([0, split], np.int64)
    for starts, bounds, ids in words.encoded(merges):
        write_tokens(starts.copy(), bounds, names[ids], lengths, places, symbols)
