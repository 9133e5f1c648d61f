"""The values that spans of texts give tokens, whether these spell their texts or are only from somewhere in them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.located import located_values
from pairloom.operators.encode.spans import token_values
from pairloom.operators.encode.tokenizer import Tokenizer
from pairloom.operators.models import Located
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["span_values"]


def span_values(
    tokenizer: Tokenizer,
    ids: pa.LargeListArray,
    texts: pa.LargeStringArray,
    spans: pa.LargeListArray,
    *,
    outside: float,
    rule: str,
    around: tuple[int, int] = (0, 0),
    special: pa.LargeListArray | None = None,
    dtype: npt.DTypeLike = np.float32,
    located: Located | None = None,
) -> npt.NDArray[Any]:
    """The value of each token of `ids`, which texts were encoded to, with so many tokens `around` each.

    `special` are the spans that became special tokens. `located` is where the tokens are from, as it was found when they were
    encoded, of tokens that do not spell their texts (`Encoded.located`). Raises DataError where tokens that are to spell the
    text do not.
    """
    vocabulary = tokenizer.vocabulary
    if located is not None:
        return located_values(located, texts, spans, outside=outside, rule=rule, around=around, dtype=dtype)
    return token_values(
        ids,
        TokenTable.of(vocabulary.tokens),
        texts,
        spans,
        outside=outside,
        rule=rule,
        around=around,
        normalizer=vocabulary.normalizer,
        special=special,
        dtype=dtype,
    )
