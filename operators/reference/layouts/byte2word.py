"""Words of a row that are not too long, over Python lists: the twin of their kernel."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "cut_words", "spell_words"]


def cut_words(
    row: Sequence[int], marks: Sequence[int], size: Sequence[int], max_bytes: int, max_tokens: int
) -> list[list[int]]:
    """The tokens of each word, of which `marks` says where they begin (1), go on (2), and are special (0)."""
    words: list[list[int]] = []
    for token, mark in zip(row, marks, strict=True):
        word = words[-1] if words else []
        if mark != 2 or len(word) == max_tokens or sum(size[one] for one in [*word, token]) > max_bytes:
            words.append([])
        words[-1].append(token)
    return words


def spell_words(words: Sequence[Sequence[int]], tokens: Sequence[bytes]) -> list[bytes]:
    """The bytes of each word."""
    return [b"".join(tokens[token] for token in word) for word in words]


TWINS: Mapping[str, Callable[..., object]] = {
    "layouts.kernels.byte2word:cut_words": cut_words,
    "layouts.kernels.byte2word:spell_words": spell_words,
}
