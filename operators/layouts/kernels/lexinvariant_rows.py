"""Rows in other tokens: by the kernel of the step on tokens, which a recipe without such a step has no use for."""

from typing import Any

import numpy as np

__all__ = ["warm_up"]


def warm_up(rows: Any) -> None:
    """Let a few tokens stand for each other."""
    from pairloom.operators.layouts.lexinvariant_rows import LexinvariantRows
    from pairloom.operators.transforms.lexinvariant import Tables

    tables = Tables(ordinary=np.arange(9, dtype=np.uint32), place=np.arange(9))
    LexinvariantRows()(rows, 0, 0, 0, tables)
