"""Very many very small files."""

from itertools import islice
from statistics import median

from tests.bench import texts
from tests.bench.measures.sitting import Sitting, Table

__all__ = ["small_files"]


def small_files(sitting: Sitting) -> Table:
    """Very many very small files."""
    inputs, files, size = sitting.folder / "files", 20_000, 200
    inputs.mkdir()
    text = "".join(islice(texts.library(), 400)).encode("ascii", "ignore")
    for number in range(files):
        (inputs / f"{number:05}.txt").write_bytes(text[number * size : (number + 1) * size])
    found = [
        sitting.one_run(sitting.recipe(f"{inputs}/*.txt", {"size": 4096}, engine="local"))
        for _ in range(sitting.repeat)
    ]
    rows = [
        (step, f"{median(one['steps'][step] for one in found) / files * 1e3:.3f}")
        for step in ("count", "tokenize")
    ]
    rows.append(("all, with the plan", f"{median(one['seconds'] for one in found) / files * 1e3:.3f}"))
    return Table(
        title="Small files",
        says=f"{files:,} text files of {size} bytes, in this process.",
        head=("", "ms a file"),
        rows=rows,
    )
