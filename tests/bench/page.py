"""Writes docs/benchmarks.md: python tests/bench/page.py [--megabytes N] [--repeat N] [--only NAME ...] [--text NAME=FILE.jsonl ...] [--out FILE].

Everything is measured in one sitting, on text that every machine with Python has, what is compared in turn. Peers are taken where
they are installed (`pip install -r tests/bench/requirements.txt`), and the page says where they are not. By default it takes some
ten minutes on two processors.
"""

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.machine import facts
from tests.bench.measures import MEASURES, MeasureError, Sitting, Table

ROOT = Path(__file__).parents[2]
INTRODUCTION = """# Benchmarks

`make bench` has measured all of this in one sitting and written this page; nothing in it is typed by hand. Figures are medians of
{repeat}, and ratios are of figures that took turns. A ratio above 1 says that the row is quicker than the peer in the column's head.
The text is Python: the vocabulary (32,768 tokens) is learned from the standard library, and what is encoded are packages that are
installed. `pip install -r tests/bench/requirements.txt` brings the peers.

| | |
|---|---|
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown.

    >>> print(table(("", "MB/s"), [("ours", "12.0")]), end="")
    |  | MB/s |
    |---|---|
    | ours | 12.0 |
    """
    lines = [head, ["---"] * len(head), *rows]
    made = ["|".join(("", *(cell if cell == "---" else f" {cell} " for cell in line), "")) for line in lines]
    return "\n".join(made) + "\n"


def page(about: Sequence[tuple[str, str]], tables: Sequence[Table], repeat: int) -> str:
    """The whole page."""
    parts = [INTRODUCTION.format(repeat=repeat) + "".join(f"| {name} | {value} |\n" for name, value in about)]
    parts += [f"## {one.title}\n\n{one.says}\n\n{table(one.head, one.rows)}" for one in tables]
    return "\n".join(parts)


def commit() -> str:
    """The commit that is measured, and whether files differ from it."""
    made = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return made.stdout.strip() or "unknown"


def main() -> None:
    """Measure, and write the page."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--megabytes", type=int, default=96)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--only", nargs="*", choices=MEASURES, default=list(MEASURES))
    options.add_argument("--text", nargs="*", metavar="NAME=FILE.jsonl", default=[])
    options.add_argument("--folder", type=Path, default=ROOT / "build")
    options.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    chosen = options.parse_args()
    chosen.folder.mkdir(exist_ok=True)
    os.environ.pop("RAY_ADDRESS", None)
    with (
        tempfile.TemporaryDirectory(prefix="pl-") as ray,
        tempfile.TemporaryDirectory(dir=chosen.folder) as name,
    ):
        os.environ["RAY_TMPDIR"] = ray  # a cluster that runs here would be joined
        folder = Path(name).absolute()
        about = [("measured", f"{datetime.date.today():%d %B %Y}, at commit {commit()}"), *facts(folder)]
        given = {name: Path(path) for name, _, path in (text.partition("=") for text in chosen.text)}
        sitting = Sitting(
            folder=folder, repeat=chosen.repeat, bytes=chosen.megabytes * 1_000_000, texts=given
        )
        tables = []
        for measure in chosen.only:
            start = time.perf_counter()
            try:
                tables.append(MEASURES[measure](sitting))
            except MeasureError as error:
                tables.append(Table(title=measure, says=f"Failed: {error}", head=("", ""), rows=[]))
            print(f"{measure:12} {time.perf_counter() - start:6.0f} s", file=sys.stderr, flush=True)
            print(table(tables[-1].head, tables[-1].rows), file=sys.stderr, flush=True)
    about.append(("load when it had ended", ", ".join(f"{load:.1f}" for load in os.getloadavg())))
    chosen.out.write_text(page(about, tables, chosen.repeat), encoding="utf-8")
    print(f"wrote {chosen.out}")


if __name__ == "__main__":
    main()
