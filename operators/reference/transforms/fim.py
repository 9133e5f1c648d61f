"""What fill-in-the-middle means, over Python lists: the twin of its kernels and of the whole step at the level of tokens."""

from collections.abc import Callable, Mapping, Sequence

from pairloom.operators.reference.hashing import draw

__all__ = ["TWINS", "choose_modes", "choose_places", "holds", "infill", "own_tokens", "places", "undone"]


def own_tokens(document: Sequence[int], special: set[int]) -> tuple[int, int]:
    """How many special tokens a document begins and ends with; one that has no others is all head.

    >>> own_tokens([0, 5, 0, 6, 0, 0], {0})
    (1, 2)
    """
    head = next((i for i, token in enumerate(document) if token not in special), len(document))
    rest = list(reversed(document[head:]))
    return head, next((i for i, token in enumerate(rest) if token not in special), 0)


def holds(document: Sequence[int], sentinels: set[int]) -> bool:
    """Whether a document holds one of the sentinels."""
    return not sentinels.isdisjoint(document)


def places(text: bytes, *, lines: bool, whole: Sequence[tuple[int, int]] = ()) -> list[int]:
    r"""Before which bytes a text may be cut: at characters or lines, and at its end, and inside none of the ranges `whole`.

    >>> places("a\u00e9b".encode(), lines=False)
    [0, 1, 3, 4]
    >>> places(b"a\n\nb", lines=True)
    [0, 2, 3, 4]
    """
    if lines:
        begins = {0} | {i + 1 for i, byte in enumerate(text) if byte == 10}
    else:
        begins = {len(part.encode()) for part in (text.decode()[:i] for i in range(len(text.decode())))}
    found = sorted(begins | {0, len(text)})
    return [at for at in found if not any(begin < at < end for begin, end in whole)]


def choose_modes(stream: int, chunk: int, rate: int, spm_rate: int) -> str:
    """Whether a chunk is "plain", "psm" or "spm"; the rates are in 2^53rds."""
    if draw(stream, 4 * chunk) >> 11 >= rate:
        return "plain"
    return "spm" if draw(stream, 4 * chunk + 1) >> 11 < spm_rate else "psm"


def choose_places(stream: int, chunk: int, places: int) -> tuple[int, int]:
    """Two of so many places to cut a chunk at, the smaller first."""
    one, other = ((draw(stream, 4 * chunk + k) >> 32) * places >> 32 for k in (2, 3))
    return min(one, other), max(one, other)


def infill(
    tokens: Sequence[int],
    mode: str,
    first: int,
    second: int,
    sentinels: dict[str, int],
    *,
    truncate: bool = False,
) -> list[int]:
    """A chunk as it is written, cut before its tokens `first` and `second`.

    >>> names = {"prefix": -1, "suffix": -2, "middle": -3}
    >>> infill([1, 2, 3, 4], "psm", 1, 3, names)
    [-1, 1, -2, 4, -3, 2, 3]
    >>> infill([1, 2, 3, 4], "spm", 1, 3, names)
    [-1, -2, 4, -3, 1, 2, 3]
    >>> infill([1, 2, 3, 4, 5, 6], "psm", 1, 6, names, truncate=True)
    [-1, 1, -2, -3, 2, 3]
    """
    prefix, middle, suffix = (list(part) for part in (tokens[:first], tokens[first:second], tokens[second:]))
    if mode == "plain":
        return list(tokens)
    if truncate:
        if len(middle) <= len(sentinels):
            return list(tokens)
        middle = middle[: len(middle) - len(sentinels)]
    start = {
        "psm": [sentinels["prefix"], *prefix, sentinels["suffix"], *suffix, sentinels["middle"], *middle],
        "spm": [sentinels["prefix"], sentinels["suffix"], *suffix, sentinels["middle"], *prefix, *middle],
    }[mode]
    return [*start, sentinels["eot"]] if "eot" in sentinels else start


def undone(tokens: Sequence[int], sentinels: dict[str, int]) -> list[int]:
    """The chunk that an infill was made of; tokens that are none stay.

    >>> undone([-1, -2, 4, -3, 1, 2, 3], {"prefix": -1, "suffix": -2, "middle": -3})
    [1, 2, 3, 4]
    """
    if not tokens or tokens[0] != sentinels["prefix"]:
        return list(tokens)
    end = len(tokens) - (1 if "eot" in sentinels else 0)
    suffix, middle = tokens.index(sentinels["suffix"]), tokens.index(sentinels["middle"])
    return [*tokens[1:suffix], *tokens[middle + 1 : end], *tokens[suffix + 1 : middle]]


TWINS: Mapping[str, Callable[..., object]] = {
    "transforms.kernels.fim:own_tokens": own_tokens,
    "transforms.kernels.fim:find_infilled": holds,
    "transforms.kernels.fim:choose_modes": choose_modes,
    "transforms.kernels.fim:choose_places": choose_places,
    "transforms.kernels.fim:count_places": places,
    "transforms.kernels.fim:find_places": places,
    "transforms.kernels.fim:arrange": infill,
}
