"""How far a run is, from its log: `pairloom status ROOT`, on any machine that can read the root."""

import json
import sys
import time
from typing import Any

from rich.table import Table

from pairloom.jobs.show.amounts import size_text, time_text
from pairloom.jobs.show.console import wide_console
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.flow.events import called
from pairloom.pipeline.flow.log import RunRecord, StepRecord, list_runs, read_run
from pairloom.pipeline.store.location import open_objects

__all__ = ["show_status", "status_of"]


def show_status(root: str, run: str | None, as_json: bool) -> None:
    """Print the state of a run, the newest by default; raises RecipeError where no run has logged."""
    objects = open_objects(root)
    runs = list_runs(objects)
    if not runs:
        raise RecipeError(f"no run has logged below {objects.root}: check the path, or start one")
    record, now = read_run(objects, run or runs[-1]), time.time()
    if as_json:
        facts = status_of(record, now) | {"root": objects.root, "runs": len(runs)}
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    sys.stdout.write(_headline(record, now) + "\n")
    if record.message:
        sys.stdout.write(f"  {record.message}\n")
    for line in record.warnings:
        sys.stdout.write(f"  warning: {line}\n")
    table = Table("step", "units", "done", "documents", "rejected", "retries", box=None, pad_edge=False)
    for name in ("rate", "time", "left", "memory"):
        table.add_column(name)
    for step in record.steps:
        table.add_row(*_cells(step, now, record))
    wide_console(120).print(table)


def status_of(record: RunRecord, now: float) -> dict[str, Any]:
    """The state of a run in numbers; `state` is `lost` for one that has been silent for too long."""
    facts = record.model_dump(mode="json")
    facts["state"] = "lost" if record.lost(now) else record.state
    facts["silent_seconds"] = round(record.silent(now), 1)
    for step, shown in zip(record.steps, facts["steps"], strict=True):
        left = step.remaining(now)
        shown["bytes_per_second"] = round(step.rate)
        shown["seconds_left"] = None if left is None or record.state != "running" else round(left, 1)
    return facts


def _headline(record: RunRecord, now: float) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(record.started))
    what = f"run {record.run} on {record.host}, since {since}"
    took = time_text(record.written - record.started)
    if record.lost(now):
        return (
            f"{what}: silent for {time_text(record.silent(now))} and never ended, so its driver is gone; what is finished "
            "is kept, and the same command goes on from there"
        )
    if record.state == "running":
        ago = time_text(record.silent(now))
        return f"{what}: running for {time_text(now - record.started)}; last sign of life {ago} ago"
    if record.state == "done":
        return f"{what}: done in {took}, generation {record.generation} committed"
    return f"{what}: {record.state} after {took}"


def _cells(step: StepRecord, now: float, record: RunRecord) -> list[str]:
    rejects = sum(step.ledger.rejected.values())
    left = step.remaining(now) if record.state == "running" and not record.lost(now) else None
    return [
        called(step.stage, step.step),
        f"{step.done:,} of {step.units:,}" + (f" ({step.reused:,} before)" if step.reused else ""),
        step.doing or f"{size_text(step.done_bytes + step.begun_bytes)} of {size_text(step.bytes)}",
        f"{step.ledger.documents_in:,}",
        f"{rejects:,}",
        f"{step.retries:,}",
        f"{size_text(step.rate)}/s" if step.rate else "-",
        time_text((step.ended or (now if record.state == "running" else record.written)) - step.started),
        "-" if left is None else time_text(left),
        size_text(step.memory),
    ]
