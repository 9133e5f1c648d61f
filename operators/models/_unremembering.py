"""Tables of a vocabulary of which no encoder remembers a word."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

__all__ = ["Unremembering"]


class Unremembering:
    """Tables (`Compiled`) that are their own encoder: no word is counted or kept."""

    def encoder(self, *, memo: Any = None, table_bytes: int = 0) -> Self:
        """Itself."""
        return self

    def memorized(self, words: Sequence[bytes]) -> None:
        """Nothing: see `encoder`."""

    @property
    def statistics(self) -> Mapping[str, int]:
        """There are no words."""
        return {"lookups": 0, "unknown": 0}
