"""A language model with the tokenizer that it is of: what texts are scored by."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode import Tokenizer
from pairloom.operators.ngram._model import NgramModel

__all__ = ["TextModel"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextModel:
    """`prepend` and `append` are the ids that stood around the documents that the model was counted from."""

    model: NgramModel
    tokenizer: Tokenizer
    prepend: tuple[int, ...] = ()
    append: tuple[int, ...] = ()

    def perplexities(self, texts: pa.LargeStringArray, kind: str) -> npt.NDArray[np.float64]:
        """The perplexity of each text by a token, float64[texts]; NaN for one without tokens."""
        ids = self.tokenizer.encode_column(
            texts, prepend=self.prepend, append=self.append, missing_bytes="drop"
        ).ids
        offsets = ids.offsets.to_numpy().astype(np.int64)
        scores = self.model.scores(ids.values.to_numpy(), offsets, kind)
        many = np.diff(offsets)
        with np.errstate(invalid="ignore", over="ignore"):
            found: npt.NDArray[np.float64] = np.exp(-scores / np.where(many > 0, many, np.nan))
        return found
