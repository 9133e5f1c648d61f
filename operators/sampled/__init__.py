"""Vocabularies drawn at random, and what their tokens are to another vocabulary: what trains a model that makes embeddings.

words of a batch ──▶ substrings, counted ──with noise──▶ the best as a Unigram ──▶ each token in ids of the base
"""

from pairloom.operators.sampled.drawing import Draw, Drawn, draw_documents, draw_vocabulary
from pairloom.operators.sampled.substrings import Substrings, substrings
from pairloom.operators.sampled.surface import spelled_bytes, surface_forms

__all__ = [
    "Draw",
    "Drawn",
    "Substrings",
    "draw_documents",
    "draw_vocabulary",
    "spelled_bytes",
    "substrings",
    "surface_forms",
]
