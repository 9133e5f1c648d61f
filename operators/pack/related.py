"""Documents of one group, kept in one row as far as they fit: planned as one document, and taken apart again.

documents, in order      a  a  b  b  b         of groups a and b
bundles                  [a a]  [b b] [b]      consecutive ones of a group, as many as fit a row
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.plan import PackPlan

__all__ = ["Bundles"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundles:
    """Which documents are planned together: bundle `i` has those from `edges[i]` to before `edges[i + 1]`.

    `lengths` (int64) are those of the documents.
    """

    edges: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    @staticmethod
    def of(lengths: npt.NDArray[np.int64], groups: npt.NDArray[np.uint64], seq_len: int) -> "Bundles":
        """Bundles of consecutive documents of one group, each as long as a row has room.

        >>> Bundles.of(np.array([3, 4, 2, 9, 1]), np.array([7, 7, 7, 7, 8], np.uint64), 8).edges.tolist()
        [0, 2, 3, 4, 5]
        """
        edges, filled, group = [0], 0, None
        for i, (length, one) in enumerate(zip(lengths.tolist(), groups.tolist(), strict=True)):
            if i and (one != group or filled + length > seq_len):
                edges.append(i)
                filled = 0
            filled, group = filled + length, one
        if len(lengths):
            edges.append(len(lengths))
        return Bundles(edges=np.array(edges, np.int64), lengths=lengths)

    @property
    def totals(self) -> npt.NDArray[np.int64]:
        """The tokens of each bundle."""
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths)])
        return np.diff(ends[self.edges])

    def apart(self, plan: PackPlan) -> PackPlan:
        """A plan of bundles as one of documents.

        Only bundles of one document may be cut or left out, which is so where a longer one fits a row.

        >>> bundles = Bundles.of(np.array([3, 4]), np.array([7, 7], np.uint64), 8)
        >>> plan = PackPlan(
        ...     seq_len=8, rows=np.array([0, 1]), document=np.array([0]), offset=np.array([0]), length=np.array([7], np.int32)
        ... )
        >>> made = bundles.apart(plan)
        >>> made.rows.tolist(), made.document.tolist(), made.length.tolist()
        ([0, 2], [0, 1], [3, 4])
        """
        sizes = np.diff(self.edges)[plan.document]
        which = np.repeat(np.arange(len(sizes)), sizes)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        document = self.edges[plan.document[which]] + nth
        alone = sizes[which] == 1
        length = np.where(alone, plan.length[which], self.lengths[document]).astype(np.int32)
        offset = np.where(alone, plan.offset[which], 0)
        there = length > 0
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])[plan.rows]
        rows = np.concatenate([np.zeros(1, np.int64), np.cumsum(there)])[ends]
        return replace(plan, rows=rows, document=document[there], offset=offset[there], length=length[there])
