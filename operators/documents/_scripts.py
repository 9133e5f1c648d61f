"""Which characters are letters, and which of these are of some scripts."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pairloom.operators.text.pretokenize.patterns.properties import property_named

__all__ = ["script_table"]


@lru_cache(maxsize=8)
def script_table(scripts: tuple[str, ...]) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """A table in two levels, as kernels read it: bit 1 for a letter, bit 2 for a letter of one of the scripts."""
    letter = np.asarray(property_named("L"))
    points = letter.astype(np.uint8)
    for script in scripts:
        points[letter & np.asarray(property_named(script))] |= 2
    rows = points.reshape(-1, 64)
    distinct, index = np.unique(rows[2:], axis=0, return_inverse=True)
    block_of = np.concatenate([[0, 1], index.reshape(-1) + 2]).astype(np.uint16)
    blocks = np.concatenate([rows[:2], distinct]).reshape(-1)
    for table in (block_of, blocks):
        table.setflags(write=False)
    return block_of, blocks
