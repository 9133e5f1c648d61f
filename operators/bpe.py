"""Learning byte-pair merges from word counts, id for id as Hugging Face's `BpeTrainer` in byte-level mode."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.pretokenize import Pretokenizer
from pairloom.operators.reference.bpe import learn_merges
from pairloom.operators.vocabulary import Vocabulary, byte_order
from pairloom.operators.words import WordCounts

__all__ = ["count_pairs", "learn_bpe"]


def count_pairs(counts: WordCounts) -> npt.NDArray[np.int64]:
    """How often each pair of adjacent bytes occurs: int64[256, 256], weighted by the words' counts.

    Raises CapacityError where a count would pass 2^63 - 1.
    """
    pairs = np.zeros((256, 256), np.int64)
    for word, count in zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True):
        for left, right in zip(word, word[1:], strict=False):
            pairs[left, right] += count
    return pairs


def learn_bpe(
    counts: WordCounts,
    size: int,
    *,
    special_tokens: Sequence[str] = (),
    pretokenizer: Pretokenizer | None = None,
    normalizer: str = "none",
    min_count: int = 1,
    max_token_length: int | None = None,
    limit_alphabet: int | None = None,
    pairs: npt.NDArray[np.int64] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Vocabulary:
    """Learn a vocabulary of at most `size` tokens: the special tokens, the 256 bytes, then merges.

    `pairs`, if given, must equal `count_pairs(counts)`; a difference means that words were lost on the way.
    `progress` is called now and then with (merges learned, merges wanted).
    """
    order = byte_order()
    first = len(special_tokens)
    ids = {int(byte): first + i for i, byte in enumerate(order)}
    words = {
        tuple(ids[b] for b in word): count
        for word, count in zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True)
    }
    merges = learn_merges(words, first + 256, size - first - 256, min_count)
    tokens = [token.encode() for token in special_tokens] + [bytes([byte]) for byte in order]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return Vocabulary(
        tokens=tuple(tokens),
        merges=np.array(merges, dtype=np.int32).reshape(-1, 2),
        special_tokens=tuple(special_tokens),
        pretokenizer=pretokenizer or Pretokenizer(),
        normalizer=normalizer,
    )
