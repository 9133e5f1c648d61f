"""Numbers as models store them: bfloat16 is what numpy has not, so it is carried as its bits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FLOATS", "as_float32", "as_stored"]

FLOATS: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}
"""What a number of each kind is held as; of bfloat16 its 16 bits."""


def as_float32(values: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    """Stored numbers to calculate with: float32, of float64 as they are.

    >>> as_float32(np.array([0x3F80, 0xC000], np.uint16), "BF16").tolist()
    [1.0, -2.0]
    """
    if kind == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values if kind in ("F32", "F64") else values.astype(np.float32)


def as_stored(values: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    """Numbers as they are stored: to the nearest, of two as near to the even one.

    >>> as_stored(np.array([1.0, -2.0], np.float32), "BF16").tolist() == [0x3F80, 0xC000]
    True
    """
    if kind != "BF16":
        return values.astype(FLOATS[kind])
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)
