"""What a model sees of the rows of a batch: all of them, without padding, cut behind the longest, or a rank's slice of each."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.pack import derive as segments
from pairloom.operators.pack.views import ContextOrder, ContextSlice, PaddingFree, context_slice

__all__ = ["Seen", "check_view"]


class Seen:
    """The rows of a batch: whole, without padding, or a part of each."""

    def __init__(self, lengths: pa.Array, width: int, view: PaddingFree | ContextSlice | None) -> None:
        self._lengths, self._width, self._view = lengths, width, view

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What is seen of what positions have: [b, width]; [1, t] without padding."""
        match self._view:
            case PaddingFree() as view:
                return view.packed(values)[None]
            case ContextSlice() as view:
                return view.of(values)
        return values

    def cu_seqlens(self) -> npt.NDArray[np.int32]:
        """The boundaries of what belongs together."""
        return (
            segments.cu_seqlens(self._lengths, self._width) if self._view is None else self._view.cu_seqlens
        )

    def token_places(self) -> npt.NDArray[np.int64]:
        """Where what is seen stands in rows laid end to end."""
        rows, width = len(self._lengths), self._width
        match self._view:
            case PaddingFree() as view:
                return view.gather
            case ContextSlice() as view:
                return (np.arange(rows)[:, None] * width + view.places).reshape(-1)
        return np.arange(rows * width)

    def run_first(self) -> npt.NDArray[np.int32]:
        """The place in its segment of what each boundary begins."""
        if isinstance(self._view, ContextSlice):
            return self._view.first
        return np.zeros(len(self.cu_seqlens()) - 1, np.int32)


def check_view(
    width: int, without: bool, trim: int | None, context: tuple[int, int] | None, order: ContextOrder
) -> None:
    """Raises RecipeError for rows that cannot be seen so."""
    if without + (trim is not None) + (context is not None) > 1:
        raise RecipeError("padding_free, trim and context cannot be had together: choose one of them")
    if trim is not None and trim < 1:
        raise RecipeError(f"trim={trim}: rows are cut at multiples of 1 or more: write for example trim=8")
    if context is not None:
        try:
            context_slice([], width, *context, order)
        except ValueError as error:
            raise RecipeError(f"context={context}: {error}") from error
