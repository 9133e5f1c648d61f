"""Kernels of token steps, a file for each step or for what several share."""

import pkgutil
from importlib import import_module

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Apply every step to a few tokens of either width: each file here says how."""
    import numpy as np

    from pairloom.operators.schema import INPUT_IDS
    from pairloom.operators.tokens import TokenBatch

    for info in pkgutil.iter_modules(__path__):
        place = import_module(f"{__name__}.{info.name}")
        for dtype in (np.uint16, np.uint32):
            place.warm_up(TokenBatch.from_lists({INPUT_IDS: [np.array([0, 5, 6, 7, 0], dtype)]}))
