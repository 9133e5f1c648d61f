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
        return len(self.document) - int(np.count_nonzero(np.bincount(self.document)))

    @property
    def filled(self) -> npt.NDArray[np.int64]:
        """The tokens in each row: int64."""
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.length, dtype=np.int64)])
        return np.diff(ends[self.rows])

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

    def beside(self, other: "PackPlan") -> "PackPlan":
        """The rows of both plans, which are of the same documents and of one length; what each leaves out or repeats adds up."""
        names = ("truncated_tokens", "dropped_tokens", "dropped_documents", "repeated_tokens")
        return PackPlan(
            seq_len=self.seq_len,
            rows=np.concatenate([self.rows, other.rows[1:] + self.rows[-1]]),
            document=np.concatenate([self.document, other.document]),
            offset=np.concatenate([self.offset, other.offset]),
            length=np.concatenate([self.length, other.length]),
            **{name: getattr(self, name) + getattr(other, name) for name in names},
        )

    def part(self, start: int, stop: int) -> "PackPlan":
        """The rows from `start` to before `stop`, in place."""
        rows = self.rows[start : stop + 1]
        here = slice(int(rows[0]), int(rows[-1]))
        return replace(
            self,
            rows=rows - rows[0],
            document=self.document[here],
            offset=self.offset[here],
            length=self.length[here],
        )

    def parted(self, weak: npt.NDArray[np.bool_]) -> tuple["PackPlan", "PackPlan"]:
        """The rows that are full enough to be written, and the `weak` ones, whose segments should be packed with others'.

        What is left out or repeated is counted by the former.
        """
        rest = replace(
            self.reordered(np.flatnonzero(weak)),
            truncated_tokens=0,
            dropped_tokens=0,
            dropped_documents=0,
            repeated_tokens=0,
        )
        return (self.reordered(np.flatnonzero(~weak)) if weak.any() else self), rest
