"""Documents of tokens as the units that they are spelled with, over Python lists: the twin of their kernel."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "copy_units"]


def copy_units(ids: Sequence[int], spelled: Sequence[Sequence[int]]) -> list[int]:
    """The units of all tokens, one after another."""
    return [unit for token in ids for unit in spelled[token]]


TWINS: Mapping[str, Callable[..., object]] = {"transforms.kernels.spelling:copy_units": copy_units}
