"""Replaced-token detection (Clark et al., 2020, arXiv:2003.10555): which tokens of a row are those that were written.

    input_ids      the  chef  [MASK]  the  meal         for a generator, with `labels` as for masked language modelling
    replaced_ids   the  chef  ate     the  meal         for the discriminator
    replaced         0     0       1    0     0         what that is to say

Tokens in the place of others come from a distribution that is known beforehand; a generator that learns, as in the paper,
takes `input_ids` and `labels` instead.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._counts import file_hash, token_shares
from pairloom.operators.layouts._rows import LABELS, given_rows, in_53rds, unmasked, with_columns, with_ids
from pairloom.operators.layouts._vocabulary import ordinary_ids
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.electra import (
    FROM_ROW,
    FROM_SHARES,
    FROM_VOCABULARY,
    Generator,
    Replacing,
    replace_tokens,
)
from pairloom.operators.schema import Column
from pairloom.operators.steps import step_identity

__all__ = ["Electra", "Tables"]

REPLACED_IDS = Column(
    name="replaced_ids",
    dtype=np.dtype(np.uint32),
    doc="the tokens, some of them replaced by what a generator drew",
)
REPLACED = Column(
    name="replaced", dtype=np.dtype(np.uint8), doc="1 where a token is not the one that was written"
)


class Tables(NamedTuple):
    """What is known of the vocabulary: which ids are special, the mask's, and what a generator draws from."""

    special: npt.NDArray[np.bool_]
    mask: int
    generator: Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Electra(RowStep):
    """Tokens replaced by others, to be told from those that were written: ELECTRA.

    Of a row's tokens a share `rate` is drawn, with replacement, from those that are not special: at least one, at most
    (rate + 0.005) of the row's length. Of these a share `masked` becomes the mask in `input_ids`, with `labels` (int32, -100
    elsewhere) for a generator; in `replaced_ids` something else stands for each, and `replaced` (uint8) is 1 where it is
    another token. A `generator` draws it `uniform` from the ordinary tokens of the vocabulary, from those of the `row`, or as
    they are counted (`unigram`) in the table `counts`, a file as the statistic `ngrams` gives; with `correct: false` it is
    drawn again until it is another.
    """

    name: ClassVar[str] = "electra"
    columns: ClassVar[tuple[Column, ...]] = (LABELS, REPLACED_IDS, REPLACED)

    rate: float = 0.15
    masked: float = 0.85
    generator: Literal["row", "uniform", "unigram"] = "row"
    counts: str | None = None
    correct: bool = True
    mask_token: str = "[MASK]"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 0.9:
            raise ValueError(f"rate must be above 0 and at most 0.9, not {self.rate:g}")
        if not 0 <= self.masked <= 1:
            raise ValueError(f"masked must be from 0 to 1, not {self.masked:g}")
        if (self.generator == "unigram") != (self.counts is not None):
            raise ValueError(
                "counts must be a file with counts of tokens for the generator unigram, and for no other"
            )
        if not self.mask_token:
            raise ValueError("mask_token must be the text of a special token")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The mask."""
        return (self.mask_token,)

    def identity(self) -> object:
        """The keys, and what the file of counts holds."""
        return step_identity(self) | ({"file": file_hash(self.counts)} if self.counts is not None else {})

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens are special, and the generator; raises ValueError for a file that is no table of counts."""
        special = np.zeros(len(tokenizer), np.bool_)
        special[list(tokenizer.reserved_ids)] = True
        ordinary, edges = ordinary_ids(tokenizer), np.ones(1, np.uint64)
        kind = {"row": FROM_ROW, "uniform": FROM_VOCABULARY, "unigram": FROM_SHARES}[self.generator]
        if self.counts is not None:
            shares = token_shares("counts", self.counts, len(tokenizer))[ordinary]
            if not shares.sum() > 0:
                raise ValueError(f"counts must have ordinary tokens, and {self.counts} has none")
            edges = np.array(
                [in_53rds(part) for part in np.cumsum(shares / shares.sum()).tolist()], np.uint64
            )
        generator = Generator(kind, ordinary, edges, self.correct)
        return Tables(special=special, mask=tokenizer.special_id(self.mask_token), generator=generator)

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with masks in `input_ids`, `labels`, and the tokens with replacements."""
        given = given_rows(rows, seed, epoch, first_row)
        seq_len = given.ids.shape[1]
        replacing = Replacing(
            self.rate, int((self.rate + 0.005) * seq_len), in_53rds(self.masked), tables.mask
        )
        out, labels = given.ids.copy(), np.full(given.ids.shape, IGNORED, np.int32)
        replaced, changed = given.ids.astype(np.uint32), np.zeros(given.ids.shape, np.uint8)
        places = np.zeros(seq_len, np.int64)
        replace_tokens(
            given, tables.special, tables.generator, replacing, places, out, labels, replaced, changed
        )
        return with_columns(with_ids(rows, out), self.columns, (labels, replaced, changed))

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows with what was masked in its place, without what was added."""
        return unmasked(rows, self.columns)
