"""Vocabulary size against tokens, for every size at once, from the counts of the whole vocabulary's tokens.

A word is encoded by merging the pair of the lowest rank until no pair has one. Where every token is made by one merge,
of tokens made before it, a merge only brings pairs of higher ranks about: the ranks of a word's merges ascend, and with
the first k merges alone the word takes the same steps and stops at the first rank that is not below k. So the tokens of
a text at k merges are its bytes less the steps of rank below k; and how often the merge of a token was a step follows
from the counts of the tokens that are built with it, from the last merge to the first.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.evaluate.kernels import unmake_merges
from pairloom.operators.evaluate.word_tally import encode_words
from pairloom.operators.models.bpe.model import ByteLevelBPE, byte_level
from pairloom.operators.models.bpe.model import merge_products as products_of
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["MergeSteps", "merge_products", "merge_steps", "prefix", "tokens_at", "unreachable"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MergeSteps:
    """How often each merge was a step in encoding a text.

    `steps` is int64[m] by rank; `sizes` is int64[m + 1], the tokens of the vocabulary with the first k merges;
    `tokens` is int64[m + 1], the tokens of the text with them.
    """

    steps: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]


def merge_products(vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """The id that each merge makes, int64[m]; -1 for a merge into a special token, which is never made."""
    return products_of(vocabulary, vocabulary.model.merges)


def unreachable(vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """Ids of ordinary tokens that their own bytes, as a word, are not encoded to; ascending, none where there are no words."""
    ordinary = ordinary_ids(vocabulary)
    model = vocabulary.model
    if not model.by_words or (isinstance(model, ByteLevelBPE) and model.ignore_merges):
        return np.zeros(0, np.int64)
    words = TokenTable.of(vocabulary.tokens[int(i)] for i in ordinary)
    ids, offsets = encode_words(vocabulary, _array(words))
    single = np.diff(offsets) == 1
    single[single] = ids[offsets[:-1][single]] == ordinary[single]
    return ordinary[~single]


def ordinary_ids(vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """The ids that text can be encoded to: neither special nor empty."""
    mask = TokenTable.of(vocabulary.tokens).lengths > 0
    mask[list(vocabulary.added_ids)] = False
    return np.flatnonzero(mask)


def merge_steps(vocabulary: Vocabulary, token_counts: npt.NDArray[np.int64]) -> MergeSteps | None:
    """The steps of every merge, from int64[V] counts of the tokens of a text, in O(V).

    None where prefixes of the merges need not nest: a token that several merges make or that is used before it is made,
    or one that only `ignore_merges` reaches. Use `tokens_at` there.
    """
    model = vocabulary.model
    if not isinstance(model, ByteLevelBPE):
        return None
    merges, products = model.merges, merge_products(vocabulary)
    born = np.full(len(vocabulary), -1, np.int64)
    born[products[products >= 0]] = np.flatnonzero(products >= 0)
    ranks = np.arange(len(merges))
    parts = born[merges] if len(merges) else np.zeros((0, 2), np.int64)
    lengths = TokenTable.of(vocabulary.tokens).lengths
    orphans = (parts < 0) & (lengths[merges] > 1) if len(merges) else np.zeros((0, 2), np.bool_)
    if (
        (products < 0).any()
        or len(np.unique(products)) != len(products)
        or (parts >= ranks[:, None]).any()
        or orphans.any()
        or (model.ignore_merges and _only_whole(vocabulary))
    ):
        return None
    steps = np.zeros(len(merges), np.int64)
    unmake_merges(
        np.ascontiguousarray(merges, np.int64).reshape(-1), products, token_counts.astype(np.int64), steps
    )
    total = int(np.dot(token_counts, lengths))
    tokens = np.concatenate([[total], total - np.cumsum(steps)])
    sizes = len(vocabulary) - len(merges) + np.arange(len(merges) + 1)
    return MergeSteps(steps=steps, sizes=sizes, tokens=tokens)


def _only_whole(vocabulary: Vocabulary) -> bool:
    plain = replace(vocabulary, model=replace(byte_level(vocabulary.model), ignore_merges=False))
    return len(unreachable(plain)) > 0


def prefix(vocabulary: Vocabulary, merges: int) -> Vocabulary:
    """The vocabulary with its first `merges` merges only; ids stay, and what is not made any more is an empty token."""
    products = merge_products(vocabulary)
    keep = set(products[:merges].tolist())
    tokens = list(vocabulary.tokens)
    for token in products[merges:].tolist():
        if token >= 0 and token not in keep:
            tokens[token] = b""
    merges_left = vocabulary.model.merges[:merges]
    if len(merges_left):
        merges_left = merges_left[[bool(tokens[a] and tokens[b]) for a, b in merges_left.tolist()]]
    return replace(vocabulary, tokens=tokens, model=replace(byte_level(vocabulary.model), merges=merges_left))


def tokens_at(vocabulary: Vocabulary, counts: WordCounts, merges: int) -> int:
    """The tokens of a text's words with the first `merges` merges, by encoding them: for any list of merges."""
    _, offsets = encode_words(prefix(vocabulary, merges), counts.words)
    return int(np.dot(np.diff(offsets), counts.counts))


def _array(words: TokenTable) -> pa.LargeBinaryArray:
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(words), [None, pa.py_buffer(words.offsets), pa.py_buffer(words.data)]
    )
