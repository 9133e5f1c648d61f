"""Targets further ahead in one row, over Python lists: the twin of their kernel."""

from collections.abc import Callable, Mapping, Sequence

from pairloom.operators.reference.layouts.draws import IGNORED

__all__ = ["TWINS", "look_ahead"]


def look_ahead(
    row: Sequence[int], segments: Sequence[int], heads: int, within: Sequence[int] | None = None
) -> list[list[int]]:
    """For each head, the labels of the used tokens of a row."""
    labels = [[IGNORED] * len(row) for _ in range(heads)]
    at = 0
    for length in segments:
        for i in range(at, at + length):
            for h in range(heads):
                target = i + 1 + h
                if target >= at + length:
                    continue
                run = within[i + 1 : target + 1] if within is not None and h > 0 else [1]
                if run[0] != 0 and len(set(run)) == 1:
                    labels[h][i] = row[target]
        at += length
    return labels


TWINS: Mapping[str, Callable[..., object]] = {"layouts.kernels.caft:look_ahead": look_ahead}
