"""How much quicker two workers are than one: python tests/bench/bench_scaling.py TEXT.jsonl [--vocabulary FILE] [--runs N].

The whole path, on Ray with one processor and with two, in turn, N times; figures are medians. Starting Ray and its workers,
and compiling, is not counted: a small run of many units comes first. With a vocabulary, counting and learning are left out.

Of each step: its wall time with one worker and with two, and their ratio, on a machine that has nothing else to do. What does
not depend on other work: `processor`, the processor time of two workers over that of one (more where they compete for caches
and memory); `driver`, the processor time of the driver; and `idle`, how long each worker had no task within the step (before
its first one, between two, after its last one), beside the longest task: uneven tasks leave one worker alone at the end.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import ray

from pairloom.pipeline import parse_recipe, run
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted, UnitDone

CAREFUL = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of one run: seconds since 1970, and of its tasks and the driver."""

    began: float
    driver: float
    ended: float = 0.0
    units: int = 0
    processor: float = 0.0
    longest: float = 0.0
    idle: list[float] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """From its start to its end."""
        return self.ended - self.began


def measure(text: Path, folder: Path, vocabulary: Path | None, unit: str, workers: int) -> dict[str, Step]:
    """The steps of one run from nothing, on a cluster that is running."""
    given = f"vocabulary: {{from: {vocabulary}}}" if vocabulary else "vocabulary: {size: 32768}"
    steps: dict[str, Step] = {}

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            steps[event.step] = Step(
                began=time.time(), driver=time.process_time(), processor=processor_seconds()
            )
        elif isinstance(event, UnitDone):
            step, took = steps[event.step], sum(event.usage.seconds.values())
            step.units, step.longest = step.units + 1, max(step.longest, took)
        elif isinstance(event, StepFinished):
            step = steps[event.step]
            step.ended, step.driver = time.time(), time.process_time() - step.driver
            step.processor = processor_seconds() - step.processor

    with tempfile.TemporaryDirectory(dir=folder) as root:
        corpus = f"root: {root}\ncorpus: [{{name: all, paths: [{text}], id: id}}]\n"
        run(parse_recipe(f"{corpus}{given}\nexecution: {{unit_bytes: {unit}}}\n"), observe=observe)
    time.sleep(2)  # workers report what they did once a second
    spans = worked()
    for step in steps.values():
        inside = [[span for span in one if step.began <= span[0] < step.ended] for one in spans]
        busy = sorted((sum(end - start for start, end in one) for one in inside), reverse=True)
        busy = (busy + [0.0] * workers)[:workers]
        step.idle = [step.wall - seconds for seconds in busy]
    return steps


def processor_seconds() -> float:
    """What the workers of this machine have had of its processors."""
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::"):
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds


def worked() -> list[list[tuple[float, float]]]:
    """When each worker ran a task, from start to end, in seconds since 1970."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for event in ray.timeline():
        if event.get("cat", "").startswith("task::") and "_perform" in json.dumps(event.get("args", {})):
            span = event["ts"] / 1e6, (event["ts"] + event["dur"]) / 1e6
            found.setdefault((event["pid"], event["tid"]), []).append(span)
    return list(found.values())


def show(found: dict[int, list[dict[str, Step]]]) -> None:
    """Print a table of medians."""

    def median(workers: int, name: str, value: str) -> float:
        return statistics.median(getattr(one[name], value) for one in found[workers])

    one, two = sorted(found)
    print(
        f"{'step':14}{'units':>6}{f'{one} worker':>10}{f'{two} workers':>11}{'ratio':>7}{'processor':>11}{'longest':>9}{'driver':>8}  idle"
    )
    for name, step in found[two][-1].items():
        if name == "prepare":
            continue
        walls = [median(workers, name, "wall") for workers in (one, two)]
        work = median(two, name, "processor") / max(1e-9, median(one, name, "processor"))
        idle = [statistics.median(run[name].idle[i] for run in found[two]) for i in range(two)]
        print(
            f"{name:14}{step.units:>6}{walls[0]:>9.2f}s{walls[1]:>10.2f}s{walls[0] / walls[1]:>7.2f}{work:>11.2f}"
            f"{median(two, name, 'longest'):>8.2f}s{median(two, name, 'driver'):>7.2f}s  "
            + ", ".join(f"{seconds:.2f}s" for seconds in idle)
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("text", type=Path)
    options.add_argument("--vocabulary", type=Path)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--unit", default="10MB")
    options.add_argument("--folder", type=Path, default=Path("build"))
    chosen = options.parse_args(arguments)
    os.environ.update(CAREFUL)
    chosen.folder.mkdir(exist_ok=True)
    found: dict[int, list[dict[str, Step]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name).absolute()
        small = folder / "small.jsonl"
        lines = (json.dumps({"id": str(i), "text": f"some words {i} " * 99}) for i in range(4000))
        small.write_text("\n".join(lines))
        for _ in range(chosen.runs):
            for workers, runs in found.items():
                ray.init(
                    num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
                )
                measure(small, folder, chosen.vocabulary, "100kB", workers)
                runs.append(measure(chosen.text, folder, chosen.vocabulary, chosen.unit, workers))
                ray.shutdown()
    show(found)


if __name__ == "__main__":
    main()
