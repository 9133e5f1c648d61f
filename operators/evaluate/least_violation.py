"""The linear program behind mixture inference: shares that break inequalities the least, which are added as they are found.

Minimise `sum(by_merge) + sum(by_pair)` over shares that add up to 1, where for each inequality (step, pair, differences)
`differences · shares + by_merge[step] + by_pair[pair] >= 0` and nothing is negative (Hayase et al., 2024). The solver is
HiGHS; it goes on from its last solution, so that a few inequalities more cost a few steps more.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import RecipeError

__all__ = ["LeastViolation", "need_solver"]

SCALE = 1e4  # counts are scaled up, so that the solver's tolerances are small beside them


class LeastViolation:
    """The program so far, and its solution: `shares` (float64[k]), `by_merge` (float64[T]), `by_pair` (float64[P])."""

    def __init__(self, categories: int, merges: int, pairs: int) -> None:
        highs = need_solver()
        self._infinity = highs.kHighsInf
        self._program = highs.Highs()
        self._program.silent()
        self.shares = np.full(categories, 1 / categories)
        self.by_merge, self.by_pair = np.zeros(merges), np.zeros(pairs)
        self._of_merge, self._of_pair = np.full(merges, -1, np.int32), np.full(pairs, -1, np.int32)
        self._columns(categories, cost=0.0)
        everything = np.arange(categories, dtype=np.int32)
        self._program.addRow(1.0, 1.0, categories, everything, np.ones(categories))

    @property
    def loss(self) -> float:
        """The sum of all violations."""
        return float(self.by_merge.sum() + self.by_pair.sum())

    def add(
        self,
        steps: npt.NDArray[np.int64],
        pairs: npt.NDArray[np.int64],
        differences: npt.NDArray[np.float64],
    ) -> None:
        """Take in inequalities, `differences` being float64[n, k]."""
        for known, named in ((self._of_merge, steps), (self._of_pair, pairs)):
            new = np.unique(named[known[named] < 0])
            known[new] = self._columns(len(new), cost=1.0)
        count, categories = differences.shape
        width = categories + 2
        shares = np.broadcast_to(np.arange(categories, dtype=np.int32), (count, categories))
        columns = np.concatenate([shares, self._of_merge[steps, None], self._of_pair[pairs, None]], axis=1)
        values = np.concatenate([SCALE * differences, np.ones((count, 2))], axis=1)
        self._program.addRows(
            count,
            np.zeros(count),
            np.full(count, self._infinity),
            count * width,
            np.arange(0, count * width, width, dtype=np.int32),
            np.ascontiguousarray(columns).reshape(-1),
            values.reshape(-1),
        )

    def solve(self) -> None:
        """Find the shares and violations. Raises ArithmeticError where the solver finds none."""
        highs, program = need_solver(), self._program
        program.run()
        if program.getModelStatus() != highs.HighsModelStatus.kOptimal:
            raise ArithmeticError(
                f"the linear program of {program.getNumRow():,} rows has no solution: {program.getModelStatus()}"
            )
        solution = np.maximum(np.array(program.getSolution().col_value), 0)
        shares = solution[: len(self.shares)]
        self.shares = shares / shares.sum()
        for amounts, columns in ((self.by_merge, self._of_merge), (self.by_pair, self._of_pair)):
            used = columns >= 0
            amounts[used] = solution[columns[used]] / SCALE

    def _columns(self, count: int, cost: float) -> npt.NDArray[np.int32]:
        """New columns of nothing yet; their numbers."""
        first = self._program.getNumCol()
        nothing = np.zeros(0, np.int32)
        self._program.addCols(
            count,
            np.full(count, cost),
            np.zeros(count),
            np.full(count, self._infinity),
            0,
            np.zeros(count, np.int32),
            nothing,
            np.zeros(0),
        )
        return np.arange(first, first + count, dtype=np.int32)


def need_solver() -> Any:
    """The solver's module. Raises RecipeError where it is not installed."""
    try:
        import highspy
    except ImportError as error:
        raise RecipeError(
            "inferring a mixture needs the linear solver HiGHS: pip install 'pairloom[report]'"
        ) from error
    return highspy
