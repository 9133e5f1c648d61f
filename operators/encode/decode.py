"""Token ids back into bytes, and where each token ends."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.kernels.decode import copy_tokens, find_ends, measure_lists
from pairloom.operators.errors import DataError
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["begun_characters", "check_known", "decode_lists", "flat_lists", "token_ends"]


def flat_lists(ids: pa.Array) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """A List or LargeList column of integers as (values, offsets), offsets from 0; a null list reads as an empty one.

    Raises DataError for a null, a negative or a too large id inside a list, TypeError for another column.
    """
    kind = ids.type
    if pa.types.is_fixed_size_list(kind):
        ids, kind = ids.cast(pa.large_list(kind.value_type)), pa.large_list(kind.value_type)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_integer(
        kind.value_type
    ):
        raise TypeError(f"expected a column of lists of integers, got {kind}")
    lengths = ids.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.zeros(len(ids) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    values = ids.flatten()
    if values.null_count:
        raise DataError(f"a list of ids holds {values.null_count} nulls")
    wide = values.to_numpy(zero_copy_only=False)
    if wide.dtype.kind == "i" and len(wide) and int(wide.min()) < 0:
        raise DataError(f"id {int(wide.min())} is negative")
    if wide.dtype.itemsize == 8 and len(wide) and int(wide.max()) >= 1 << 32:
        raise DataError(f"id {int(wide.max())} does not fit 32 bits")
    return np.array(wide, dtype=np.uint32), offsets


def decode_lists(
    tokens: TokenTable, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]
) -> pa.LargeBinaryArray:
    """The bytes that each list of ids stands for; raises DataError for an id outside the vocabulary."""
    check_known(values, len(tokens))
    sizes = np.zeros(len(offsets), np.int64)
    total = measure_lists(values, offsets, np.array(tokens.offsets), sizes)
    out = np.empty(total, np.uint8)
    copy_tokens(values, np.array(tokens.data), np.array(tokens.offsets), out)
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(sizes), pa.py_buffer(out)]
    )


def token_ends(
    tokens: TokenTable,
    values: npt.NDArray[Any],
    offsets: npt.NDArray[np.int64],
    prepended: int,
    appended: int,
) -> npt.NDArray[np.int64]:
    """Where each token ends in its decoded document, in bytes; what was put around the documents has no length."""
    ends = np.empty(len(values), np.int64)
    find_ends(values.astype(np.uint32), offsets, np.array(tokens.offsets), prepended, appended, ends)
    return ends


def begun_characters(tokens: TokenTable) -> TokenTable:
    r"""Tokens as long as characters begin in each: the bytes that go on with one of UTF-8 are left out.

    >>> begun_characters(TokenTable.of([b"a", b"\xc3", b"\xa9b"])).lengths.tolist()
    [1, 1, 1]
    """
    begins = tokens.data & 0xC0 != 0x80
    counted = np.concatenate([[0], np.cumsum(begins)])
    return TokenTable(tokens.data[begins], counted[tokens.offsets])


def check_known(values: npt.NDArray[np.uint32], count: int) -> None:
    """Raise DataError for an id outside a vocabulary of so many tokens."""
    highest = int(values.max(initial=0))
    if len(values) and highest >= count:
        raise DataError(f"id {highest} is outside a vocabulary of {count} tokens")
