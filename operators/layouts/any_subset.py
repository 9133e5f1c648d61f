"""Any-subset autoregression (Guo and Ermon, 2025, arXiv:2504.20456): any tokens of a document from any others.

    input_ids   the  cat  sat  on   the  mat
    prompt       0    1    0    1    1    0       given, and ranked first, in their order
    rank         3    0    4    1    2    5       each other token is predicted from what ranks before it

One order for each choice of what is given (2^n, not n!): which is what `attention`, made late, says of every pair.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import LABELS, given_rows, matrix_of, with_columns
from pairloom.operators.layouts.kernels.any_subset import Rates, order_tokens, see_earlier
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.pack.derive import segment_ids
from pairloom.operators.pack.joined import joined_lengths
from pairloom.operators.schema import Column

__all__ = ["AnySubset"]

PROMPT = Column(
    name="prompt", dtype=np.dtype(np.uint8), doc="1 where a token is given, 0 where it is to be predicted"
)
RANK = Column(
    name="rank",
    dtype=np.dtype(np.int32),
    pad=-1,
    doc="the place of a token in the order of its segment: what is given comes first; -1 on padding",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnySubset(RowStep):
    """Any tokens of a document predicted from any others, in one order for each choice: AS-ARM.

    Of a segment of n tokens max(1, int((1 - share) n) + 1), drawn uniformly, are given; the share to predict is uniform from
    the first to the second of `rate`, in `strata` equal parts that rows take in turns. Adds `prompt` (1 where a token is
    given), `rank` (given tokens first, then the others, both in their order) and `labels`. For training there is `attention`
    [b, seq_len, seq_len], made late: what is given sees all that is given of its segment, any other place what ranks before it,
    itself not. With `ramp` the bounds go from `start` to `rate` within so many epochs of the loader.
    """

    name: ClassVar[str] = "any_subset"
    source: ClassVar[str] = "Guo and Ermon, 2025, arXiv:2504.20456"
    columns: ClassVar[tuple[Column, ...]] = (PROMPT, RANK, LABELS)
    late: ClassVar[tuple[str, ...]] = ("attention",)

    rate: tuple[float, float] = (0.85, 0.99)
    strata: int = 16
    start: float = 0.15
    ramp: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.rate[0] <= self.rate[1] < 1:
            raise ValueError(
                f"rate must be two shares above 0 and below 1, the lower first, not {list(self.rate)}"
            )
        if not 1 <= self.strata <= 1 << 16:
            raise ValueError(f"strata must be from 1 to 65536, not {self.strata}")
        if not 0 < self.start < 1:
            raise ValueError(f"start must be above 0 and below 1, not {self.start:g}")
        if self.ramp < 0:
            raise ValueError(f"ramp must be a number of epochs, not {self.ramp}")

    def rates(self, epoch: int) -> tuple[float, float]:
        """The bounds of the share to predict in an epoch.

        >>> AnySubset(rate=(0.55, 0.75), ramp=4).rates(2), AnySubset(rate=(0.55, 0.75), ramp=4).rates(9)
        ((0.35, 0.45), (0.55, 0.75))
        """
        done = min(1.0, epoch / self.ramp) if self.ramp else 1.0
        low, high = (round(self.start + (bound - self.start) * done, 12) for bound in self.rate)
        return low, high

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Any
    ) -> pa.RecordBatch:
        """The rows with what is given, ranks and labels."""
        given = given_rows(rows, seed, epoch, first_row)
        shape = given.ids.shape
        prompt, rank = np.zeros(shape, np.uint8), np.full(shape, -1, np.int32)
        labels = np.full(shape, IGNORED, np.int32)
        order_tokens(given, Rates(*self.rates(epoch), self.strata), first_row, prompt, rank, labels)
        return with_columns(rows, self.columns, (prompt, rank, labels))

    def built(self, name: str, rows: pa.RecordBatch, tables: Any) -> npt.NDArray[np.bool_]:
        """`attention`: bool[b, seq_len, seq_len], true where the first place sees the second."""
        prompt, rank = (matrix_of(rows, column.name).copy() for column in (PROMPT, RANK))
        out = np.zeros((*rank.shape, rank.shape[1]), np.bool_)
        see_earlier(prompt, rank, segment_ids(joined_lengths(rows), rank.shape[1]), out)
        return out
