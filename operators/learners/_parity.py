"""Which groups of documents a vocabulary is to treat alike."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

__all__ = ["Parity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """That each merge is the one that helps the group most which is worst off.

    Worst off is the group that takes the most tokens for what it says: for each `unit` of its own text (`bytes` or
    `characters`), or, with `amounts`, for the amount that is given for it by its name. The first `first` merges are those of all
    groups together. Of `window` merges in a row, none but the last ones left is chosen for more than twice its share (0: for any
    number). `by` is `source`, or the column that says of which group a document is.

    >>> Parity(by="language", window=100).named
    {'by': 'language', 'unit': 'bytes', 'amounts': [], 'first': 0, 'window': 100}
    """

    by: str = "source"
    unit: str = "bytes"
    amounts: tuple[tuple[str, Fraction], ...] = ()
    first: int = 0
    window: int = 0

    def __post_init__(self) -> None:
        if self.unit not in ("bytes", "characters"):
            raise ValueError(f"parity.unit is bytes or characters, not {self.unit!r}")
        for name in ("first", "window"):
            if getattr(self, name) < 0:
                raise ValueError(f"parity.{name} must not be negative, got {getattr(self, name)}")
        for name, amount in self.amounts:
            if amount <= 0:
                raise ValueError(f"parity.amounts has {amount} for {name!r}: it must be more than 0")

    @property
    def named(self) -> dict[str, Any]:
        """Its keys, as JSON."""
        amounts = [[name, str(amount)] for name, amount in self.amounts]
        return {
            "by": self.by,
            "unit": self.unit,
            "amounts": amounts,
            "first": self.first,
            "window": self.window,
        }
