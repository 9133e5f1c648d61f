"""Kernels of row steps, a file for each step."""

import pkgutil
from importlib import import_module

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Apply every step to rows of a few tokens of either width: each file here that has kernels says how."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.schema import INPUT_IDS, SEGMENT_LENGTHS

    places = [import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    for place in (place for place in places if hasattr(place, "warm_up")):
        for dtype in (np.uint16, np.uint32):
            ids = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(8, dtype=dtype)), 8)
            place.warm_up(pa.record_batch([ids, pa.array([[5, 2]])], names=[INPUT_IDS, SEGMENT_LENGTHS]))
