"""What people read of a plan: its stages, with tasks, memory, disk, bytes moved and time."""

import json
import sys
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from rich.table import Table

from pairloom.jobs.show.amounts import many, size_text, time_text
from pairloom.jobs.show.console import wide_console
from pairloom.jobs.show.watch import left_out_text
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.execution.machine import processors
from pairloom.pipeline.flow.engine import START_SECONDS, chosen_engine, start_seconds
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.forecast.cluster import Cluster, forecast
from pairloom.pipeline.forecast.sizes import Sizes, project_sources
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import latest_manifest

__all__ = ["show_plan"]


def show_plan(plan: Plan, workers: int | None, as_json: bool) -> None:
    """Print what would run."""
    workers = workers or processors()
    last = latest_manifest(open_objects(plan.recipe.root))
    done, engine = plan.done(last), chosen_engine(plan, last)
    tokens = max(1, Sizes.of(plan).tokens)
    rows: list[dict[str, Any]] = [
        {
            "stage": p.stage,
            "state": "committed" if p.stage in done else "to run",
            "tasks": p.tasks,
            "memory_per_task": p.memory,
            "disk": p.disk,
            "read_per_token": round(p.read / tokens, 2),
            "written_per_token": round(p.written / tokens, 2),
            "seconds": round(p.seconds, 1),
        }
        for p in forecast(plan, Cluster.of(workers))
    ]
    sources = project_sources(plan) if plan.recipe.mixes else []
    facts: dict[str, Any] = {
        "files": len(plan.inputs),
        "bytes": plan.bytes,
        "units": len(plan.units),
        "workers": workers,
    }
    facts["engine"] = asdict(engine)
    if plan.vocabulary is not None:
        facts["vocabulary"] = {"model": plan.vocabulary.model.name, "slow_path": plan.vocabulary.slow_path}
    start = start_seconds(engine, plan.recipe.execution)
    work = sum(row["seconds"] for row in rows if row["state"] != "committed")
    facts["start_seconds"], facts["total_seconds"] = start, round(start + work, 1)
    mixed: list[dict[str, Any]] = [
        {
            "name": one.name,
            "tokens": one.tokens,
            "epochs": str(one.epochs),
            "taken": int(one.epochs * one.tokens),
        }
        for one in sources
    ]
    if as_json:
        sys.stdout.write(
            json.dumps(
                facts
                | {"left_out": list(plan.left_out), "keys": dict(plan.keys), "stages": rows, "sources": mixed}
            )
            + "\n"
        )
        return
    console = wide_console(100)
    console.print(
        f"{many(len(plan.inputs), 'file')}, {size_text(plan.bytes)}, {many(len(plan.units), 'unit')}, "
        f"on {many(workers, 'worker')}; root {open_objects(plan.recipe.root).root}"
    )
    console.print(f"engine: {engine.says}")
    if plan.vocabulary is not None:
        console.print(f"vocabulary: {_path(plan.vocabulary)}", markup=False)
    for folder in plan.left_out:
        console.print(left_out_text(folder))
    table = Table("stage", "state", "tasks", "memory a task", "disk", box=None, pad_edge=False)
    for name in ("read a token", "written a token", "time"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            row["stage"],
            row["state"],
            f"{row['tasks']:,}",
            size_text(row["memory_per_task"]),
            size_text(row["disk"]),
            f"{row['read_per_token']:.1f} B",
            f"{row['written_per_token']:.1f} B",
            "-" if row["state"] == "committed" else time_text(row["seconds"]),
        )
    console.print(table)
    starts = "starting Ray included" if start > START_SECONDS else "start included"
    console.print(
        f"about {time_text(start + work)} in all, {starts}; more where kernels are to be compiled first"
        if any(row["state"] != "committed" for row in rows)
        else "all of it is committed: a run has nothing to do"
    )
    if mixed:
        table = Table("source", "tokens, about", "epochs, about", "taken", box=None, pad_edge=False)
        for one in mixed:
            epochs = f"{float(Fraction(one['epochs'])):.3g}"
            table.add_row(one["name"], f"{one['tokens']:,}", epochs, f"{one['taken']:,}")
        console.print(table)


def _path(vocabulary: Vocabulary) -> str:
    """How text is encoded with a vocabulary that is given."""
    model = f"model {vocabulary.model.name}"
    return (
        f"{model}, encoded by kernels"
        if vocabulary.slow_path is None
        else f"{model}, text is {vocabulary.slow_path}"
    )
