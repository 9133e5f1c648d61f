"""Any-subset orders of one row, over Python lists: the twin of its kernels."""

from collections.abc import Callable, Mapping, Sequence

from pairloom.operators.reference.layouts.draws import IGNORED, below, draw, share

__all__ = ["TWINS", "order_tokens", "see_earlier"]

RATE, PROMPT = 0xB8E1AFED6A267E96, 0xBA7C9045F12C7F99


def order_tokens(
    row: Sequence[int],
    segments: Sequence[int],
    stream: int,
    number: int,
    low: float,
    high: float,
    strata: int,
) -> tuple[list[int], list[int], list[int]]:
    """Of the used tokens of a row: which are given, their ranks, and the labels of the others."""
    prompt, rank, labels = [0] * len(row), [0] * len(row), list(row)
    at = 0
    for s, length in enumerate(segments):
        part = share(draw(stream, RATE, at)) / 2**53
        rate = low + (high - low) * ((number + s) % strata + part) / strata
        given = min(length, max(1, int((1 - rate) * length) + 1))
        chosen: list[int] = []
        for i in range(at, at + length):
            if below(draw(stream, PROMPT, i), at + length - i) < given - len(chosen):
                chosen.append(i)
        rest = [i for i in range(at, at + length) if i not in chosen]
        for place, i in enumerate([*chosen, *rest]):
            rank[i] = place
        for i in chosen:
            prompt[i], labels[i] = 1, IGNORED
        at += length
    return prompt, rank, labels


def see_earlier(prompt: Sequence[int], rank: Sequence[int], segments: Sequence[int]) -> list[list[bool]]:
    """Which places of a row see which; `segments` says of which each place is, -1 on padding."""
    return [
        [
            (segments[i] == segments[j] and (bool(prompt[i] and prompt[j]) or rank[j] < rank[i]))
            or (i == j and rank[i] < 0)
            for j in range(len(rank))
        ]
        for i in range(len(rank))
    ]


TWINS: Mapping[str, Callable[..., object]] = {
    "layouts.kernels.any_subset:order_tokens": order_tokens,
    "layouts.kernels.any_subset:see_earlier": see_earlier,
}
