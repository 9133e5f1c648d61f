"""Masked language modelling: some tokens of a row are to be predicted, and something else stands in most of their places.

    input_ids   the  cat  [MASK]  on   the  blue
    labels     -100 -100   sat   -100 -100  mat

By `unit`: each `token` on its own (Devlin et al., 2019, arXiv:1810.04805; made anew every epoch as in Liu et al., 2019,
arXiv:1907.11692, with `when: load`); each `word` with all of its tokens; or a `span` of words of geometric length, until a
share of the row is spent (Joshi et al., 2020, arXiv:1907.10529).
"""

import math
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep, row_streams
from pairloom.operators.layouts.kernels.masked_lm import (
    CLOSES,
    GOES_ON,
    IGNORED,
    SPECIAL,
    Drawing,
    Rows,
    Words,
    mask_spans,
    mask_words,
)
from pairloom.operators.schema import INPUT_IDS, SEGMENT_LENGTHS, Column, row_field

__all__ = ["LABELS", "MaskedLM", "Tables", "token_bits"]

LABELS = Column(
    name="labels",
    dtype=np.dtype(np.int32),
    pad=int(IGNORED),
    of="token",
    doc="the token that was here where it is to be predicted, -100 where nothing is",
)


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
        bits = token_bits(tokenizer)
        empty = np.array([not token for token in tokenizer.tokens], np.bool_)
        ordinary = np.flatnonzero((bits & SPECIAL == 0) & ~empty).astype(np.uint32)
        if not len(ordinary):
            raise ValueError("masked_lm: the vocabulary has no token that is not special")
        return Tables(bits=bits, ordinary=ordinary, mask=tokenizer.special_id(self.mask_token))

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with masks in `input_ids`, and `labels`."""
        ids = _ids(rows)
        lengths = rows.column(SEGMENT_LENGTHS)
        edges = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths.value_lengths().to_numpy(zero_copy_only=False), out=edges[1:])
        given = Rows(
            ids=ids,
            edges=edges,
            lengths=lengths.flatten().to_numpy().astype(np.int64),
            streams=row_streams(seed, epoch, first_row, len(rows)),
        )
        out, labels = ids.copy(), np.full(ids.shape, IGNORED, np.int32)
        words = Words(bits=tables.bits, ordinary=tables.ordinary, mask=tables.mask)
        if self.unit == "span":
            begins = np.zeros(ids.shape[1] + 1, np.uint8)
            mask_spans(given, words, self.drawing(), begins, out, labels)
        else:
            mask_words(given, words, self.drawing(), out, labels)
        return _with_labels(_with_ids(rows, out), labels)

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows with what was predicted in its place, without `labels`."""
        ids = _ids(rows)
        labels = rows.column(LABELS.name).flatten().to_numpy().reshape(ids.shape)
        found = np.where(labels != IGNORED, labels, ids).astype(ids.dtype)
        return _with_ids(rows.drop_columns([LABELS.name]), found)

    def drawing(self) -> Drawing:
        """The probabilities, as kernels compare them."""
        weights = self.span_p * (1 - self.span_p) ** np.arange(self.max_span)
        shares = np.cumsum(weights) / weights.sum()
        masked, random, _ = self.replace
        return Drawing(
            rate=_in_53rds(self.rate),
            masked=_in_53rds(masked),
            changed=_in_53rds(masked + random),
            lengths=np.array([_in_53rds(share) for share in shares.tolist()], np.uint64),
            whole=self.unit == "word",
        )


def token_bits(tokenizer: Any) -> npt.NDArray[np.uint8]:
    """Of each token of a vocabulary: whether it is special, goes on with a word, ends outside of one; uint8."""
    tokens = list(tokenizer.tokens)
    # WordPiece spells what goes on with a word with two hashes in front, and nothing else does.
    hashes = 20 * sum(token.startswith(b"##") and len(token) > 2 for token in tokens) > len(tokens)
    bits = np.zeros(len(tokens), np.uint8)
    for i, token in enumerate(tokens):
        if hashes:
            goes_on, closes = token.startswith(b"##"), False
        else:
            goes_on, closes = _in_word(token, first=True), not _in_word(token, first=False)
        bits[i] = goes_on * GOES_ON | closes * CLOSES
    bits[list(tokenizer.reserved_ids)] = SPECIAL
    return bits


def _in_word(token: bytes, *, first: bool) -> bool:
    """Whether the first or the last character of a token is one that words go on with; a part of a character is."""
    text = token.decode("utf-8", "replace")
    character = (text[0] if first else text[-1]) if text else " "
    if character == "\ufffd":
        return True
    # Ideographs and kana are words of their own, as in BERT; marks and digits belong to words.
    code = ord(character)
    alone = (
        0x3040 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or code >= 0x20000
    )
    return not alone and (character.isalnum() or unicodedata.category(character)[0] == "M")


def _in_53rds(share: float) -> np.uint64:
    return np.uint64(min(1 << 53, math.ceil(share * (1 << 53))))


def _ids(rows: pa.RecordBatch) -> npt.NDArray[Any]:
    column = rows.column(INPUT_IDS)
    ids: npt.NDArray[Any] = column.flatten().to_numpy().reshape(-1, column.type.list_size).copy()
    return ids


def _with_ids(rows: pa.RecordBatch, ids: npt.NDArray[Any]) -> pa.RecordBatch:
    place = rows.schema.get_field_index(INPUT_IDS)
    field = rows.schema.field(place)
    made = pa.FixedSizeListArray.from_arrays(pa.array(ids.reshape(-1)), ids.shape[1]).cast(field.type)
    return rows.set_column(place, field, made)


def _with_labels(rows: pa.RecordBatch, labels: npt.NDArray[np.int32]) -> pa.RecordBatch:
    made = pa.FixedSizeListArray.from_arrays(pa.array(labels.reshape(-1)), labels.shape[1])
    field = row_field(LABELS, labels.shape[1])
    return rows.append_column(field, made.cast(field.type))
