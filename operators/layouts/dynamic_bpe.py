"""Dynamic tokenization (Feher, Vulić and Minixhofer, 2024, arXiv:2411.18553): a batch gets tokens of its own.

input_ids       un happi ness . un happi ly      pieces of a batch
dynamic_ids     900 ness . 900 ly                900 = un happi, the pair that the batch has most often
dynamic_spans   [[un, happi]]                    what an embedding of the new token is made of
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import given_rows
from pairloom.operators.layouts._vocabulary import sentence_ends, token_bits
from pairloom.operators.layouts.kernels.dupmae import INSIDE, mark_words
from pairloom.operators.layouts.kernels.dynamic_bpe import merge_batch
from pairloom.operators.layouts.kernels.masked_lm import SPECIAL
from pairloom.operators.pack.derive import segment_ids
from pairloom.operators.schema import SEGMENT_LENGTHS

__all__ = ["DynamicBPE", "Merged", "Tables"]

PAD = -1


class Tables(NamedTuple):
    """What is known of the vocabulary: bits of each token, which end a sentence, and how many there are."""

    bits: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.bool_]
    size: int


class Merged(NamedTuple):
    """A batch after its merges: `ids` [b, n], -1 behind each row, and `spans`, the old ids of each new one.

    `tokens` is how many tokens the batch has after no merge, one, and so on.
    """

    ids: npt.NDArray[np.int32]
    spans: list[list[int]]
    tokens: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicBPE(RowStep):
    """Fewer tokens by merging what a batch has most often: new ids for its most frequent pairs, `merges` of them at most.

    A pair is merged where both tokens are of one word (`boundary: word`), one `sentence` or one `document`; special tokens never.
    Of equally frequent pairs the one of smaller ids is merged, and none that occurs once. Made late, for all rows of a batch:
    `dynamic_ids`, int32 [b, n], -1 behind a row, new tokens numbered from the vocabulary's size on in the order of their merges;
    `dynamic_spans`, int32 [new tokens, longest], the tokens of the vocabulary that each stands for, -1 behind them, of whose
    embeddings a model makes its own.
    """

    name: ClassVar[str] = "dynamic_bpe"
    source: ClassVar[str] = "Feher, Vulić and Minixhofer, 2024, arXiv:2411.18553"
    late: ClassVar[tuple[str, ...]] = ("dynamic_ids", "dynamic_spans")

    merges: int = 10
    boundary: Literal["word", "sentence", "document"] = "word"

    def __post_init__(self) -> None:
        if not 0 <= self.merges < 1 << 20:
            raise ValueError(f"merges must be from 0 to 1048575, not {self.merges}")

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens are special, go on with a word, and end a sentence."""
        return Tables(token_bits(tokenizer), sentence_ends(tokenizer), len(tokenizer))

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows as they are: what is merged is another matter in every batch."""
        return rows

    def built(self, name: str, rows: pa.RecordBatch, tables: Tables) -> npt.NDArray[np.int32]:
        """`dynamic_ids` or `dynamic_spans` of the rows."""
        merged = self.merged(rows, tables)
        if name == "dynamic_ids":
            return merged.ids
        out = np.full((len(merged.spans), max(map(len, merged.spans), default=0)), PAD, np.int32)
        for line, span in zip(out, merged.spans, strict=True):
            line[: len(span)] = span
        return out

    def merged(self, rows: pa.RecordBatch, tables: Tables) -> Merged:
        """The rows with the tokens of their own."""
        ids, joins, lengths = self._joins(rows, tables)
        room = 1 << max(4, (2 * ids.size).bit_length())
        pairs = np.zeros((self.merges, 2), np.int64)
        tokens = np.zeros(self.merges + 1, np.int64)
        keys, counts = np.empty(room, np.int64), np.empty(room, np.int64)
        made = merge_batch(ids, joins, lengths, tables.size, keys, counts, pairs, tokens)
        width = int(lengths.max(initial=0))
        out = np.where(np.arange(width) < lengths[:, None], ids[:, :width], PAD).astype(np.int32)
        spans: list[list[int]] = []
        for pair in pairs[:made].tolist():
            spans.append([old for one in pair for old in _spelled(one, spans, tables.size)])
        return Merged(out, spans, tokens[: made + 1])

    def _joins(
        self, rows: pa.RecordBatch, tables: Tables
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """The tokens of rows, whether each may be merged with the one before it, and how many each row has."""
        given = given_rows(rows, 0, 0, 0)
        segments = segment_ids(rows.column(SEGMENT_LENGTHS), given.ids.shape[1])
        lengths = (segments >= 0).sum(axis=1).astype(np.int64)
        ids = given.ids.astype(np.int64)
        if self.boundary == "word":
            marks = np.zeros(ids.shape, np.uint8)
            mark_words(given, tables.bits, marks)
            return ids, marks == INSIDE, lengths
        plain = (tables.bits[ids] & SPECIAL == 0) & (segments >= 0)
        joins = np.zeros(ids.shape, np.bool_)
        joins[:, 1:] = plain[:, 1:] & plain[:, :-1] & (segments[:, 1:] == segments[:, :-1])
        if self.boundary == "sentence":
            ends = tables.ends[ids]
            joins[:, 1:] &= ~ends[:, :-1] | ends[:, 1:]
        return ids, joins, lengths


def _spelled(token: int, spans: list[list[int]], size: int) -> list[int]:
    return [token] if token < size else spans[token - size]
