"""Whoever watches a run: people or machines on standard error, the log in the root, and SIGTERM."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from pairloom.jobs.show.json_lines import JsonLines
from pairloom.jobs.show.progress import Progress, progress
from pairloom.jobs.show.signals import stop_on_sigterm
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.flow.engine import Engine, chosen_engine
from pairloom.pipeline.flow.events import Event
from pairloom.pipeline.flow.log import RunLog
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import latest_manifest

__all__ = ["Watch", "watched"]


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
def watched(plan: Plan) -> Iterator[Watch]:
    """Watch the run of a plan until the block ends."""
    objects = open_objects(plan.recipe.root)
    engine = chosen_engine(plan, latest_manifest(objects))
    with (
        stop_on_sigterm() as stop,
        _shown(plan, engine) as shown,
        RunLog(objects, plan) as log,
    ):
        yield Watch(shown, log, stop, engine)


def _shown(plan: Plan, engine: Engine) -> AbstractContextManager[Progress]:
    """Progress for people, or as JSON lines where the environment says PAIRLOOM_LOG=json."""
    wanted = os.environ.get("PAIRLOOM_LOG", "text")
    if wanted not in ("text", "json"):
        raise RecipeError(f"PAIRLOOM_LOG is {wanted!r}: set it to text or json")
    return nullcontext(JsonLines()) if wanted == "json" else progress(plan, engine)
