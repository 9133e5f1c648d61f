"""The segments of a row, position by position."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "pairs", "per_token", "places"]


def places(lengths: Sequence[int], seq_len: int) -> list[tuple[int, int]]:
    """The segment and the position in it of every position of a row; (-1, 0) on padding.

    >>> places([2, 1], 4)
    [(0, 0), (0, 1), (1, 0), (-1, 0)]
    """
    found = [(segment, i) for segment, length in enumerate(lengths) for i in range(length)]
    return found + [(-1, 0)] * (seq_len - len(found))


def per_token(values: Sequence[float], lengths: Sequence[int], seq_len: int, pad: float) -> list[float]:
    """The value of its segment at every position of a row.

    >>> per_token([7, 9], [2, 1], 4, -1)
    [7, 7, 9, -1]
    """
    return [values[segment] if segment >= 0 else pad for segment, _ in places(lengths, seq_len)]


def pairs(lengths: Sequence[int], seq_len: int, *, across_documents: bool = False) -> list[int]:
    """The positions of a row whose next token is to be predicted.

    >>> pairs([2, 1], 4), pairs([2, 1], 4, across_documents=True)
    ([0], [0, 1])
    """
    at = places(lengths, seq_len)
    return [
        i
        for i, (here, after) in enumerate(zip(at, at[1:], strict=False))
        if after[0] >= 0 and (across_documents or here[0] == after[0])
    ]


TWINS: Mapping[str, Callable[..., object]] = {
    "pack.kernels.derive:number_segments": places,
    "pack.kernels.derive:number_positions": places,
    "pack.kernels.derive:copy_targets": pairs,
}
