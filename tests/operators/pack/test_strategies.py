"""Strategies are found by name, and say about themselves what others ask of one."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from pairloom.operators.pack import STRATEGIES, pack
from pairloom.operators.pack.strategy import PieceStrategy
from pairloom.pipeline.recipe import Pack


class NextFit(PieceStrategy):
    """Into the row before, if it has room: as a stranger would write it."""

    name: ClassVar[str] = "next_fit"

    def rows(self, length: npt.NDArray[np.int32], seq_len: int) -> npt.NDArray[np.int64]:
        rows, row, room = [], -1, 0
        for n in length.tolist():
            if n > room:
                row, room = row + 1, seq_len
            room -= n
            rows.append(row)
        return np.array(rows, np.int64)


def test_the_strategies_are_these() -> None:
    assert STRATEGIES.names() == ("best_fit", "buckets", "concat", "first_fit", "padded")
    found = STRATEGIES.all()
    assert {name for name, one in found.items() if one.carries} == {"best_fit", "concat", "first_fit"}
    assert {name for name, one in found.items() if one.bucketed} == {"buckets"}
    assert {name for name, one in found.items() if one.overflows == ("split",)} == {"concat"}
    assert {name: one.most_rows for name, one in found.items() if one.most_rows != 2} == {"concat": 3}


def test_one_from_outside_packs_and_is_known_to_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("next_fit", f"{__name__}:NextFit", STRATEGIES.group)
    monkeypatch.setitem(vars(STRATEGIES), "_points", {"next_fit": point})
    plan = pack(np.array([3, 2, 4, 9]), 5, strategy="next_fit")
    assert plan.filled.tolist() == [5, 4, 5, 4]
    assert Pack(strategy="next_fit").strategy == "next_fit"
    full, rest = NextFit().parted(plan)
    assert (len(full), len(rest)) == (4, 0)


def test_a_strategy_that_there_is_not_gets_the_nearest_name() -> None:
    with pytest.raises(
        ValidationError, match="there is no packing strategy 'bestfit'; did you mean 'best_fit'"
    ):
        Pack(strategy="bestfit")


def test_strategies_are_known_before_any_kernel_is_loaded() -> None:
    code = (
        "import sys; from pairloom.operators.pack.strategies import STRATEGIES; assert len(STRATEGIES.all()) >= 5;"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
