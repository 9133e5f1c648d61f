"""WordPiece: the longest piece at each place of a word."""

from collections.abc import Callable, Mapping

__all__ = ["TWINS", "encode_word"]


def encode_word(
    word: str, pieces: Mapping[str, int], *, unknown: int, prefix: str = "##", longest: int = 100
) -> list[int]:
    """The ids of a word; that of `unknown` alone where it is too long, or no piece is found somewhere.

    >>> encode_word("abc", {"a": 1, "ab": 2, "##c": 3}, unknown=0)
    [2, 3]
    """
    if len(word) > longest:
        return [unknown]
    ids: list[int] = []
    start = 0
    while start < len(word):
        end = len(word)
        while end > start and (prefix if start else "") + word[start:end] not in pieces:
            end -= 1
        if end == start:
            return [unknown]
        ids.append(pieces[(prefix if start else "") + word[start:end]])
        start = end
    return ids


TWINS: Mapping[str, Callable[..., object]] = {"models.wordpiece.kernels:encode_block": encode_word}
