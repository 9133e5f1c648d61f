"""Counting and learning, beside peers."""

import json
from statistics import median

from tests.bench import texts
from tests.bench.machine import version
from tests.bench.measures.sitting import HERE, Sitting, Table, printed, ratio

__all__ = ["learning"]


def learning(sitting: Sitting) -> Table:
    """Counting and learning, beside peers."""
    text = sitting.folder / "learn.txt"
    size = texts.write_text(text, texts.installed(), min(64_000_000, sitting.bytes))
    peers = ("pairloom", "gigabpe", "gigatoken")
    taken: dict[str, list[dict]] = {name: [] for name in peers if name == "pairloom" or version(name)}
    for _ in range(sitting.repeat):
        for name, runs in taken.items():
            runs.append(
                json.loads(printed([HERE / "bench_learn.py", "--one", name, text, 32000]).splitlines()[-1])
            )
    middle = {
        name: {what: median(run[what] for run in runs) for what in ("count", "learn", "both", "memory")}
        for name, runs in taken.items()
    }
    rows = []
    for name in peers:
        if name not in middle:
            rows.append((name, "not installed", *[""] * 4))
            continue
        one = middle[name]
        rows.append(
            (
                name,
                *(f"{one[what]:.2f}" for what in ("count", "learn", "both")),
                f"{one['memory']:.0f}",
                ratio(one["both"], middle["pairloom"]["both"]),
            )
        )
    return Table(
        title="Learning a vocabulary",
        says=f"{size / 1e6:.0f} MB in one file, 32,000 tokens; Pairloom on one thread, peers on all processors. The memory is what "
        "the process grows by, with what it holds of the text. gigabpe learns the same merges.",
        head=("", "count, s", "merges, s", "both, s", "memory, MB", "of Pairloom's time"),
        rows=rows,
    )
