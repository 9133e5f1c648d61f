"""Prefixes of ordered tokens: images of one-dimensional tokenizers, of which the first k tokens are an image too.

FlexTok (Bachmann et al., 2025, arXiv:2502.13967) and One-D-Piece (Miwa et al., 2025, arXiv:2501.10064) drop the tail of a sequence
at a random place while they train; Matryoshka Multimodal Models (Cai et al., 2024, arXiv:2405.17430) have nested sets of tokens.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams, draws
from pairloom.operators.transforms._spans import spans_of

__all__ = ["KEPT", "Prefix", "Tables"]

KEPT = Column(
    name="prefix_length",
    dtype=np.dtype(np.int32),
    of="document",
    doc="how many tokens of each of its spans a document keeps at most",
)


class Tables(NamedTuple):
    """Which ids are special, and the ids that begin and end spans, -1 where whole documents are meant."""

    special: npt.NDArray[np.bool_]
    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(TokenStep):
    """Keeps the first tokens of each document, or of each span in it: k of them, drawn by document and copy.

    `keep` is k, or the values that k may have; each is as likely as another, or has its share in `shares`. `column` is a column
    of documents that has k instead. The special tokens that a document begins and ends with stay. With `begin` and `end`, special
    tokens, only what stands between them is shortened, all spans of a document to one k.

    Adds `prefix_length`, one value a document.
    """

    name: ClassVar[str] = "prefix"
    source: ClassVar[str] = "FlexTok, arXiv:2502.13967; One-D-Piece, arXiv:2501.10064"
    columns: ClassVar[tuple[Column, ...]] = (KEPT,)

    keep: int | tuple[int, ...] = ()
    shares: tuple[float, ...] = ()
    column: str | None = None
    begin: str | None = None
    end: str | None = None

    def __post_init__(self) -> None:
        if bool(self.values) == (self.column is not None):
            raise ValueError(
                "keep must be how many tokens are kept, or column the column that says so: one of them"
            )
        if any(not 0 <= value < 1 << 31 for value in self.values):
            raise ValueError(f"keep must be from 0 to 2^31 - 1, not {self.keep}")
        if self.shares and (
            len(self.shares) != len(self.values) or min(self.shares) < 0 or not sum(self.shares)
        ):
            raise ValueError(f"shares must be as many as there are values, none below 0, not {self.shares}")
        if (self.begin is None) != (self.end is None):
            raise ValueError("begin must be named with end: spans have both")

    @property
    def values(self) -> tuple[int, ...]:
        """What k may be."""
        return (self.keep,) if isinstance(self.keep, int) else self.keep

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """What spans begin and end with."""
        return () if self.begin is None or self.end is None else (self.begin, self.end)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column of documents that says how many."""
        return () if self.column is None else (self.column,)

    def prepare(self, tokenizer: Any) -> Tables:
        """Which ids are special."""
        special = np.zeros(len(tokenizer), np.bool_)
        special[list(tokenizer.reserved_ids)] = True
        begin, end = (
            (tokenizer.special_id(token) for token in self.special_tokens) if self.begin else (-1, -1)
        )
        return Tables(special=special, begin=begin, end=end)

    def need(self, tokens: int, width: int) -> int:
        """The documents, and the place of each token."""
        return tokens * (2 * width + 40)

    def __call__(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents without the tails of their spans; raises ValueError where they have no such column."""
        kept = self._drawn(batch, seed)
        spans = spans_of(batch, tables.special, tables.begin, tables.end)
        stay = ~spans.inside | (spans.rank < kept[spans.document])
        columns = {name: batch.flat(name)[stay] for name in batch.columns}
        length = np.bincount(spans.document[stay], minlength=len(batch)).astype(np.int64)
        made = batch.with_tokens(length, columns)
        return made.with_documents({KEPT.name: kept.astype(KEPT.dtype)})

    def _drawn(self, batch: TokenBatch, seed: int) -> npt.NDArray[np.int64]:
        """How many tokens each document keeps."""
        if self.column is not None:
            if self.column not in batch.documents:
                raise ValueError(
                    f"column must be one of documents, and they have {', '.join(batch.documents)}, not {self.column!r}"
                )
            return np.clip(batch.documents[self.column].astype(np.int64), 0, (1 << 31) - 1)
        shares = np.array(self.shares or [1.0] * len(self.values), np.float64)
        # Shares as 2^53rds, so that a choice is a comparison of whole numbers.
        bounds = np.floor(np.cumsum(shares) / shares.sum() * (1 << 53)).astype(np.uint64)
        drawn = draws(document_streams(seed, batch), 0) >> np.uint64(11)
        place = np.minimum(np.searchsorted(bounds, drawn, side="right"), len(bounds) - 1)
        found: npt.NDArray[np.int64] = np.array(self.values, np.int64)[place]
        return found
