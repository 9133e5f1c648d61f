"""Where the workers' time goes."""

import os
from statistics import median

from tests.bench.measures.sitting import Sitting, Table

__all__ = ["workers"]

_UNITS = 9


def workers(sitting: Sitting) -> Table:
    """Nine units, in this process and on Ray: how much of the workers' time is used to tokenize them, and for what."""
    size, there = sitting.text.stat().st_size, os.cpu_count() or 1
    rows = []
    for engine, name in (("local", "in this process"), ("ray", "on Ray")):
        execution = {"engine": engine, "unit_bytes": size // _UNITS + 4096}
        taken = [
            sitting.one_run(sitting.recipe(sitting.text, execution=execution)) for _ in range(sitting.repeat)
        ]
        seconds = median(one["steps"]["tokenize"] for one in taken)
        used = median(
            sum(one["phases"]["tokenize"].values()) / one["steps"]["tokenize"] / there for one in taken
        )
        each = {
            phase: median(one["phases"]["tokenize"].get(phase, 0.0) for one in taken)
            for phase in taken[0]["phases"]["tokenize"]
        }
        phases = ", ".join(f"{phase} {took:.2f}" for phase, took in each.items() if took >= 0.01)
        rows.append((name, f"{seconds:.2f}", f"{used:.0%}", phases))
    return Table(
        title="Where the workers' time goes",
        says=f"{size / 1e6:.0f} MB are tokenized in {_UNITS} units by {there} workers, vocabulary given: seconds from the first unit to the "
        "last, the share of the workers' time that is used, and seconds of all workers by what they do.",
        head=("", "seconds", "used", "of it"),
        rows=rows,
    )
