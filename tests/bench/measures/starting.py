"""From the command to its end, with kernels and without."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.measures.sitting import HERE, MeasureError, Sitting, Table

__all__ = ["starting"]


@contextmanager
def _without_kernels(aside: Path) -> Iterator[None]:
    """With the kernels that are kept beside the sources put aside, where every process would find them."""
    kept = HERE.parents[1] / "operators" / "kernels" / "__pycache__" / "kernels"
    there = kept.exists()
    if there:
        kept.rename(aside)
    try:
        yield
    finally:
        if there:
            shutil.rmtree(kept, ignore_errors=True)
            aside.rename(kept)


def starting(sitting: Sitting) -> Table:
    """From the command to its end."""

    def small(engine: str, environment: Mapping[str, str] | None = None) -> float:
        return sitting.command(
            "run", sitting.recipe(sitting.small, {"size": 4096}, engine=engine), environment=environment
        )

    def cold(engine: str) -> float:
        with (
            tempfile.TemporaryDirectory(dir=sitting.folder) as empty,
            _without_kernels(Path(empty) / "aside"),
        ):
            return small(engine, {"PAIRLOOM_CACHE_DIR": f"{empty}/named", "XDG_CACHE_HOME": f"{empty}/home"})

    def demo() -> float:
        with tempfile.TemporaryDirectory(dir=sitting.folder) as root:
            return sitting.command("run", "stdlib", "--set", f"root={root}/out")

    def given() -> float:
        return sitting.command("run", sitting.recipe(sitting.text))

    demo()  # its kernels
    warm: dict[str, Callable[[], float]] = {
        "`pairloom --help`": lambda: sitting.command("--help"),
        "1.2 MB, the engine that it chooses": lambda: small("auto"),
        "1.2 MB, in this process": lambda: small("local"),
        "1.2 MB, on Ray": lambda: small("ray"),
        "`make demo`": demo,
        f"{sitting.text.stat().st_size / 1e6:.0f} MB, vocabulary given": given,
    }
    rows = [(what, _seconds(way, sitting.repeat)) for what, way in warm.items()]
    rows += [
        ("1.2 MB, no kernels compiled, in this process", _seconds(lambda: cold("local"), 1)),
        ("1.2 MB, no kernels compiled, on Ray", _seconds(lambda: cold("ray"), 1)),
    ]
    return Table(
        title="From the command to its end",
        says="A process each, imports and all; kernels are compiled but in the last two rows, which are taken once.",
        head=("", "seconds"),
        rows=rows,
    )


def _seconds(way: Callable[[], float], repeat: int) -> str:
    """The median of what it takes, or that it has failed."""
    try:
        return f"{median(way() for _ in range(repeat)):.2f}"
    except MeasureError as error:
        print(error, file=sys.stderr)
        return "failed"
