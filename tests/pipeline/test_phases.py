"""Where a task's time goes: phases nest, add up, and are seen from outside."""

import time
from itertools import islice
from pathlib import Path

from pairloom.pipeline import run
from pairloom.pipeline.flow.events import Event, UnitDone
from pairloom.pipeline.phases import PHASES, Usage, in_phase, leaving, phase, watched
from tests.support.corpora import documents, recipe_for, write_jsonl


def _busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_a_phase_inside_another_stops_the_outer_clock() -> None:
    start = time.perf_counter()
    with watched() as usage:
        with phase("parse"):
            _busy(0.02)
            with phase("read"):
                _busy(0.04)
        for _ in islice(in_phase("gather", iter(range(3))), 2):
            _busy(0.01)
    passed = time.perf_counter() - start
    assert sorted(usage.seconds) == ["gather", "other", "parse", "read"]
    assert usage.seconds["parse"] < usage.seconds["read"]
    assert usage.seconds["other"] >= 0.02  # what is done with an item is not the phase that made it
    assert 0.08 <= sum(usage.seconds.values()) <= passed
    assert usage.memory > 1 << 20


def test_without_a_watch_nothing_is_kept_and_errors_pass_through() -> None:
    with phase("read"):
        pass
    with watched() as usage:
        try:
            with leaving("write", phase("read")):
                raise KeyError("x")
        except KeyError:
            pass
        with phase("sort"):
            pass
    assert {"write", "read", "sort"} <= set(usage.seconds)


def test_usage_adds_seconds_and_keeps_the_greater_memory() -> None:
    both = Usage({"read": 1.0, "sort": 2.0}, 7) + Usage({"sort": 0.5}, 9)
    assert both == Usage({"read": 1.0, "sort": 2.5}, 9)


def test_a_run_tells_where_the_time_of_every_unit_went(tmp_path: Path) -> None:
    seen: list[Event] = []
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(40))
    run(recipe_for(tmp_path), observe=seen.append)
    units = [event for event in seen if isinstance(event, UnitDone)]
    assert {name for unit in units for name in unit.usage.seconds} <= set(PHASES)
    tokenized = [unit.usage.seconds for unit in units if unit.step == "tokenize"]
    assert all({"read", "parse", "encode", "write", "re-read"} <= set(seconds) for seconds in tokenized)
    counted = [unit.usage.seconds for unit in units if unit.step == "count"]
    assert all("count" in seconds for seconds in counted)
