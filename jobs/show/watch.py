"""Whoever watches a run: people or machines on standard error, the log in the root, and SIGTERM."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pairloom.jobs.show.amounts import many, size_text
from pairloom.jobs.show.json_lines import JsonLines
from pairloom.jobs.show.lines import Lines
from pairloom.jobs.show.progress import Progress
from pairloom.jobs.show.signals import stop_on_sigterm
from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.pipeline.flow.engine import Engine, chosen_engine
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.flow.log import RunLog
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import latest_manifest

__all__ = ["STARTING", "Watch", "left_out_text", "watched", "watching"]

STARTING = Doing(step="start", what="loading what is needed")  # said before anything heavy is imported


@dataclass(frozen=True, slots=True)
class Watch:
    """What a run reports to, what it asks whether to stop, and where it works."""

    progress: Progress
    log: RunLog
    stop: Callable[[], bool]
    engine: Engine

    def observe(self, event: Event) -> None:
        """Take an event."""
        self.progress(event)
        self.log(event)


@contextmanager
def watched(plan: Plan, progress: Progress) -> Iterator[Watch]:
    """Watch the run of a plan until the block ends, and show it."""
    progress.notice(
        f"corpus: {many(len(plan.inputs), 'file')}, {size_text(plan.bytes)}, {many(len(plan.units), 'unit')}"
    )
    for folder in plan.left_out:
        progress.notice(left_out_text(folder))
    objects = open_objects(plan.recipe.root)
    engine = chosen_engine(plan, latest_manifest(objects))
    progress.notice(f"engine: {engine.says}")
    with stop_on_sigterm() as stop, RunLog(objects, plan) as log:
        yield Watch(progress, log, stop, engine)


@contextmanager
def watching(*, patient: bool = False) -> Iterator[Progress]:
    """Show any long work on standard error while the block runs, if `patient` only where it takes more than a second or two.

    For people as bars on a terminal and as lines elsewhere; as JSON lines where the environment says PAIRLOOM_LOG=json.
    """
    wanted = os.environ.get("PAIRLOOM_LOG", "text")
    if wanted not in ("text", "json"):
        raise RecipeError(f"PAIRLOOM_LOG is {wanted!r}: set it to text or json")
    if wanted == "text" and sys.stderr.isatty():
        with _bars() as shown:
            yield shown
        return
    plain = JsonLines() if wanted == "json" else Lines(patient=patient)
    with plain.ticking():
        yield plain
        plain.close()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console

    from pairloom.jobs.show.bars import Bars, drawn

    with drawn(Console(stderr=True)) as bars:
        shown = Bars(bars)
        try:
            yield shown
            shown.close()
        except PairloomError:
            shown.stop()
            raise


def left_out_text(folder: str) -> str:
    """What people read of a folder below the corpus's patterns that is no input."""
    return f"left out of the corpus: what Pairloom has written below {folder}"
