"""What the words of a corpus cost in tokens: sums over distinct words that add up over partitions and sources.

Each distinct word is encoded once, whatever its count; everything else here is a weighted sum.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.encode import Encoder, tokenizer_of
from pairloom.operators.errors import CapacityError
from pairloom.operators.evaluate.kernels import (
    BYTES,
    CHARACTERS,
    DISTINCT,
    LONGEST,
    TOKENS,
    WHOLE,
    WORDS,
    add_words,
)
from pairloom.operators.text.arrays import frozen, text_of
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["KINDS", "LONGEST", "WordTally", "encode_words", "tally_words"]

KINDS = ("text", "digits", "whitespace", "symbols", "mixed")
"""Kinds of words, by what is left without leading spaces: letters and all beyond ASCII; ASCII digits; nothing or
ASCII white space; other ASCII; several of these."""
Scalar = TypeVar("Scalar", bound=np.generic)
_PART = 1 << 18  # distinct words encoded at a time: some 10 MB


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordTally:
    """Words and their tokens, added up. Of parts that share words, `distinct` does not add up: it counts these twice.

    `token_counts` is int64[V]. `sums` is int64[len(KINDS), 6], a row for each kind of word: words, bytes, characters,
    tokens, words that are one token, distinct words. `tokens_per_word` is int64[LONGEST + 1]: words by their tokens.
    """

    token_counts: npt.NDArray[np.int64]
    sums: npt.NDArray[np.int64]
    tokens_per_word: npt.NDArray[np.int64]

    def __add__(self, other: "WordTally") -> "WordTally":
        return WordTally(
            token_counts=self.token_counts + other.token_counts,
            sums=self.sums + other.sums,
            tokens_per_word=self.tokens_per_word + other.tokens_per_word,
        )

    @classmethod
    def empty(cls, size: int) -> "WordTally":
        """Nothing, for a vocabulary of `size` tokens."""
        sums = np.zeros((len(KINDS), 6), np.int64)
        return cls(
            token_counts=np.zeros(size, np.int64),
            sums=sums,
            tokens_per_word=np.zeros(LONGEST + 1, np.int64),
        )

    @property
    def words(self) -> int:
        """Words, repetitions included."""
        return int(self.sums[:, WORDS].sum())

    @property
    def bytes(self) -> int:
        """Bytes of all words: of the text."""
        return int(self.sums[:, BYTES].sum())

    @property
    def characters(self) -> int:
        """Unicode code points of all words."""
        return int(self.sums[:, CHARACTERS].sum())

    @property
    def tokens(self) -> int:
        """Tokens of all words."""
        return int(self.sums[:, TOKENS].sum())

    @property
    def whole(self) -> int:
        """Words that are one token."""
        return int(self.sums[:, WHOLE].sum())

    @property
    def distinct(self) -> int:
        """Distinct words."""
        return int(self.sums[:, DISTINCT].sum())

    def facts(self) -> dict[str, float]:
        """The ratios that tokenizers are compared by; a ratio of nothing is 0, and of texts without words there are none a word.

        `fertility` is tokens per word of letters, the word as the pretokenizer cuts it, `tokens_per_word` that of all words.
        """
        text = self.sums[KINDS.index("text")]
        if self.tokens and not self.words:  # of whole texts
            return {
                "bytes": self.bytes,
                "characters": self.characters,
                "tokens": self.tokens,
                "bytes_per_token": self.bytes / self.tokens,
                "characters_per_token": self.characters / self.tokens,
            }
        return {
            "bytes": self.bytes,
            "characters": self.characters,
            "words": self.words,
            "distinct_words": self.distinct,
            "tokens": self.tokens,
            "bytes_per_token": self.bytes / max(1, self.tokens),
            "characters_per_token": self.characters / max(1, self.tokens),
            "words_per_token": self.words / max(1, self.tokens),
            "tokens_per_word": self.tokens / max(1, self.words),
            "fertility": int(text[TOKENS]) / max(1, int(text[WORDS])),
            "single_token_words": self.whole / max(1, self.words),
        }

    def by_kind(self) -> list[dict[str, float | str]]:
        """A row for each kind of word: its share of the words and of the tokens, bytes per token, tokens per word.

        Of texts without words there are no rows.
        """
        rows: list[dict[str, float | str]] = []
        if self.tokens and not self.words:
            return rows
        for kind, row in zip(KINDS, self.sums.tolist(), strict=True):
            rows.append(
                {
                    "kind": kind,
                    "words": row[WORDS],
                    "tokens": row[TOKENS],
                    "share_of_tokens": row[TOKENS] / max(1, self.tokens),
                    "bytes_per_token": row[BYTES] / max(1, row[TOKENS]),
                    "tokens_per_word": row[TOKENS] / max(1, row[WORDS]),
                    "single_token_words": row[WHOLE] / max(1, row[WORDS]),
                }
            )
        return rows


def encode_words(
    vocabulary: Vocabulary, words: pa.LargeBinaryArray, encoder: Encoder | None = None
) -> tuple[npt.NDArray[np.unsignedinteger], npt.NDArray[np.int64]]:
    """The ids of words one after another and where each word's begin (int64, one more than words).

    A word is taken as a pretoken, whatever it holds; a byte without a token is left out. `encoder` is one that
    `Tokenizer.word_encoder` made, to be used again. Raises RecipeError for a tokenizer that another library runs: it has no words.
    """
    encoder = encoder or tokenizer_of(vocabulary).word_encoder()
    none = np.zeros(0, np.uint32)
    ids, offsets = encoder.encode(text_of(words), prepend=none, append=none, missing_bytes="drop")
    return ids, offsets


def tally_words(vocabulary: Vocabulary, counts: WordCounts, encoder: Encoder | None = None) -> WordTally:
    """Encode every distinct word once and add up; see `WordTally`.

    Equal to encoding the text, as long as the words were cut by the vocabulary's pretokenizer after its normalizer.
    `encoder` is one that `Tokenizer.word_encoder` made, to be used again.
    Raises CapacityError where a sum could pass 2^63 - 1, RecipeError as `encode_words` does.
    """
    tally = WordTally.empty(len(vocabulary))
    encoder = encoder or tokenizer_of(vocabulary).word_encoder()
    text = text_of(counts.words)
    weight = float(np.dot(counts.counts.astype(np.float64), np.diff(text.offsets)))
    if weight >= 2.0**62:
        raise CapacityError(f"the words hold some {weight:.3g} bytes; their sums need not fit 63 bits")
    for low in range(0, len(counts), _PART):
        words = counts.words.slice(low, _PART)
        ids, offsets = encode_words(vocabulary, words, encoder)
        part = text_of(words)
        add_words(
            part.data,
            part.offsets,
            frozen(counts.counts[low : low + _PART]),
            # One type for the kernel.
            frozen(ids.astype(np.uint32, copy=False)),
            frozen(offsets),
            tally.token_counts,
            tally.sums,
            tally.tokens_per_word,
        )
    return tally
