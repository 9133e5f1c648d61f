"""Strategies are found by name, and say about themselves what others ask of one."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pairloom.operators.pack import STRATEGIES, pack
from pairloom.operators.pack.strategies.dynamic_pack import DynamicPack
from pairloom.operators.pack.strategies.short_long import ShortLong
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
    assert STRATEGIES.names() == (
        "best_fit",
        "buckets",
        "concat",
        "dynamic_pack",
        "first_fit",
        "padded",
        "short_long",
    )
    found = STRATEGIES.all()
    assert {name for name, one in found.items() if one.carries} == {"best_fit", "concat", "first_fit"}
    assert {name for name, one in found.items() if one.bucketed} == {"buckets"}
    assert {name for name, one in found.items() if one.overflows == ("split",)} == {"concat", "short_long"}
    assert {name: one.most_rows for name, one in found.items() if one.most_rows != 2} == {"concat": 3}


def test_one_from_outside_packs_and_is_known_to_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("next_fit", f"{__name__}:NextFit", STRATEGIES.group)
    monkeypatch.setitem(vars(STRATEGIES), "_points", {"next_fit": point})
    plan = pack(np.array([3, 2, 4, 9]), 5, strategy="next_fit")
    assert plan.filled.tolist() == [5, 4, 5, 4]
    assert Pack(strategy="next_fit").strategy == NextFit()
    full, rest = NextFit().parted(plan)
    assert (len(full), len(rest)) == (4, 0)


def test_a_strategy_that_there_is_not_gets_the_nearest_name() -> None:
    with pytest.raises(
        ValidationError, match="there is no packing strategy 'bestfit'; did you mean 'best_fit'"
    ):
        Pack(strategy="bestfit")


lengths_of = st.lists(st.integers(0, 300), max_size=200).map(lambda found: np.array(found, np.int64))


@given(lengths=lengths_of, seq_len=st.integers(2, 64), short=st.floats(0, 1), repeat=st.booleans())
def test_short_and_long_rows_hold_every_token_once(
    lengths: npt.NDArray[np.int64], seq_len: int, short: float, repeat: bool
) -> None:
    plan = pack(lengths, seq_len, strategy=ShortLong(short), predict_every_token=repeat)
    seen = [np.zeros(n, np.int64) for n in lengths]
    for document, offset, length in zip(plan.document, plan.offset, plan.length, strict=True):
        seen[document][offset : offset + length] += 1
    assert all((counts >= 1).all() for counts in seen)
    assert sum(int((counts - 1).sum()) for counts in seen) == plan.repeated_tokens
    # A document is in rows of one kind: alone in each, or end to end in rows of which only the last is not full.
    ending = [np.unique(plan.document[a:b]) for a, b in pairwise(plan.rows)]
    first = [documents[0] for documents in ending]
    assert first == sorted(first)
    together = {int(one) for documents in ending if len(documents) > 1 for one in documents}
    padded = [
        int(found[0]) for found, n in zip(ending, plan.filled, strict=True) if len(found) == 1 and n < seq_len
    ]
    assert len(together & set(padded)) <= 1
    assert sum(plan.filled[[len(found) > 1 for found in ending]] < seq_len) <= 1


def test_short_rows_have_their_share() -> None:
    lengths = np.random.default_rng(0).lognormal(5, 1, 20_000).astype(np.int64) + 1
    lengths = np.minimum(lengths, 1000)  # no document fills a row
    for short in (0.0, 0.2, 0.5, 0.9, 1.0):
        plan = pack(lengths, 1024, strategy=ShortLong(short))
        assert abs((plan.filled < plan.seq_len).mean() - short) < 0.01
    assert len(pack(lengths, 1024, strategy=ShortLong(1))) == len(pack(lengths, 1024, strategy="padded"))
    assert len(pack(lengths, 1024, strategy=ShortLong(0))) == len(pack(lengths, 1024, strategy="concat"))


@given(lengths=lengths_of, seq_len=st.integers(2, 64), documents=st.integers(1, 9))
def test_dynamic_pack_fills_the_row_before_with_the_next_longer_one_of_a_batch(
    lengths: npt.NDArray[np.int64], seq_len: int, documents: int
) -> None:
    pieces = [
        (document, min(seq_len, int(n) - at))
        for document, n in enumerate(lengths)
        for at in range(0, n, seq_len)
    ]
    rows: list[list[tuple[int, int]]] = []
    for start in range(0, len(pieces), documents):
        batch = pieces[start : start + documents]
        rows.append([])
        for document, n in sorted(batch, key=lambda piece: piece[1]):
            if sum(m for _, m in rows[-1]) + n > seq_len:
                rows.append([])
            rows[-1].append((document, n))
    plan = pack(lengths, seq_len, strategy=DynamicPack(documents))
    made = [
        sorted(zip(plan.document[a:b].tolist(), plan.length[a:b].tolist(), strict=True))
        for a, b in pairwise(plan.rows)
    ]
    assert sorted(made) == sorted(sorted(row) for row in rows)


def test_padding_is_less_the_more_a_strategy_looks_at() -> None:
    """What CodeACT compares: rows of the greatest length, of a batch's, Dynamic Pack, and best fit over all documents."""
    lengths = np.clip(np.random.default_rng(0).lognormal(5, 1, 4096), 1, 2048).astype(np.int64)
    by_batch = sum(64 * int(lengths[at : at + 64].max()) for at in range(0, 4096, 64))
    dynamic = pack(lengths, 2048, strategy=DynamicPack(64))
    batch_of = dynamic.document[dynamic.rows[:-1]] // 64
    trimmed = sum(
        int(filled.max()) * len(filled)
        for filled in (dynamic.filled[batch_of == batch] for batch in range(64))
    )
    best = len(pack(lengths, 2048, strategy="best_fit")) * 2048
    slots = [4096 * 2048, by_batch, trimmed, best]
    assert slots == sorted(slots, reverse=True)
    assert len(set(slots)) == 4
    assert int(lengths.sum()) <= best


def test_a_strategy_has_keys_as_a_step_has() -> None:
    found = Pack(strategy={"short_long": {"short": 0.25}})  # type: ignore[arg-type]
    assert found.strategy == ShortLong(0.25) != ShortLong()
    assert found.model_dump()["strategy"] == {"short_long": {"short": 0.25}}
    assert Pack().model_dump()["strategy"] == "best_fit"
    with pytest.raises(ValidationError, match="short must be a share of rows, from 0 to 1, not 2"):
        Pack(strategy={"short_long": {"short": 2}})  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="unknown key 'long'; did you mean 'short'"):
        Pack(strategy={"short_long": {"long": 2}})  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="overflow must be split"):
        Pack(strategy="short_long", overflow="drop")  # type: ignore[arg-type]


def test_strategies_are_known_before_any_kernel_is_loaded() -> None:
    code = (
        "import sys; from pairloom.operators.pack.strategies import STRATEGIES; assert len(STRATEGIES.all()) >= 5;"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
