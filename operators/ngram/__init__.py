"""Language models of n-grams of tokens: exact counts as a table, and the probabilities that they give.

    statistic `language_model` ── table, a trie in rows ──▶ NgramModel ── scores ──▶ perplexity of documents
                                                                       └─ distribution ──▶ what comes next

A table has a row for each n-gram of 1 to `order` tokens that occurs within a document, by length and then by ids: `parent`, the
place of its first n - 1 tokens among those of that length, its last `token`, its `count`, and `left`, how many different tokens
stand before it, which for the highest length is not needed and 0. All are whole numbers, and exact.
"""

from pairloom.operators.ngram._model import KINDS, NgramModel
from pairloom.operators.ngram._tables import Level, added_level, counted, levels_of, table_of, table_schema

__all__ = ["KINDS", "Level", "NgramModel", "added_level", "counted", "levels_of", "table_of", "table_schema"]
