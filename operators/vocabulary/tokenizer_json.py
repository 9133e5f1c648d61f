"""Reading `tokenizer.json`, the file that `tokenizers` and `transformers` load: every family is asked in turn.

First those whose `types` has the file's `model.type`, by name; last those that read whatever no other does.
"""

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models import MODELS, OtherModelError, Read, TokenizerFile
from pairloom.operators.vocabulary.shape import parse_tokenizer_json

__all__ = ["READING_FAILED", "is_tokenizer_json", "read_tokenizer_json"]

# What a file that is damaged in a way that nobody thought of makes Python raise.
READING_FAILED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def read_tokenizer_json(data: bytes) -> Read:
    """The fields of a Vocabulary, and its golden documents.

    Raises DataError for a damaged file, RecipeError for a file of another format, for one written under another version of
    Unicode or that needs a library which is missing, and for one whose ids are drawn at random.
    """
    families = MODELS.all().values()
    for family in families:
        if family.is_own(data):
            return family.read_own(data)
    _refuse_formats(data)
    document = parse_tokenizer_json(data)
    model = document["model"]
    if model.get("dropout"):
        raise RecipeError(
            f"this tokenizer.json has model.dropout={model['dropout']}, by which every encoding is drawn at random and none can "
            "be made again; set model.dropout to null in the file"
        )
    kind = model.get("type") or ("BPE" if "merges" in model else None)
    known = dict.fromkeys(name for family in families for name in family.types)
    why = f"its model is {kind}, not {' or '.join(known)}"
    extras = model.get("pairloom")
    named = extras.get("family") if isinstance(extras, dict) else None
    able = sorted((one for one in families if kind in one.types), key=lambda one: one.name != named)
    for family in [*able, *(family for family in families if not family.types)]:
        try:
            return family.read(TokenizerFile(data, document, why))
        except OtherModelError as reason:
            why = str(reason)
        except READING_FAILED as error:
            raise DataError(f"this tokenizer.json is damaged: {error} ({type(error).__name__})") from error
    raise DataError(f"no model reads this tokenizer.json: {why}")


def is_tokenizer_json(data: bytes) -> bool:
    """Whether a file that was read is a `tokenizer.json`, not one of another format."""
    return not any(family.is_own(data) for family in MODELS.all().values())


def _refuse_formats(data: bytes) -> None:
    """Raise RecipeError for the tokenizer files of other libraries, with what to do."""
    first = data[:4096].split(b"\n", 1)[0].split()
    if len(first) == 2 and first[1].isdigit() and data[:1] not in (b"{", b"["):
        raise RecipeError(
            "this is a .tiktoken file, which does not say by which pattern text is cut or which special tokens there are: "
            "say so with vocabulary.ranks in a recipe, or load_tiktoken(path, scheme=…, special_tokens={…}) in Python"
        )
