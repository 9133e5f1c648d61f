"""Explicit n-gram masking (Xiao et al., 2021, "ERNIE-Gram", NAACL): n-grams of a lexicon are predicted as what they are.

    input_ids      x1  x2   x3   x4  x5   x6        with x2 x3 an n-gram, it and x5 drawn
    contiguous     x1  [M]  [M]  x4  [M]  x6        labels x2 x3, x5
    explicit       x1  [M]  x4  [M]  x6             labels: the n-gram's own id, x5

The lexicon is a table of n-grams, such as the statistic `ngrams` makes, best first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._counts import file_hash, read_counts
from pairloom.operators.layouts._rows import LABELS, given_rows, unmasked, with_columns, with_ids
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.ernie_gram import (
    Explicit,
    Lexicon,
    index_ngrams,
    mask_explicitly,
    mask_tokens,
    segment_units,
)
from pairloom.operators.schema import PAD_ID, Column, file_facts
from pairloom.operators.steps import in_53rds, step_identity

__all__ = ["ErnieGram", "Tables"]

INT = np.dtype(np.int32)
INPUTS = Column(
    name="inputs", dtype=np.dtype(np.uint32), of="row", doc="the row with one mask for each unit to predict"
)
INPUT_SEGMENTS = Column(
    name="input_segments",
    dtype=INT,
    pad=-1,
    of="row",
    doc="which segment of its row a place of inputs is of, -1 behind them",
)
UNIT_LABELS = Column(
    name="labels",
    dtype=INT,
    pad=int(IGNORED),
    of="row",
    doc="at each mask of inputs the id of its token, or the vocabulary's size plus the number of its n-gram; else -100",
)
FINE_LABELS = Column(
    name="fine_labels",
    dtype=INT,
    pad=int(IGNORED),
    of="row",
    doc="the tokens of all masked units one after another, then -100",
)
FINE_PLACES = Column(
    name="fine_places",
    dtype=INT,
    pad=-1,
    of="row",
    doc="where in inputs the mask of each fine label is, -1 behind them",
)
LONGEST = 255


class Tables(NamedTuple):
    """What is known of the vocabulary and the lexicon: which ids are special, the mask's, how many there are, n-grams."""

    special: npt.NDArray[np.bool_]
    mask: int
    tokens: int
    lexicon: Lexicon


@dataclass(frozen=True, slots=True, kw_only=True)
class ErnieGram(RowStep):
    """N-grams of a lexicon masked and predicted as wholes: ERNIE-Gram.

    Each segment is cut into the fewest n-grams of the lexicon and single tokens (of several ways, that whose first unit is
    longest); each unit is drawn on its own with the probability `rate`. Mode `contiguous` masks all of its tokens in
    `input_ids`, with `labels`. Mode `explicit` leaves these and adds `inputs`, in which a unit is one mask, `labels`, the id of
    its token or the vocabulary's size plus the number of its n-gram, and `input_segments`; `comprehensive` adds the tokens of
    units too, `fine_labels`, each with the place of its mask, `fine_places`.

    `lexicon` is a file with a column `ngram` (lists of ids), Arrow or Parquet, as the statistic `ngrams` is; `top` takes so
    many of its n-grams, the first of each length.
    """

    name: ClassVar[str] = "ernie_gram"
    source: ClassVar[str] = "Xiao et al., 2021, ERNIE-Gram, NAACL"

    lexicon: str
    top: int | None = None
    rate: float = 0.15
    mode: Literal["contiguous", "explicit", "comprehensive"] = "explicit"
    mask_token: str = "[MASK]"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 0.9:
            raise ValueError(f"rate must be above 0 and at most 0.9, not {self.rate:g}")
        if not self.lexicon:
            raise ValueError("lexicon must be a file with a table of n-grams")
        if self.top is not None and self.top < 1:
            raise ValueError(f"top must be at least 1, not {self.top}; leave it out for all n-grams")
        if not self.mask_token:
            raise ValueError("mask_token must be the text of a special token")

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        """What the mode gives."""
        explicit = (INPUTS, UNIT_LABELS, INPUT_SEGMENTS)
        fine = (FINE_LABELS, FINE_PLACES) if self.mode == "comprehensive" else ()
        return (LABELS,) if self.mode == "contiguous" else (*explicit, *fine)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The mask."""
        return (self.mask_token,)

    @property
    def files(self) -> Mapping[str, str]:
        """The lexicon."""
        return {"lexicon": self.lexicon}

    def identity(self) -> object:
        """The keys, and what the lexicon holds."""
        return step_identity(self) | {"file": file_hash(self.lexicon)}

    def prepare(self, tokenizer: Any) -> Tables:
        """The lexicon, indexed; raises ValueError for a file that is none of this vocabulary."""
        special = np.zeros(len(tokenizer), np.bool_)
        special[list(tokenizer.reserved_ids)] = True
        counted = read_counts("lexicon", self.lexicon)
        lengths = np.diff(counted.offsets)
        kept = (lengths >= 2) & (lengths <= LONGEST)
        if self.top is not None:
            for n in np.unique(lengths):
                kept[np.flatnonzero(lengths == n)[self.top :]] = False
        if not kept.any():
            raise ValueError(f"lexicon must have n-grams of two tokens or more, and {self.lexicon} has none")
        ids = counted.ids[np.repeat(kept, lengths)]
        if int(ids.max()) >= len(tokenizer):
            raise ValueError(
                f"lexicon must be of this vocabulary, which has {len(tokenizer)} tokens: {self.lexicon} has token {ids.max()}"
            )
        offsets = np.zeros(int(kept.sum()) + 1, np.int64)
        np.cumsum(lengths[kept], out=offsets[1:])
        places = 1 << int(2 * len(offsets)).bit_length()
        table, marks = np.full(places, -1, np.int64), np.zeros(places, np.uint8)
        lexicon = Lexicon(offsets, ids, table, marks, int(lengths[kept].max()))
        if (twice := index_ngrams(lexicon)) >= 0:
            ngram = ids[offsets[twice] : offsets[twice + 1]].tolist()
            raise ValueError(f"lexicon must have each n-gram once, and {self.lexicon} has {ngram} twice")
        return Tables(special, tokenizer.special_id(self.mask_token), len(tokenizer), lexicon)

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with masks."""
        given, rate = given_rows(rows, seed, epoch, first_row), in_53rds(self.rate)
        shape = given.ids.shape
        length, number = np.zeros(shape, np.uint8), np.full(shape, -1, np.int32)
        segment_units(given, tables.special, tables.lexicon, np.zeros(shape[1] + 1, np.int64), length, number)
        labels = np.full(shape, IGNORED, np.int32)
        if self.mode == "contiguous":
            out = given.ids.copy()
            mask_tokens(given, length, rate, tables.mask, out, labels)
            return with_columns(with_ids(rows, out), self.columns, (labels,))
        pad, fine = (
            file_facts(rows.schema).get(PAD_ID, 0),
            shape if self.mode == "comprehensive" else (len(rows), 0),
        )
        made = Explicit(
            inputs=np.full(shape, pad, np.uint32),
            labels=labels,
            segments=np.full(shape, -1, np.int32),
            fine=np.full(fine, IGNORED, np.int32),
            fine_places=np.full(fine, -1, np.int32),
        )
        mask_explicitly(given, length, number, rate, tables.mask, tables.tokens, made)
        return with_columns(rows, self.columns, made[: len(self.columns)])

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows as they were: what was masked in its place, without what was added."""
        if self.mode == "contiguous":
            return unmasked(rows, self.columns)
        return rows.drop_columns([column.name for column in self.columns])
