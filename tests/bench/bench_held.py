"""For which share of a run no other thread could work: python tests/bench/bench_held.py RECIPE [--repeat N].

A thread that never asks for the interpreter's lock looks every 0.2 ms whether somebody has it, while one task runs at a time in
this process. The share of looks at which it was taken is what `HELD` of `pipeline/flow/engine.py` stands for; it is printed for each
step, and for all of them. Needs CPython 3.11, in which who has the lock is told by a function that any thread may call.
"""

import argparse
import ctypes
import json
import shutil
import sys
import threading
from pathlib import Path

import numba
import numpy as np

from pairloom.pipeline import parse_recipe, run
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted


@numba.njit(nogil=True)
def look(holder, sleep, looks):
    """Count looks (0), and those at which the lock was taken (1), until somebody writes to (2)."""
    while looks[2] == 0:
        looks[0] += 1
        looks[1] += holder() != 0
        sleep(200)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("recipe", type=Path)
    options.add_argument("--repeat", type=int, default=3)
    chosen = options.parse_args()
    if sys.version_info[:2] != (3, 11):
        raise SystemExit("who has the lock can only be looked at in CPython 3.11")
    library = ctypes.CDLL(None)
    holder, sleep = library._PyThreadState_UncheckedGet, library.usleep
    holder.restype, holder.argtypes = ctypes.c_size_t, []
    sleep.restype, sleep.argtypes = ctypes.c_int, [ctypes.c_uint]
    looks = np.zeros(3, np.int64)
    threading.Thread(target=look, args=(holder, sleep, looks), daemon=True).start()
    recipe = parse_recipe(chosen.recipe.read_text())
    before: dict[str, np.ndarray] = {}
    found: dict[str, np.ndarray] = {}

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            before[event.step] = looks.copy()
        elif isinstance(event, StepFinished) and event.step != "prepare":
            found[event.step] = found.get(event.step, 0) + looks - before[event.step]

    for number in range(1 + chosen.repeat):
        shutil.rmtree(recipe.root, ignore_errors=True)
        run(recipe, observe=observe, executor=LocalExecutor())
        if not number:  # which has loaded kernels
            found.clear()
    looks[2] = 1
    shares = {step: round(float(taken / all_), 3) for step, (all_, taken, _) in found.items()}
    all_, taken, _ = sum(found.values())
    print(json.dumps(shares | {"all": round(float(taken / all_), 3), "looks": int(all_)}))


if __name__ == "__main__":
    main()
