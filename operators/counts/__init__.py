"""Word counts: how often each pretoken occurs, exactly, and weights that keep them whole."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.counts.words import KeyCounter, WordCounter, WordCounts, count_words, merge_counts

__all__ = [
    "KeyCounter",
    "WordCounter",
    "WordCounts",
    "count_words",
    "merge_counts",
]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.counts.words": (
                "KeyCounter",
                "WordCounter",
                "WordCounts",
                "count_words",
                "merge_counts",
            ),
        },
    )
