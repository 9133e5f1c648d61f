"""The plan of packed rows: integers, before any token is touched."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["PackPlan"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackPlan:
    """Which tokens go where. Row `r` holds the segments `rows[r]:rows[r + 1]`, one after another.

    `document` and `offset` are int64, `length` is int32: segment `s` is `length[s]` tokens of the document
    `document[s]` from its token `offset[s]` on. No segment is empty. `repeated_tokens` stand in two segments, so that
    each token but a document's first is predicted somewhere.
    """

    seq_len: int
    rows: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int32]
    truncated_tokens: int = 0
    dropped_tokens: int = 0
    dropped_documents: int = 0
    repeated_tokens: int = 0

    def __len__(self) -> int:
        return len(self.rows) - 1

    @property
    def tokens(self) -> int:
        """Tokens in rows, padding not counted, repeated ones counted twice."""
        return int(self.length.sum(dtype=np.int64))

    @property
    def padding(self) -> int:
        """Positions of rows that hold no token."""
        return len(self) * self.seq_len - self.tokens

    @property
    def splits(self) -> int:
        """Segments that go on with a document that an earlier segment began."""
        return len(self.document) - len(np.unique(self.document))

    def reordered(self, order: npt.NDArray[np.int64]) -> "PackPlan":
        """The same rows in another order: row `i` of the result is row `order[i]` of this plan."""
        sizes = np.diff(self.rows)[order]
        rows = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        segments = np.repeat(self.rows[:-1][order] - rows[:-1], sizes) + np.arange(rows[-1])
        return replace(
            self,
            rows=rows,
            document=self.document[segments],
            offset=self.offset[segments],
            length=self.length[segments],
        )
