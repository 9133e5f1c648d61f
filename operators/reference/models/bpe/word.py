"""Encoding: of a word, merge the pair of the lowest rank, leftmost first, until no pair has a rank."""

import itertools
from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "encode_word"]


def encode_word(symbols: Sequence[int], ranks: Mapping[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Apply merges to the ids of a word's bytes; `ranks` maps a pair to (rank, product).

    >>> encode_word([0, 1, 0, 1, 2], {(0, 1): (0, 3), (3, 2): (1, 4)})
    [3, 4]
    """
    word = list(symbols)
    while len(word) > 1:
        best, rank = -1, None
        for i, pair in enumerate(itertools.pairwise(word)):
            found = ranks.get(pair)
            if found is not None and (rank is None or found[0] < rank):
                best, rank = i, found[0]
        if rank is None:
            break
        word[best : best + 2] = [ranks[word[best], word[best + 1]][1]]
    return word


TWINS: Mapping[str, Callable[..., object]] = {
    "encode.kernels.state:open_documents": encode_word,
    "models.bpe.kernels.block:encode_block": encode_word,
    "models.bpe.kernels.joined:encode_joined": encode_word,
    "models.bpe.kernels.joins:cut_words": encode_word,
    "models.bpe.kernels.joins:fill_cuts": encode_word,
    "models.bpe.kernels.joins:fill_seams": encode_word,
    "models.bpe.kernels.joins:first_joined": encode_word,
    "models.bpe.kernels.linear:fill_merges": encode_word,
    "models.bpe.kernels.linear:fill_shorter": encode_word,
    "models.bpe.kernels.trie:fill_trie": encode_word,
    "models.bpe.kernels.word:fill_grid": encode_word,
    "models.bpe.kernels.word:fill_ranks": encode_word,
    "models.bpe.kernels.word:fill_whole": encode_word,
    "models.bpe.sharded.kernels.remaking:merge_words": encode_word,
}
