"""Measuring tokenizers: pure functions of word counts, token counts, vocabularies and documents' lengths."""

from pairloom.operators.evaluate.curve import MergeSteps, merge_steps, tokens_at, unreachable
from pairloom.operators.evaluate.distribution import Documents, entropy, rank_frequency, renyi_efficiency
from pairloom.operators.evaluate.numbers import chunk_digits, count_numbers, number_facts, tally_numbers
from pairloom.operators.evaluate.usage import TokenUse, token_use
from pairloom.operators.evaluate.word_tally import WordTally, encode_words, tally_words

__all__ = [
    "Documents",
    "MergeSteps",
    "TokenUse",
    "WordTally",
    "chunk_digits",
    "count_numbers",
    "encode_words",
    "entropy",
    "merge_steps",
    "number_facts",
    "rank_frequency",
    "renyi_efficiency",
    "tally_numbers",
    "tally_words",
    "token_use",
    "tokens_at",
    "unreachable",
]
