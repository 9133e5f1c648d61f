"""Duplex masked auto-encoding (Xiao and Liu, 2022, "RetroMAE v2", arXiv:2211.08769).

    input_ids         [CLS]  the  [MASK]  sat   [SEP]      for an encoder, with `labels`
    decoder_labels     -100  the   cat    sat   -100       for a decoder, of which each place sees other words
    decoder_visible   [b, seq_len, seq_len], bag_of_words [segments, vocabulary]: made late, from a seed and from words

A retrieval model learns from this that the encoder's first vector says all that is in a text.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import (
    LABELS,
    given_rows,
    ids_of,
    matrix_of,
    segment_edges,
    unmasked,
    with_columns,
    with_ids,
)
from pairloom.operators.layouts._vocabulary import ordinary_ids, token_bits
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.dupmae import mark_words, see_words
from pairloom.operators.layouts.kernels.masked_lm import SPECIAL, Drawing, Words, mask_words
from pairloom.operators.pack.derive import segment_ids
from pairloom.operators.pack.joined import joined_lengths
from pairloom.operators.schema import Column
from pairloom.operators.steps import in_53rds

__all__ = ["DupMAE", "Tables"]

DECODER_LABELS = Column(
    name="decoder_labels",
    dtype=np.dtype(np.int32),
    pad=int(IGNORED),
    doc="every token but the first and the last of a segment, for a decoder; -100 elsewhere",
)
WORDS = Column(
    name="words",
    dtype=np.dtype(np.uint8),
    doc="1 where a word begins, 2 where it goes on, 0 on special tokens",
)
SEED = Column(
    name="decoder_seed",
    dtype=np.dtype(np.uint64),
    of="row",
    doc="what the decoder's masks of a row are drawn from",
)


class Tables(NamedTuple):
    """What is known of the vocabulary: bits of each token, what random tokens are drawn from, the mask's id, the size."""

    bits: npt.NDArray[np.uint8]
    ordinary: npt.NDArray[np.uint32]
    mask: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DupMAE(RowStep):
    """Words masked for an encoder, and for each place of a decoder others: RetroMAE v2 (DupMAE).

    Whole words are masked with the probability `rate` (80 % masks, 10 % random tokens, 10 % as they are), `labels` are theirs.
    A decoder predicts every token but the first and the last of each segment, `decoder_labels`; what its places see,
    `decoder_visible`, is one of `masks` masks of whole words for each, which hide `decoder_rate` of them, and never the place
    itself. `bag_of_words`, for every segment, has the share of each token of the vocabulary among the segment's ordinary ones;
    `bag: once` gives each that occurs 1/n of n tokens however often it does, as the published code. Both are made late, from
    `words`, `decoder_seed` and the tokens. A segment is one example: blocks of whole documents are what `pack` makes.
    """

    name: ClassVar[str] = "dupmae"
    source: ClassVar[str] = "Xiao and Liu, 2022, arXiv:2211.08769"
    columns: ClassVar[tuple[Column, ...]] = (LABELS, DECODER_LABELS, WORDS, SEED)
    late: ClassVar[tuple[str, ...]] = ("decoder_visible", "bag_of_words")

    rate: float = 0.3
    decoder_rate: float = 0.5
    masks: int = 256
    bag: Literal["counted", "once"] = "counted"
    mask_token: str = "[MASK]"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        for key in ("rate", "decoder_rate"):
            if not 0 < getattr(self, key) <= 0.9:
                raise ValueError(f"{key} must be above 0 and at most 0.9, not {getattr(self, key):g}")
        if self.masks < 1:
            raise ValueError(f"masks must be at least 1, not {self.masks}")
        if not self.mask_token:
            raise ValueError("mask_token must be the text of a special token")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The mask."""
        return (self.mask_token,)

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens are special and where words begin."""
        mask = tokenizer.special_id(self.mask_token)
        return Tables(token_bits(tokenizer), ordinary_ids(tokenizer), mask, len(tokenizer))

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with masks in `input_ids`, both kinds of labels, words and a seed."""
        given = given_rows(rows, seed, epoch, first_row)
        out, labels = given.ids.copy(), np.full(given.ids.shape, IGNORED, np.int32)
        drawing = Drawing(
            in_53rds(self.rate), in_53rds(0.8), in_53rds(0.9), np.zeros(1, np.uint64), whole=True
        )
        mask_words(given, Words(tables.bits, tables.ordinary, tables.mask), drawing, out, labels)
        words = np.zeros(given.ids.shape, np.uint8)
        mark_words(given, tables.bits, words)
        segments = segment_ids(joined_lengths(rows), given.ids.shape[1])
        inner = (segments >= 0) & _beside(segments, -1) & _beside(segments, 1)
        decoder_labels = np.where(inner, given.ids, IGNORED).astype(np.int32)
        made = (labels, decoder_labels, words, given.streams.reshape(-1, 1))
        return with_columns(with_ids(rows, out), self.columns, made)

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows with what was masked in its place, without what was added."""
        return unmasked(rows, self.columns)

    def built(self, name: str, rows: pa.RecordBatch, tables: Tables) -> npt.NDArray[Any]:
        """`decoder_visible`: bool[b, seq_len, seq_len]; `bag_of_words`: float32[n, tokens] of all n segments of the rows."""
        if name == "bag_of_words":
            return self._bag(rows, tables)
        words, seeds = (matrix_of(rows, column.name).copy() for column in (WORDS, SEED))
        segments = segment_ids(joined_lengths(rows), words.shape[1])
        out = np.zeros((*words.shape, words.shape[1]), np.bool_)
        see_words(words, segments, seeds.reshape(-1), in_53rds(self.decoder_rate), self.masks, out)
        return out

    def _bag(self, rows: pa.RecordBatch, tables: Tables) -> npt.NDArray[np.float32]:
        labels = matrix_of(rows, LABELS.name)
        ids = np.where(labels != IGNORED, labels, ids_of(rows)).astype(np.int64)
        segments = segment_ids(joined_lengths(rows), ids.shape[1])
        edges, lengths = segment_edges(rows)
        kept = (segments >= 0) & (tables.bits[ids] & SPECIAL == 0)
        segment = (segments + edges[:-1, None])[kept]
        many = np.bincount(segment, minlength=len(lengths))
        out = np.zeros((len(lengths), tables.tokens), np.float32)
        if self.bag == "once":
            out[segment, ids[kept]] = 1 / many[segment]
        else:
            np.add.at(out, (segment, ids[kept]), (1 / many[segment]).astype(np.float32))
        return out


def _beside(segments: npt.NDArray[np.int32], way: int) -> npt.NDArray[np.bool_]:
    """Whether the place before (-1) or after (1) each is of the same segment."""
    padded = np.pad(segments, ((0, 0), (1, 1)), constant_values=-2)
    same: npt.NDArray[np.bool_] = padded[:, 1 + way : segments.shape[1] + 1 + way] == segments
    return same
