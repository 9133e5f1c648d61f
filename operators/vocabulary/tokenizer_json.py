"""Reading `tokenizer.json`, the file that `tokenizers` and `transformers` load: every family is asked in turn.

First those whose `types` has the file's `model.type`, by name; last those that read whatever no other does.
"""

import json

from pairloom.operators.errors import DataError
from pairloom.operators.models import MODELS, OtherModelError, Read, TokenizerFile

__all__ = ["read_tokenizer_json"]


def read_tokenizer_json(data: bytes) -> Read:
    """The fields of a Vocabulary, and its golden documents.

    Raises DataError for a damaged file, RecipeError for one written under another version of Unicode or that needs
    a library which is missing.
    """
    try:
        document = json.loads(data)
        model = document["model"]
        kind = model.get("type", "BPE" if "merges" in model else None)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"not a tokenizer.json: {type(error).__name__}: {error}") from error
    families = MODELS.all().values()
    known = dict.fromkeys(name for family in families for name in family.types)
    why = f"its model is {kind}, not {' or '.join(known)}"
    able = [family for family in families if kind in family.types]
    for family in [*able, *(family for family in families if not family.types)]:
        try:
            return family.read(TokenizerFile(data, document, why))
        except OtherModelError as reason:
            why = str(reason)
    raise DataError(f"no model reads this tokenizer.json: {why}")
