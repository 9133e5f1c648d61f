"""Tables to draft from: what a corpus says comes next, as arrays in compressed sparse rows.

    statistic `successors` ── drafts_of ──▶ contexts, ascending · first · tokens · counts · totals
                                               row i:  tokens[first[i] : first[i + 1]]

With a context of two tokens these are the drafts by trigrams of ADED; with one, `matrix` is the table that Token Recycling
starts from (Luo et al., 2024, arXiv:2408.08696).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Drafts", "drafts_of"]

_COLUMNS = ("context", "successors", "counts", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """What follows each context, most frequent first: a sparse matrix of counts in compressed rows.

    `contexts` is uint32[m, n], ascending; `first` int64[m + 1], where each row begins; `tokens` uint32[k] and `counts` int64[k] are
    the entries of all rows; `totals` int64[m] is how often anything follows.
    """

    contexts: npt.NDArray[np.uint32]
    first: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """The share of each entry in what follows its context, float64[k]; those of a row add up to 1 at most."""
        return np.asarray(self.counts / np.repeat(self.totals, np.diff(self.first)), np.float64)

    @property
    def discarded(self) -> npt.NDArray[np.int64]:
        """How often something follows each context that its row does not have, int64[m]: `totals` less the counts."""
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts)])
        return np.asarray(self.totals - np.diff(sums[self.first]), np.int64)

    def places(self, contexts: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Which row is that of each context (integers[q, n]), and -1 for one that has none.

        Raises ValueError for contexts of another length.
        """
        asked = np.asarray(contexts)
        n = self.contexts.shape[1]
        if not len(self.contexts):  # of no length
            return np.full(len(asked), -1, np.int64)
        if asked.ndim != 2 or asked.shape[1] != n:
            raise ValueError(f"contexts must be rows of {n} tokens, not of shape {asked.shape}")
        there, wanted = _keys(self.contexts), _keys(asked)
        found = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
        ids = ((asked >= 0) & (asked <= 0xFFFFFFFF)).all(1)
        return np.where(ids & (there[found] == wanted), found, -1).astype(np.int64)

    def matrix(self, tokens: int, width: int = 8) -> npt.NDArray[np.int64]:
        """Of each of so many tokens the `width` that follow most often, int64[tokens, width], and 0 where there are fewer.

        Raises ValueError for contexts of more than one token, and for ids that are not below `tokens`.
        """
        if self.contexts.shape[1] != 1:
            raise ValueError(
                f"a matrix has a row for each token, and these contexts have {self.contexts.shape[1]}"
            )
        largest = max(int(self.contexts.max(initial=0)), int(self.tokens.max(initial=0)))
        if len(self.contexts) and largest >= tokens:
            raise ValueError(f"tokens must be the size of the vocabulary, above {largest}, not {tokens}")
        out = np.zeros((tokens, width), np.int64)
        lengths = np.diff(self.first)
        rank = np.arange(len(self.tokens)) - np.repeat(self.first[:-1], lengths)
        kept = rank < width
        out[np.repeat(self.contexts[:, 0], lengths)[kept], rank[kept]] = self.tokens[kept]
        return out


def drafts_of(table: pa.Table) -> Drafts:
    """The table of the statistic `successors`, as arrays; those of `per` one group at a time.

    Contexts of which nothing is as frequent as `min_count` asks are not in that table, nor here.

    Raises ValueError for another table, and for one in which contexts do not ascend.

    >>> table = pa.table({"context": [[1, 2], [1, 3]], "successors": [[7, 4], [7]], "counts": [[3, 1], [2]], "total": [5, 2]})
    >>> drafts = drafts_of(table)
    >>> drafts.first.tolist(), drafts.tokens.tolist(), drafts.probabilities.tolist(), drafts.discarded.tolist()
    ([0, 2, 3], [7, 4, 7], [0.6, 0.2, 1.0], [1, 0])
    >>> drafts.places([[1, 3], [3, 1]]).tolist()
    [1, -1]
    """
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise ValueError(
            f"table must be that of the statistic successors, and has no column {', '.join(missing)}: "
            f"it has {', '.join(table.column_names)}"
        )
    columns = {name: _whole(table.column(name)) for name in _COLUMNS}
    lengths = _lengths(columns["context"])
    n = int(lengths[0]) if len(lengths) else 1
    if (lengths != n).any():
        raise ValueError("table must have contexts of one length: take those of one statistic")
    contexts = _numbers(columns["context"].flatten(), np.uint32).reshape(-1, n)
    keys = _keys(contexts)
    if (keys[1:] <= keys[:-1]).any():
        raise ValueError("table must have each context once, ascending: take one group of `per` at a time")
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(_lengths(columns["successors"]))])
    return Drafts(
        contexts=contexts,
        first=first,
        tokens=_numbers(columns["successors"].flatten(), np.uint32),
        counts=_numbers(columns["counts"].flatten(), np.int64),
        totals=_numbers(columns["total"], np.int64),
    )


def _whole(column: pa.ChunkedArray) -> Any:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _lengths(lists: Any) -> npt.NDArray[np.int64]:
    return np.asarray(lists.value_lengths().to_numpy(zero_copy_only=False), np.int64)


def _numbers(values: Any, dtype: Any) -> npt.NDArray[Any]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype)


def _keys(contexts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows of ids as values that ascend as the rows do: their bytes."""
    big = np.ascontiguousarray(contexts.astype(">u4"))
    return big.view(np.dtype((np.bytes_, 4 * big.shape[1]))).reshape(-1)
