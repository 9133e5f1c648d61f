"""Arrow text columns as the two flat arrays that kernels read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Text", "TextArray", "chunks", "frozen", "text_of", "texts_kept"]

_LARGE = pa.large_string()

Scalar = TypeVar("Scalar", bound=np.generic)

TextArray: TypeAlias = (
    pa.StringArray | pa.LargeStringArray | pa.BinaryArray | pa.LargeBinaryArray | pa.ChunkedArray
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Documents as bytes: document `i` is `data[offsets[i]:offsets[i + 1]]`.

    `data` is uint8 and may start before the first document and end after the last; `offsets` is int64, non-decreasing,
    with one entry more than there are documents. Both are read-only, and views of Arrow buffers where the column allows it.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", frozen(self.data))
        object.__setattr__(self, "offsets", frozen(self.offsets))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def bytes(self) -> int:
        """How many bytes the documents hold together."""
        return int(self.offsets[-1] - self.offsets[0])


def frozen(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """A read-only, contiguous view, so that kernels are compiled for one type of array whoever owns the memory."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def text_of(array: pa.Array) -> Text:
    """View one Arrow array of strings or binaries as `Text`; a null reads as an empty document.

    Slices (`offset != 0`) are viewed in place. Dictionary, view and fixed-size columns are cast first.
    Raises TypeError when the column holds neither text nor bytes.
    """
    kind = array.type
    if (
        kind == _LARGE and not array.null_count and array.buffers()[1] is not None
    ):  # as almost all of them are
        _, offsets, data = array.buffers()
        window = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        return Text(
            data=np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8), offsets=window
        )
    if pa.types.is_dictionary(kind):
        return text_of(array.cast(kind.value_type))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return text_of(array.cast(pa.large_binary()))
    wide = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    if not wide and not pa.types.is_string(kind) and not pa.types.is_binary(kind):
        raise TypeError(f"expected a column of strings or binaries, got {kind}")
    if array.null_count:
        array = array.fill_null(b"" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else "")
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return Text(data=np.zeros(0, np.uint8), offsets=np.zeros(len(array) + 1, np.int64))
    stored = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32)
    window = stored[array.offset : array.offset + len(array) + 1].astype(np.int64, copy=False)
    raw = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return Text(data=raw, offsets=window)


def texts_kept(texts: pa.LargeStringArray, keep: npt.NDArray[np.bool_]) -> pa.LargeStringArray:
    """The texts where `keep` is true, of texts without nulls; no byte is copied where all the others are empty.

    >>> texts_kept(pa.array(["a", "", "bc"], pa.large_string()), np.array([True, False, True])).to_pylist()
    ['a', 'bc']
    """
    text = text_of(texts)
    offsets = text.offsets
    if not len(text.data) or ((offsets[1:] > offsets[:-1]) & ~keep).any():
        return texts.filter(pa.array(keep))
    kept = np.append(offsets[:-1][keep], offsets[-1])
    return pa.LargeStringArray.from_buffers(len(kept) - 1, pa.py_buffer(kept), texts.buffers()[2])


def chunks(texts: TextArray) -> Iterator[Text]:
    """The chunks of a text column, one `Text` each; an array is its own only chunk."""
    arrays = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    for array in arrays:
        yield text_of(array)
