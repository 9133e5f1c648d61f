"""What BPE-dropout does to a word, in plain Python: the twin of its kernels."""

from collections.abc import Mapping

from pairloom.operators.reference.hashing import draw

__all__ = ["TWINS", "lay_merges", "merge_words"]

Merges = Mapping[tuple[int, int], tuple[int, int]]


def lay_merges(pairs: Merges) -> dict[tuple[int, int], tuple[int, int]]:
    """A table of merges: of each pair the rank and the product."""
    return dict(pairs)


def merge_words(word: list[int], number: int, stream: int, share: int, merges: Merges) -> list[int]:
    """The pieces of word `number` of a document, by the ids of its bytes; `share`, in 2^53rds, of the merges are left out.

    >>> merge_words([0, 1, 0], 0, 5, 0, {(0, 1): (0, 2), (2, 0): (1, 3)})
    [3]
    """
    own, size, step = draw(stream, number), len(word), 0
    pieces = list(word)
    while True:
        left = [
            (merges[pair][0], i)
            for i, pair in enumerate(zip(pieces, pieces[1:], strict=False))
            if pair in merges and draw(own, step * size + i) >> 11 >= share
        ]
        if not left:
            return pieces
        _, at = min(left)
        pieces[at : at + 2] = [merges[pieces[at], pieces[at + 1]][1]]
        step += 1


TWINS = {
    "transforms.kernels.bpe_dropout:lay_merges": lay_merges,
    "transforms.kernels.bpe_dropout:merge_words": merge_words,
}
