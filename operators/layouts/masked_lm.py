"""Masked language modelling: some tokens of a row are to be predicted, and something else stands in most of their places.

    input_ids   the  cat  [MASK]  on   the  blue
    labels     -100 -100   sat   -100 -100  mat

By `unit`: each `token` on its own (Devlin et al., 2019, arXiv:1810.04805; made anew every epoch as in Liu et al., 2019,
arXiv:1907.11692, with `when: load`); each `word` with all of its tokens; or a `span` of words of geometric length, until a
share of the row is spent (Joshi et al., 2020, arXiv:1907.10529).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import LABELS, given_rows, unmasked, with_columns, with_ids
from pairloom.operators.layouts._vocabulary import ordinary_ids, token_bits
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.masked_lm import Drawing, Words, mask_spans, mask_words
from pairloom.operators.schema import Column
from pairloom.operators.steps import in_53rds

__all__ = ["MaskedLM", "Tables"]


class Tables(NamedTuple):
    """What is known of the vocabulary: `bits` of each token, the ids that random tokens are drawn from, the mask's id."""

    bits: npt.NDArray[np.uint8]
    ordinary: npt.NDArray[np.uint32]
    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedLM(RowStep):
    """Tokens, words or spans to be predicted from what is around them: BERT, RoBERTa, SpanBERT.

    Adds `labels`, int32, -100 where nothing is predicted (what losses leave out), padding included; a label stands where
    its token stood, not one place before. Special tokens and padding are neither predicted nor put anywhere; words and
    spans end where their segment does. Of what is predicted, `replace` says which shares become the mask, a random
    ordinary token, and stay: token by token, but for spans, of which all tokens share one fate. A word is text up to the
    next space, punctuation mark or ideograph, as far as that can be seen from tokens.
    """

    name: ClassVar[str] = "masked_lm"
    source: ClassVar[str] = (
        "Devlin et al., 2019, arXiv:1810.04805; "
        "Liu et al., 2019, arXiv:1907.11692; "
        "Joshi et al., 2020, arXiv:1907.10529"
    )
    columns: ClassVar[tuple[Column, ...]] = (LABELS,)

    rate: float = 0.15
    replace: tuple[float, float, float] = (0.8, 0.1, 0.1)
    unit: Literal["token", "word", "span"] = "token"
    span_p: float = 0.2
    max_span: int = 10
    mask_token: str = "[MASK]"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 0.9:
            raise ValueError(f"rate must be above 0 and at most 0.9, not {self.rate:g}")
        if min(self.replace) < 0 or abs(sum(self.replace) - 1) > 1e-9:
            raise ValueError(
                f"replace must be shares of masked, random and unchanged tokens that add up to 1, not {list(self.replace)}"
            )
        if not 0 < self.span_p < 1:
            raise ValueError(f"span_p must be between 0 and 1, not {self.span_p:g}")
        if not 1 <= self.max_span <= 1 << 16:
            raise ValueError(f"max_span must be from 1 to 65536, not {self.max_span}")
        if not self.mask_token:
            raise ValueError("mask_token must be the text of a special token")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The mask."""
        return (self.mask_token,)

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens are special, begin or end words, and may be drawn."""
        mask = tokenizer.special_id(self.mask_token)
        return Tables(bits=token_bits(tokenizer), ordinary=ordinary_ids(tokenizer), mask=mask)

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with masks in `input_ids`, and `labels`."""
        given = given_rows(rows, seed, epoch, first_row)
        out, labels = given.ids.copy(), np.full(given.ids.shape, IGNORED, np.int32)
        words = Words(bits=tables.bits, ordinary=tables.ordinary, mask=tables.mask)
        if self.unit == "span":
            begins = np.zeros(out.shape[1] + 1, np.uint8)
            mask_spans(given, words, self.drawing(), begins, out, labels)
        else:
            mask_words(given, words, self.drawing(), out, labels)
        return with_columns(with_ids(rows, out), self.columns, (labels,))

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows with what was predicted in its place, without `labels`."""
        return unmasked(rows, self.columns)

    def drawing(self) -> Drawing:
        """The probabilities, as kernels compare them."""
        weights = self.span_p * (1 - self.span_p) ** np.arange(self.max_span)
        shares = np.cumsum(weights) / weights.sum()
        masked, random, _ = self.replace
        return Drawing(
            rate=in_53rds(self.rate),
            masked=in_53rds(masked),
            changed=in_53rds(masked + random),
            lengths=np.array([in_53rds(share) for share in shares.tolist()], np.uint64),
            whole=self.unit == "word",
        )
