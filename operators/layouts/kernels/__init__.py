"""Kernels of row steps."""

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Mask a row of a few tokens of either width, word by word and in spans."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.layouts.masked_lm import MaskedLM, Tables
    from pairloom.operators.schema import INPUT_IDS, SEGMENT_LENGTHS

    tables = Tables(bits=np.zeros(9, np.uint8), ordinary=np.arange(9, dtype=np.uint32), mask=0)
    for dtype in (np.uint16, np.uint32):
        ids = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(4, dtype=dtype)), 4)
        rows = pa.record_batch([ids, pa.array([[3]])], names=[INPUT_IDS, SEGMENT_LENGTHS])
        for step in (MaskedLM(), MaskedLM(unit="span")):
            step(rows, 0, 0, 0, tables)
