"""Encoding around words: special tokens in text, words that are not known, and ids back into bytes."""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

__all__ = ["TWINS", "decode", "find_added", "find_special", "spoiled_bytes", "unknown_words"]


def find_added(text: str, tokens: Sequence[str], left: Collection[str] = ()) -> list[tuple[int, str]]:
    """As `find_special`, but that those that are `left` stay text, and keep others from what they spell.

    >>> find_added("a<s><s>>", ["<s>", "<s>>"], {"<s>>"})
    [(1, '<s>')]
    """
    return [(place, token) for place, token in find_special(text, tokens) if token not in left]


def find_special(text: str, tokens: Sequence[str]) -> list[tuple[int, str]]:
    """Where special tokens stand in a text, without overlap: leftmost first, of those at one place the longest.

    >>> find_special("a<s><s>>", ["<s>", "<s>>"])
    [(1, '<s>'), (4, '<s>>')]
    """
    found = []
    place = 0
    while place < len(text):
        here = max((token for token in tokens if text.startswith(token, place)), key=len, default="")
        if here:
            found.append((place, here))
        place += max(1, len(here))
    return found


def unknown_words(words: Iterable[bytes], memo: Collection[bytes]) -> int:
    """How many pretokens are no words of a memo; those of more than 1,024 bytes are never in one.

    >>> unknown_words([b"the", b" cat", b" cat"], {b"the"})
    2
    """
    return sum(len(word) > 1024 or word not in memo for word in words)


def decode(ids: Iterable[int], tokens: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """The bytes of some ids, and where each token ends in them.

    >>> decode([1, 0, 1], [b"a", b"bc"])
    (b'bcabc', [2, 3, 5])
    """
    parts = [tokens[token] for token in ids]
    return b"".join(parts), list(itertools.accumulate(map(len, parts)))


def spoiled_bytes(kinds: Sequence[int], *, whole: bool) -> list[bool]:
    """Of tokens that are bytes (0 to 255), others (256) or none (257), which are bytes that are no text with those beside them.

    >>> spoiled_bytes([0xC3, 0xA9, 0xC3], whole=False)
    [False, False, True]
    >>> spoiled_bytes([0xC3, 0xA9, 0xC3], whole=True)
    [True, True, True]
    """
    found = [False] * len(kinds)
    there = [i for i, kind in enumerate(kinds) if kind != 257]
    for is_byte, group in itertools.groupby(there, lambda i: kinds[i] < 256):
        run = list(group) if is_byte else []
        while run:
            sizes = range(len(run), len(run) + 1) if whole else range(1, 5)
            size = next((n for n in sizes if _is_text(bytes(kinds[i] for i in run[:n]))), 0)
            for i in run[: (len(run) if whole else 1)] if not size else ():
                found[i] = True
            run = [] if whole else run[max(size, 1) :]
    return found


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


TWINS: Mapping[str, Callable[..., object]] = {
    "encode.kernels.special:find_tokens": find_added,
    "encode.kernels.special:cut_segments": find_added,
    "encode.kernels.decode:measure_lists": decode,
    "encode.kernels.decode:copy_tokens": decode,
    "encode.kernels.decode:find_ends": decode,
    "encode.kernels.runs:spoil_runs": spoiled_bytes,
    "encode.kernels.table:rehash_short": unknown_words,
    "encode.kernels.table:rehash_long": unknown_words,
}
