"""What to compute: pure functions and values over numpy and Arrow buffers."""

if __name__ != "pairloom.operators":
    raise ImportError(
        "import this package as pairloom.operators (install the project with `pip install -e .`)"
    )

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounter, WordCounts, count_words, merge_counts
    from pairloom.operators.models.bpe import (
        append_tokens,
        count_pairs,
        extend_bpe,
        learn_bpe,
        learn_superwords,
        replay,
        segment_words,
    )
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "Pretokenizer",
    "Vocabulary",
    "WordCounter",
    "WordCounts",
    "append_tokens",
    "count_pairs",
    "count_words",
    "extend_bpe",
    "learn_bpe",
    "learn_superwords",
    "merge_counts",
    "replay",
    "segment_words",
]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.counts": (
                "WordCounter",
                "WordCounts",
                "count_words",
                "merge_counts",
            ),
            "pairloom.operators.models.bpe": (
                "append_tokens",
                "count_pairs",
                "extend_bpe",
                "learn_bpe",
                "learn_superwords",
                "replay",
                "segment_words",
            ),
            "pairloom.operators.text.pretokenize": ("Pretokenizer",),
            "pairloom.operators.vocabulary": ("Vocabulary",),
        },
    )
