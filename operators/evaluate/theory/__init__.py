"""How much of a text's structure tokens carry by themselves: unigram cross-entropy beside entropies of the text.

Rajaraman, Jiao and Ramchandran, "Toward a Theory of Tokenization in LLMs" (2024): the best unigram model over the tokens
of a good dictionary comes near the entropy rate of the text, which over its symbols it does not. Everything is in bits
per symbol of the text, that is per byte where the text is bytes.
"""

from pairloom.operators.evaluate.theory.compressors import static_ac_ratio, zlib_ratio
from pairloom.operators.evaluate.theory.dictionaries import (
    apply_merges,
    lzw_dictionary,
    lzw_encode,
    sequential_bpe,
)
from pairloom.operators.evaluate.theory.entropy import order_entropy, unigram_bits

__all__ = [
    "apply_merges",
    "lzw_dictionary",
    "lzw_encode",
    "order_entropy",
    "sequential_bpe",
    "static_ac_ratio",
    "unigram_bits",
    "zlib_ratio",
]
