"""Packing: document lengths to rows (a plan of integers), then one gather of the tokens."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.pack.bucket_sizes import widths
    from pairloom.operators.pack.buckets import decompose
    from pairloom.operators.pack.gathering import gather, gather_column
    from pairloom.operators.pack.overflow import OVERFLOWS, kept_lengths, kept_of
    from pairloom.operators.pack.packing import pack
    from pairloom.operators.pack.plan import PackPlan
    from pairloom.operators.pack.strategies import STRATEGIES

__all__ = [
    "OVERFLOWS",
    "STRATEGIES",
    "PackPlan",
    "decompose",
    "gather",
    "gather_column",
    "kept_lengths",
    "kept_of",
    "pack",
    "widths",
]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.pack.bucket_sizes": ("widths",),
            "pairloom.operators.pack.buckets": ("decompose",),
            "pairloom.operators.pack.gathering": ("gather", "gather_column"),
            "pairloom.operators.pack.overflow": ("OVERFLOWS", "kept_lengths", "kept_of"),
            "pairloom.operators.pack.packing": ("pack",),
            "pairloom.operators.pack.plan": ("PackPlan",),
            "pairloom.operators.pack.strategies": ("STRATEGIES",),
        },
    )
