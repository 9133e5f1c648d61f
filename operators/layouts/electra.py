"""Replaced-token detection (Clark et al., 2020, arXiv:2003.10555): which tokens of a row are those that were written.

    input_ids      the  chef  [MASK]  the  meal         for a generator, with `labels` as for masked language modelling
    replaced_ids   the  chef  ate     the  meal         for the discriminator
    replaced         0     0       1    0     0         what that is to say

With `pairs` these are the tokens of examples, [CLS] a [SEP] b [SEP], in the places of the sentences that they are made of.

Tokens in the place of others come from a distribution that is known beforehand; a generator that learns, as in the paper,
takes `input_ids` and `labels` instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._counts import file_hash, token_shares
from pairloom.operators.layouts._rows import LABELS, given_rows, unmasked, with_columns, with_ids
from pairloom.operators.layouts._vocabulary import ordinary_ids, sentence_ends
from pairloom.operators.layouts.kernels.draws import IGNORED, Rows
from pairloom.operators.layouts.kernels.electra import (
    FROM_ROW,
    FROM_SHARES,
    FROM_VOCABULARY,
    Generator,
    Replacing,
    replace_tokens,
)
from pairloom.operators.layouts.kernels.electra_pairs import Building, Built, build_examples
from pairloom.operators.schema import Column
from pairloom.operators.steps import in_53rds, step_identity

__all__ = ["Electra", "Tables"]

REPLACED_IDS = Column(
    name="replaced_ids",
    dtype=np.dtype(np.uint32),
    doc="the tokens, some of them replaced by what a generator drew",
)
REPLACED = Column(
    name="replaced", dtype=np.dtype(np.uint8), doc="1 where a token is not the one that was written"
)


MASKED_IDS = Column(
    name="masked_ids",
    dtype=np.dtype(np.uint32),
    doc="the tokens of examples, some of them masked, for a generator",
)
TYPES = Column(
    name="token_types", dtype=np.dtype(np.uint8), doc="0 on the first side of an example, 1 on the second"
)
EXAMPLES = Column(
    name="example_ids",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="the number, in its row, of the example that a place is of; -1 where there is none",
)
# The shares of examples whose length is drawn, of those with one side, of sentences that the first side takes though it is full.
SHORTER, SINGLE, OVERFLOW = 0.05, 0.1, 0.5


class Tables(NamedTuple):
    """What is known of the vocabulary: which ids are special, the mask's, and what a generator draws from.

    For pairs, which tokens end sentences, and the ids of what stands before an example and behind its sides.
    """

    special: npt.NDArray[np.bool_]
    mask: int
    generator: Generator
    ends: npt.NDArray[np.bool_]
    around: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Electra(RowStep):
    """Tokens replaced by others, to be told from those that were written: ELECTRA.

    Of a row's tokens a share `rate` is drawn, with replacement, from those that are not special: at least one, at most
    (rate + 0.005) of the row's length. Of these a share `masked` becomes the mask in `input_ids`, with `labels` (int32, -100
    elsewhere) for a generator; in `replaced_ids` something else stands for each, and `replaced` (uint8) is 1 where it is
    another token. A `generator` draws it `uniform` from the ordinary tokens of the vocabulary, from those of the `row`, or as
    they are counted (`unigram`) in the table `counts`, a file as the statistic `ngrams` gives; with `correct: false` it is
    drawn again until it is another.

    With `pairs` segments become examples of at most `length` tokens (null: the row's): `cls_token` a `sep_token` b `sep_token`,
    whole sentences up to that length, or in one of twenty examples to a length drawn from 5 on; one in ten has one side, in the
    others a is filled to half, and takes the sentence that is too long for that every second time. `input_ids` stay, `masked_ids`
    have the masks, `token_types` are 1 on b, `example_ids` number examples in their row.
    """

    name: ClassVar[str] = "electra"
    source: ClassVar[str] = "Clark et al., 2020, arXiv:2003.10555"

    rate: float = 0.15
    masked: float = 0.85
    generator: Literal["row", "uniform", "unigram"] = "row"
    counts: str | None = None
    correct: bool = True
    pairs: bool = False
    length: int | None = None
    mask_token: str = "[MASK]"  # noqa: S105  (a token of text)
    cls_token: str = "[CLS]"  # noqa: S105
    sep_token: str = "[SEP]"  # noqa: S105

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 0.9:
            raise ValueError(f"rate must be above 0 and at most 0.9, not {self.rate:g}")
        if not 0 <= self.masked <= 1:
            raise ValueError(f"masked must be from 0 to 1, not {self.masked:g}")
        if (self.generator == "unigram") != (self.counts is not None):
            raise ValueError(
                "counts must be a file with counts of tokens for the generator unigram, and for no other"
            )
        if self.length is not None and (not self.pairs or self.length < 5):
            raise ValueError(f"length must be that of pairs, at least 5 tokens, not {self.length}")
        for key in ("mask_token", "cls_token", "sep_token"):
            if not getattr(self, key):
                raise ValueError(f"{key} must be the text of a special token")

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        """What it adds, which is more for pairs."""
        plain = (LABELS, REPLACED_IDS, REPLACED)
        return (*plain, MASKED_IDS, TYPES, EXAMPLES) if self.pairs else plain

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The mask, and what stands around the sides of pairs."""
        around = (self.cls_token, self.sep_token) if self.pairs else ()
        return tuple(dict.fromkeys((self.mask_token, *around)))

    def fits(self, seq_len: int) -> None:
        """An example is no longer than a row, and has room for a token of either side."""
        if self.length is not None and self.length > seq_len:
            raise ValueError(f"length must be at most the {seq_len} tokens of a row, not {self.length}")
        if self.pairs and seq_len < 5:
            raise ValueError(f"pairs must have rows of at least 5 tokens, not {seq_len}")

    @property
    def files(self) -> Mapping[str, str]:
        """The counts, if they are given."""
        return {} if self.counts is None else {"counts": self.counts}

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
        around = (
            tuple(tokenizer.special_id(token) for token in (self.cls_token, self.sep_token))
            if self.pairs
            else (0, 0)
        )
        return Tables(
            special=special,
            mask=tokenizer.special_id(self.mask_token),
            generator=generator,
            ends=sentence_ends(tokenizer),
            around=(around[0], around[1]),
        )

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with masks, labels, and the tokens with replacements."""
        given = given_rows(rows, seed, epoch, first_row)
        seq_len = given.ids.shape[1]
        replacing = Replacing(
            self.rate, int((self.rate + 0.005) * seq_len), in_53rds(self.masked), tables.mask
        )
        built = self._examples(given, tables)
        given = given._replace(ids=built.ids if self.pairs else given.ids)
        out, labels = given.ids.copy(), np.full(given.ids.shape, IGNORED, np.int32)
        replaced, changed = given.ids.astype(np.uint32), np.zeros(given.ids.shape, np.uint8)
        places = np.zeros(seq_len, np.int64)
        replace_tokens(
            given, tables.special, tables.generator, replacing, places, out, labels, replaced, changed
        )
        made = (labels, replaced, changed)
        if self.pairs:
            return with_columns(rows, self.columns, (*made, out, built.types, built.examples))
        return with_columns(with_ids(rows, out), self.columns, made)

    def _examples(self, given: Rows, tables: Tables) -> Built:
        """The examples that segments are built of; nothing that is used without pairs."""
        shape = given.ids.shape if self.pairs else (0, 0)
        built = Built(given.ids.astype(np.uint32), np.zeros(shape, np.uint8), np.full(shape, -1, np.int32))
        if self.pairs:
            shares = (in_53rds(part) for part in (SHORTER, SINGLE, OVERFLOW))
            building = Building(tables.special, tables.ends, self.length or shape[1], *tables.around, *shares)
            build_examples(given, building, np.zeros(shape[1] + 1, np.int64), built)
        return built

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows with what was masked in its place, without what was added."""
        if self.pairs:
            return rows.drop_columns([column.name for column in self.columns])
        return unmasked(rows, self.columns)
