"""Byte-level BPE: merges learned from word counts, id for id as Hugging Face's `BpeTrainer` in byte-level mode."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.bpe.extend import (
        Extension,
        append_tokens,
        extend_bpe,
        old_pieces,
        unreachable_tokens,
    )
    from pairloom.operators.models.bpe.learning import count_pairs, learn_bpe, learn_memory
    from pairloom.operators.models.bpe.merges import ordinal_merges
    from pairloom.operators.models.bpe.model import ByteLevelBPE
    from pairloom.operators.models.bpe.replaying import ReplayStep, replay
    from pairloom.operators.models.bpe.superwords import learn_superwords, segment_words, superwords_memory
    from pairloom.operators.models.bpe.tiktoken_file import load_tiktoken, save_tiktoken

__all__ = [
    "ByteLevelBPE",
    "Extension",
    "ReplayStep",
    "append_tokens",
    "count_pairs",
    "extend_bpe",
    "learn_bpe",
    "learn_memory",
    "learn_superwords",
    "load_tiktoken",
    "old_pieces",
    "ordinal_merges",
    "replay",
    "save_tiktoken",
    "segment_words",
    "superwords_memory",
    "unreachable_tokens",
]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.operators.models.bpe.extend": (
                "Extension",
                "append_tokens",
                "extend_bpe",
                "old_pieces",
                "unreachable_tokens",
            ),
            "pairloom.operators.models.bpe.learning": ("count_pairs", "learn_bpe", "learn_memory"),
            "pairloom.operators.models.bpe.merges": ("ordinal_merges",),
            "pairloom.operators.models.bpe.model": ("ByteLevelBPE",),
            "pairloom.operators.models.bpe.replaying": ("ReplayStep", "replay"),
            "pairloom.operators.models.bpe.superwords": (
                "learn_superwords",
                "segment_words",
                "superwords_memory",
            ),
            "pairloom.operators.models.bpe.tiktoken_file": ("load_tiktoken", "save_tiktoken"),
        },
    )
