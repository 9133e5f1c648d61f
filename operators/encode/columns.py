"""Arrow columns around the encoders: chunks, nulls, other types of text and of lists."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.text.arrays import TextArray

__all__ = ["as_text", "join_arrays", "list_array", "text_arrays", "with_nulls_of"]


def text_arrays(texts: TextArray) -> list[pa.Array]:
    """The chunks of a column as arrays of strings, one at least.

    Bytes are strings once they are known to be UTF-8; raises ValueError for those that are not.
    """
    arrays = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return [as_text(array) for array in arrays] or [pa.array([], pa.large_string())]


def as_text(array: pa.Array) -> pa.Array:
    """Strings as they are; bytes once they are known to be UTF-8; anything else is left for `text_of` to refuse."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return as_text(array.cast(kind.value_type))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return array.cast(pa.string() if pa.types.is_binary(kind) else pa.large_string())
        except pa.ArrowInvalid as error:
            raise ValueError(f"document {_first_invalid(array)} is not UTF-8: {error}") from error
    if pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return as_text(array.cast(pa.large_binary()))
    return array.cast(pa.large_string()) if pa.types.is_string_view(kind) else array


def _first_invalid(array: pa.Array) -> int:
    for i, item in enumerate(array.to_pylist()):
        try:
            (item or b"").decode()
        except UnicodeDecodeError:
            return i
    return -1


def list_array(
    values: npt.NDArray[Any], lists: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_] | None
) -> pa.LargeListArray:
    """Lists of `values`, that begin at `lists`; null where `valid` is False."""
    kind = pa.from_numpy_dtype(values.dtype)
    items = pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(
        pa.large_list(kind), len(lists) - 1, [bitmap, pa.py_buffer(lists)], null_count=-1, children=[items]
    )


def join_arrays(arrays: list[pa.Array]) -> pa.Array:
    """Arrays of one type one after another; a single one is not copied."""
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def with_nulls_of(array: pa.Array, decoded: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """`decoded`, null where `array` is."""
    if not array.null_count:
        return decoded
    bitmap = np.packbits(array.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    _, lists, data = decoded.buffers()
    return pa.Array.from_buffers(pa.large_binary(), len(decoded), [pa.py_buffer(bitmap), lists, data])
