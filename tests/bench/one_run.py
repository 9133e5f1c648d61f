"""One run in a process of its own: python tests/bench/one_run.py RECIPE.json [--bare]; prints as JSON what it took.

A small run comes first, so that neither imports nor kernels are counted; what they take is measured by commands; with `--bare` there is none, so that no memory is left of it. `seconds` are
those of the run, with the plan, `steps` those of each step, `phases` the seconds of its workers by phase, `memory` the resident set
at its peak, in bytes, `tokens` how many tokens were made.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from pairloom.pipeline import Recipe, parse_recipe, run
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted, UnitDone

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.machine import peak


def timed(recipe: Recipe) -> dict:
    """Run it, and say what that took."""
    began: dict[str, float] = {}
    steps: dict[str, float] = {}
    phases: dict[str, dict[str, float]] = {}

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            began[event.step] = time.perf_counter()
        elif isinstance(event, StepFinished):
            steps[event.step] = time.perf_counter() - began[event.step]
        elif isinstance(event, UnitDone):
            taken = phases.setdefault(event.step, {})
            for phase, seconds in event.usage.seconds.items():
                taken[phase] = taken.get(phase, 0.0) + seconds

    start = time.perf_counter()
    manifest = run(recipe, observe=observe)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "steps": steps,
        "phases": phases,
        "tokens": manifest.stage("tokenize").ledger.tokens,
    }


def small(folder: Path, like: dict) -> Recipe:
    """A recipe as the one that is measured, of next to no text."""
    (folder / "in.jsonl").write_text(
        "".join(
            json.dumps({"id": str(n), "text": "some words, and 12 more " * 9}) + "\n" for n in range(2000)
        )
    )
    corpus = [{"name": "all", "paths": [f"{folder}/in.jsonl"], "id": "id"}]
    return parse_recipe(json.dumps(like | {"root": f"{folder}/root", "corpus": corpus}))


def main() -> None:
    recipe = json.loads(Path(sys.argv[1]).read_text())
    if "--bare" not in sys.argv:
        with tempfile.TemporaryDirectory(dir=Path(recipe["root"]).parent) as folder:
            timed(small(Path(folder), recipe))
    print(json.dumps(timed(parse_recipe(json.dumps(recipe))) | {"memory": peak()}))


if __name__ == "__main__":
    main()
