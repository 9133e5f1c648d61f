"""Counting and learning, beside peers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from tests.bench import texts
from tests.bench.machine import version
from tests.bench.measures.sitting import HERE, Sitting, Table, printed, ratio

__all__ = ["learning", "learning_others"]

_OURS = ("pairloom", "pairloom together")
_PEERS = (*_OURS, "gigabpe", "gigatoken")
_WHAT = ("count", "learn", "both")


def learning(sitting: Sitting) -> Table:
    """Counting and learning, beside peers."""
    text = sitting.folder / "learn.txt"
    size = texts.write_text(text, texts.installed(), min(64_000_000, sitting.bytes))
    rows: list[tuple[str, ...]] = []
    middle = compared(text, 32000, sitting.repeat)
    for name in _PEERS:
        if name not in middle:
            rows.append((name, "not installed", *[""] * 4))
            continue
        rows.append((name, *figures(middle[name], middle["pairloom"])))
    return Table(
        title="Learning a vocabulary",
        says=f"{size / 1e6:.0f} MB in one file, 32,000 tokens; Pairloom on one thread, and together with a thread for each processor to count; peers on all processors. The memory is what "
        "the process grows by, with what it holds of the text. gigabpe learns the same merges.",
        head=("", "count, s", "merges, s", "both, s", "memory, MB", "of Pairloom's time"),
        rows=rows,
    )


def learning_others(sitting: Sitting) -> Table:
    """The same from texts that were given, and from all of them."""
    rows = []
    ways = {name: ([path], 32_000) for name, path in sitting.texts.items()}
    if len(ways) > 1:
        ways["all of these"] = (list(sitting.texts.values()), 128_000)
    for name, (paths, tokens) in ways.items():
        text = sitting.folder / "learned.txt"
        size = texts.write_text(text, (one for path in paths for one in _texts(path)), 1 << 40)
        middle = compared(text, tokens, sitting.repeat, _PEERS[:3])
        what = f"{name}, {size / 1e6:.0f} MB, {tokens:,} tokens"
        rows += [(what, peer, *figures(one, middle["pairloom"])) for peer, one in middle.items()]
        text.unlink()
    return Table(
        title="Learning from other text",
        says="As above, from texts that were given; without gigatoken, which takes minutes. Where none was given, there is nothing here.",
        head=("", "", "count, s", "merges, s", "both, s", "memory, MB", "of Pairloom's time"),
        rows=rows,
    )


def compared(
    text: Path, size: int, repeat: int, peers: Sequence[str] = _PEERS
) -> dict[str, dict[str, float]]:
    """Medians of seconds and memory of those that are installed, which take turns."""
    taken: dict[str, list[dict]] = {name: [] for name in peers if name in _OURS or version(name)}
    for _ in range(repeat):
        for name, runs in taken.items():
            runs.append(
                json.loads(printed([HERE / "bench_learn.py", "--one", name, text, size]).splitlines()[-1])
            )
    return {
        name: {what: median(run[what] for run in runs) for what in (*_WHAT, "memory")}
        for name, runs in taken.items()
    }


def figures(one: Mapping[str, float], ours: Mapping[str, float]) -> tuple[str, ...]:
    """The cells of one that was compared."""
    return (*(f"{one[what]:.2f}" for what in _WHAT), f"{one['memory']:.0f}", ratio(one["both"], ours["both"]))


def _texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["text"] + "\n"
