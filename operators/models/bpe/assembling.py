"""What surrounds the merges of a vocabulary: special tokens and bytes before them, one spelling for each token."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.models.bpe.kernels.symbols import count_bytes
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.spelling import check_special_tokens, check_unique
from pairloom.operators.vocabulary import Vocabulary, byte_order

__all__ = [
    "alphabet",
    "assemble",
    "byte_ids",
    "byte_weights",
    "check_options",
    "chosen",
    "first_tokens",
    "spell_tokens",
]


def check_options(size: int, special_tokens: Sequence[str], **limits: int | None) -> tuple[str, ...]:
    """The special tokens without repetitions; ValueError where these, the size or one of the limits are wrong."""
    specials = tuple(dict.fromkeys(special_tokens))
    first = len(specials) + 256
    if size < first:
        raise ValueError(
            f"size {size} is too small: {len(specials)} special tokens and 256 bytes make {first} tokens before any merge"
        )
    for name, value in limits.items():
        if value is not None and value < 0:
            raise ValueError(f"{name} must not be negative, got {value}")
    check_special_tokens(specials)
    return specials


def byte_ids(specials: int) -> npt.NDArray[np.int32]:
    """The id of each byte (int32[256]) after so many special tokens."""
    ids = np.empty(256, np.int32)
    ids[byte_order()] = np.arange(specials, specials + 256)
    return ids


def alphabet(
    parts: Iterable[WordCounts], specials: int, limit: int | None, kept: bytes = b""
) -> npt.NDArray[np.int32]:
    """As `byte_ids`, with -1 for all bytes but the `limit` most frequent of the words, ties to the smaller id.

    Those that are `kept` are the first of these.
    """
    return byte_ids(specials) if limit is None else chosen(byte_weights(parts), specials, limit, kept)


def byte_weights(parts: Iterable[WordCounts]) -> list[int]:
    """How often each byte occurs, in numbers of any size."""
    weights = [0] * 256
    for part in parts:
        text = text_of(part.words)
        sums = np.zeros((2, 256), np.int64)
        count_bytes(text.data, text.offsets, part.counts, sums)
        for byte, (high, low) in enumerate(sums.T.tolist()):
            weights[byte] += (high << 32) + low
    return weights


def chosen(weights: Sequence[int], specials: int, limit: int, kept: bytes = b"") -> npt.NDArray[np.int32]:
    """The ids of the bytes that take part, by how often each occurs; see `alphabet`."""
    ids, order = byte_ids(specials), byte_order().tolist()
    ranked = sorted(range(256), key=lambda k: (order[k] not in kept, -weights[order[k]], k))
    ids[[order[k] for k in ranked[max(limit, len(set(kept))) :]]] = -1
    return ids


def first_tokens(specials: Sequence[str]) -> list[bytes]:
    """The tokens before the first merge."""
    return [token.encode() for token in specials] + [bytes([byte]) for byte in byte_order()]


def spell_tokens(merges: npt.NDArray[np.int32], specials: Sequence[str]) -> list[bytes]:
    """The tokens that `merges` (int32[m, 2], ids) make after special tokens and bytes; see `check_unique`."""
    tokens = first_tokens(specials)
    for left, right in merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    check_unique(tokens, specials)
    return tokens


def assemble(
    merges: npt.NDArray[np.int32],
    specials: tuple[str, ...],
    *,
    pretokenizer: Pretokenizer | None,
    normalizer: str,
) -> Vocabulary:
    """The vocabulary of `merges` (int32[m, 2], ids)."""
    return Vocabulary(
        tokens=tuple(spell_tokens(merges, specials)),
        model=ByteLevelBPE(merges=merges),
        special_tokens=specials,
        pretokenizer=pretokenizer or Pretokenizer(),
        normalizer=normalizer,
    )
