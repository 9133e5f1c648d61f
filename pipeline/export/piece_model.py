"""The `.model` of a vocabulary, proved: read back, its ids are the vocabulary's own on golden documents and a sample.

Where the package `sentencepiece` is installed, its ids and texts are compared too. Sums of a Unigram are of float32 there, and of a
whole text: where two ways to spell a text are equal but for that, either is right, and how many such texts there are is told.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError
from pairloom.operators.models.sentencepiece.file import read_model
from pairloom.operators.vocabulary.golden import GOLDEN
from pairloom.pipeline.export.given_vocabulary import VocabularyExport

__all__ = ["proved_model"]


def proved_model(asked: VocabularyExport) -> tuple[bytes, dict[str, Any]]:
    """The `.model` of a vocabulary, and by what it was proved on which texts.

    Raises RecipeError for a vocabulary that a `.model` cannot say, CorruptionError for a text that would get other ids.
    """
    vocabulary = asked.vocabulary
    data = vocabulary.model.piece_model(vocabulary, asked.roles)
    # What spells a special token is text here, and in a .model a text that it looks for in vain; a Unigram may find it.
    texts = [
        text
        for text in [*GOLDEN, *asked.sample]
        if not any(token in text for token in vocabulary.special_tokens)
    ]
    read = Vocabulary.from_json(data)
    column = pa.array(texts, pa.large_string())
    ours, theirs = (one.encode(column).to_pylist() for one in (vocabulary, read))
    rounded = 0
    for text, a, b in zip(texts, ours, theirs, strict=True):
        if a != b and not _as_likely(data, a, b):
            raise CorruptionError(
                f"nothing is written: {text[:80]!r} has the ids {a[:20]}, and {b[:20]} by the .model file"
            )
        rounded += a != b
    return data, {
        "proved_by": _by_owner(data, read, texts, theirs),
        "proved_documents": len(texts),
        "proved_bytes": sum(len(text.encode()) for text in texts),
        "rounded_documents": rounded,
    }


def _as_likely(data: bytes, one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether the sums of the scores of two lists are one but for rounding, of pieces of a Unigram."""
    model = read_model(data)
    if model.family != "unigram":
        return False
    scores = np.array([piece.score for piece in model.pieces])
    first, second = (float(scores[list(ids)].sum()) for ids in (one, other))
    return abs(first - second) <= (len(one) + len(other)) * abs(first) * float(np.finfo(np.float32).eps)


def _by_owner(data: bytes, read: Vocabulary, texts: Sequence[str], ids: Sequence[list[int]]) -> str:
    """Compare with the owner, where it is installed; returns what gave the other ids."""
    try:
        import sentencepiece
    except ImportError:
        return "pairloom"
    owner = sentencepiece.SentencePieceProcessor(model_proto=data)
    decoded = read.decode(pa.array(ids, pa.large_list(pa.uint32()))).to_pylist()
    for text, row, back in zip(texts, ids, decoded, strict=True):
        if (found := owner.encode(text)) != row or owner.decode(row) != back.decode():
            raise CorruptionError(
                f"nothing is written: {text[:80]!r} has the ids {row[:20]}, and {found[:20]} by sentencepiece from the .model file"
            )
    return f"sentencepiece {sentencepiece.__version__}"
