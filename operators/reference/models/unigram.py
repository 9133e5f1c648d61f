"""Unigram: of all ways to spell a word by pieces, the one whose scores have the greatest sum."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "encode_word"]


def encode_word(
    word: str, pieces: Sequence[tuple[str, float]], *, unknown: int, byte_ids: Sequence[int] = ()
) -> list[int]:
    """The ids of a word; characters without a piece are 10 worse than the worst one, and in a row one text.

    Sums are made from the left, and of two that are equal the one with the longer last piece stays.

    >>> encode_word("abq", [("<unk>", 0.0), ("a", -1.0), ("b", -1.0), ("ab", -1.5)], unknown=0)
    [3, 0]
    """
    ids = {piece: i for i, (piece, _) in enumerate(pieces) if piece}
    penalty = min(score for _, score in pieces) - 10.0
    best: list[tuple[float, int, int] | None] = [(0.0, 0, -1)] + [None] * len(word)
    for start in range(len(word)):
        known = best[start]
        assert known is not None
        offers = [
            (end, ids[word[start:end]]) for end in range(start + 1, len(word) + 1) if word[start:end] in ids
        ]
        found = [(end, pieces[i][1] + known[0], i) for end, i in offers]
        if word[start] not in ids:
            found.append((start + 1, penalty + known[0], unknown))
        for end, total, i in found:
            other = best[end]
            if other is None or total > other[0]:
                best[end] = (total, start, i)
    spans: list[tuple[int, int, int]] = []
    end = len(word)
    while end:
        node = best[end]
        assert node is not None
        if spans and spans[-1][2] == unknown == node[2]:
            spans[-1] = (node[1], spans[-1][1], unknown)
        else:
            spans.append((node[1], end, node[2]))
        end = node[1]
    out: list[int] = []
    for start, end, i in reversed(spans):
        text = word[start:end]
        if i != unknown or text in ids:
            out.append(ids[text])
        elif byte_ids:
            out += [byte_ids[byte] for byte in text.encode()]
        else:
            out.append(unknown)
    return out


TWINS: Mapping[str, Callable[..., object]] = {"models.unigram.kernels.block:encode_block": encode_word}
