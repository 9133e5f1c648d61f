"""Tokenizers that are not byte-level BPE, run by the `tokenizers` library behind the same interface."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import RecipeError
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["decode_foreign", "encode_foreign", "foreign_tokens", "open_foreign"]


def open_foreign(data: bytes, why: str) -> Any:
    """A `tokenizers.Tokenizer` of a `tokenizer.json`; raises RecipeError where the library is not installed."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise RecipeError(
            f"this tokenizer.json needs the `tokenizers` library, because {why}; pip install 'pairloom[hf]'"
        ) from error
    try:
        tokenizer = Tokenizer.from_str(data.decode())
    except Exception as error:
        raise RecipeError(f"`tokenizers` cannot read this tokenizer.json: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def foreign_tokens(tokenizer: Any) -> tuple[TokenTable, tuple[str, ...], tuple[int, ...]]:
    """(tokens by id, in UTF-8 as the vocabulary spells them; added tokens; their ids).

    Ids that are missing are empty tokens.
    """
    words = tokenizer.get_vocab(with_added_tokens=True)
    tokens = [b""] * (max(words.values(), default=-1) + 1)
    for word, token in words.items():
        tokens[token] = word.encode()
    added = {token: item.content for token, item in sorted(tokenizer.get_added_tokens_decoder().items())}
    for token, content in added.items():
        tokens[token] = content.encode()
    return TokenTable.of(tokens), tuple(added.values()), tuple(added)


def encode_foreign(
    tokenizer: Any, texts: list[str], *, parse: bool, prepend: list[int], append: list[int]
) -> list[npt.NDArray[np.uint32]]:
    """The ids of each text; added tokens are found in it, special ones only with `parse`."""
    tokenizer.encode_special_tokens = not parse
    rows = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [np.array([*prepend, *row.ids, *append], np.uint32) for row in rows]


def decode_foreign(tokenizer: Any, ids: list[int]) -> bytes:
    """The text that ids stand for, in UTF-8, special tokens included."""
    text: str = tokenizer.decode(ids, skip_special_tokens=False)
    return text.encode()
