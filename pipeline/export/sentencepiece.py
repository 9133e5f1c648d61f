"""A vocabulary for SentencePiece: a `.model` file, which `sentencepiece`, slow tokenizers and converters open."""

import hashlib
from typing import Any

from pairloom.operators.errors import RecipeError
from pairloom.operators.models.sentencepiece.file import read_model
from pairloom.pipeline.export.given_vocabulary import VocabularyExport
from pairloom.pipeline.export.piece_model import proved_model
from pairloom.pipeline.store.location import open_objects

__all__ = ["export_sentencepiece"]


def export_sentencepiece(asked: VocabularyExport, out: str) -> dict[str, Any]:
    """Write a vocabulary to the file `out`; returns what was written.

    Raises RecipeError for a vocabulary that a `.model` cannot say, CorruptionError for a text that would get other ids.
    """
    asked.check()
    vocabulary = asked.vocabulary
    folder, _, name = out.rpartition("/")
    if not name:
        raise RecipeError(f"{out} names a folder; name a file, such as {out}tokenizer.model")
    data, facts = proved_model(asked)
    objects = open_objects(folder or ".")
    if not objects.put_if_absent(name, data) and objects.read(name) != data:
        raise RecipeError(f"{objects.uri(name)} is there with other content; choose another name")
    return {
        "format": "sentencepiece",
        "model": read_model(data).family,
        "n_vocab": len(vocabulary),
        "vocabulary": vocabulary.fingerprint,
        "sha256": hashlib.sha256(data).hexdigest(),
        "roles": dict(asked.roles),
        **facts,
    }
