"""Sentence structure (PoNet: Tan et al., 2022, arXiv:2110.02442): pairs of sentences, in order or not.

input_ids        [CLS]  One .  Two .  Three  .    [SEP]
structure_ids    [CLS]  Two .  [SEP]  One .  [SEP]          which are to be told: in order 0, swapped 1,
sentence_ids       0     1  1    2     3  3    4            or with sentences from elsewhere in the document 2
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import given_rows, with_columns
from pairloom.operators.layouts._vocabulary import sentence_ends
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.ponet import Paired, Pairing, pair_sentences
from pairloom.operators.schema import PAD_ID, Column, file_facts
from pairloom.operators.steps import in_53rds

__all__ = ["PoNet", "Tables"]

INT = np.dtype(np.int32)
IDS = Column(
    name="structure_ids", dtype=np.dtype(np.uint32), doc="pairs of runs of sentences, with special tokens"
)
SENTENCES = Column(
    name="sentence_ids",
    dtype=INT,
    pad=-1,
    doc="the number, in its pair, of a sentence or special token; -1 on padding",
)
EXAMPLES = Column(
    name="example_ids",
    dtype=INT,
    pad=-1,
    doc="the number, in its row, of the pair that a place is of; -1 on padding",
)
ORDER = Column(
    name="order_labels",
    dtype=INT,
    pad=int(IGNORED),
    doc="where a pair begins 0 if it is in order, 1 if it is swapped, 2 if one side is from elsewhere; else -100",
)


class Tables(NamedTuple):
    """What is known of the vocabulary: which tokens are special, which end sentences, what pairs begin and end with."""

    special: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]
    cls: int
    sep: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoNet(RowStep):
    """Pairs of runs of sentences, in order, swapped, or one of them from elsewhere in the document: PoNet.

    Each segment is cut into chunks of whole sentences, of `length` - 3 tokens or more, a share `short` of them of fewer (uniform
    from 2); a chunk has two sentences at least. In its place stands `cls_token` a `sep_token` b `sep_token`, cut at a sentence
    that is drawn: swapped one time in three, one time in three with another chunk of the segment for b, if there is one, else in
    order. The special tokens that a segment begins and ends with make room for these; what is still too long is cut from the
    longer side, at ends that are drawn. What has one sentence only stays as it is, without a label.

    Adds `structure_ids`, `sentence_ids`, `example_ids` and `order_labels`; `input_ids` stay. A `length` of null is the row's.
    """

    name: ClassVar[str] = "ponet"
    source: ClassVar[str] = "Tan et al., 2022, arXiv:2110.02442"
    columns: ClassVar[tuple[Column, ...]] = (IDS, SENTENCES, EXAMPLES, ORDER)

    length: int | None = None
    short: float = 0.1
    cls_token: str = "[CLS]"  # noqa: S105  (a token of text)
    sep_token: str = "[SEP]"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 5:
            raise ValueError(
                f"length must be at least 5, for three special tokens and two others, not {self.length}"
            )
        if not 0 <= self.short <= 1:
            raise ValueError(f"short must be from 0 to 1, not {self.short:g}")
        for key in ("cls_token", "sep_token"):
            if not getattr(self, key):
                raise ValueError(f"{key} must be the text of a special token")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """What pairs begin with, and what sides end with."""
        return tuple(dict.fromkeys((self.cls_token, self.sep_token)))

    def fits(self, seq_len: int) -> None:
        """A pair is no longer than a row."""
        if self.length is not None and self.length > seq_len:
            raise ValueError(f"length must be at most the {seq_len} tokens of a row, not {self.length}")

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens are special, which end sentences; raises ValueError for a vocabulary in which none does."""
        special, ends = np.zeros(len(tokenizer), np.bool_), sentence_ends(tokenizer)
        special[list(tokenizer.reserved_ids)] = True
        if not ends.any():
            raise ValueError(
                "ponet needs tokens that sentences end with, such as a full stop, and the vocabulary has none"
            )
        return Tables(
            special, ends, tokenizer.special_id(self.cls_token), tokenizer.special_id(self.sep_token)
        )

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with pairs beside them."""
        given = given_rows(rows, seed, epoch, first_row)
        shape = given.ids.shape
        target = max(2, (self.length or shape[1]) - 3)
        pad = file_facts(rows.schema).get(PAD_ID, 0)
        pairing = Pairing(*tables[:2], target, in_53rds(self.short), *tables[2:], pad)
        to = Paired(
            ids=given.ids.astype(np.uint32),
            sentences=np.full(shape, -1, np.int32),
            examples=np.full(shape, -1, np.int32),
            labels=np.full(shape, IGNORED, np.int32),
        )
        starts, chunks = np.zeros((2, shape[1] + 1), np.int64)
        pair_sentences(given, pairing, starts, chunks, to)
        return with_columns(rows, self.columns, to)
