"""Repairs that are killed, at any moment or storage call, or done twice at once: the next finds and finishes all."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pairloom as pl
from pairloom.pipeline import run
from pairloom.pipeline.repair.repair import repair
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.fates import ONCE, Fate, Killed, fated
from tests.support.repairs import blocks, lose_everything, plain, snapshot

CODE = "import sys; from pairloom.pipeline.repair.repair import repair; repair(sys.argv[1])"


def test_repairs_that_are_killed_are_finished_by_the_next(tmp_path: Path) -> None:
    """R3."""
    recipe = blocks(tmp_path)
    run(recipe)
    root = Path(recipe.root)
    whole = snapshot(root)
    lose_everything(root)
    rng, killed = random.Random(3), 0
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", CODE, recipe.root])
        before = len(list((root / "data").rglob("*.arrow")))
        while process.poll() is None and len(list((root / "data").rglob("*.arrow"))) <= before:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed > 0
    assert repair(recipe.root).whole
    now = snapshot(root)
    assert {path: now[path] for path in whole} == whole
    pl.verify(recipe.root)


def test_a_repair_killed_at_any_storage_call_is_finished_by_the_next(tmp_path: Path) -> None:
    """R3."""
    recipe = plain(tmp_path)
    manifest = run(recipe)
    root = Path(recipe.root)
    whole = snapshot(root)
    lost = [manifest.stages[name].files[0].path for name in ("count", "tokenize", "pack")]

    def lose() -> None:
        for path in lost:
            (root / path).unlink(missing_ok=True)

    lose()
    fate = Fate(0, "before", Killed)
    with fated(LocalObjects, fate):
        repair(recipe.root, executor=ONCE)
    calls = [
        number + 1 for number, name in enumerate(fate.names) if name in ("create", "replace", "put", "delete")
    ]
    for number in calls[:: max(1, len(calls) // 12)]:
        for when in ("before", "after"):
            lose()
            with fated(LocalObjects, Fate(number, when, Killed)), suppress(Killed):
                repair(recipe.root, executor=ONCE)
            assert repair(recipe.root).whole
            now = snapshot(root)
            assert {path: now[path] for path in whole} == whole


def test_two_repairs_at_once(tmp_path: Path) -> None:
    """R3."""
    recipe = blocks(tmp_path)
    run(recipe)
    root = Path(recipe.root)
    whole = snapshot(root)
    lose_everything(root)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: repair(recipe.root), range(2)))
    assert all(one.whole for one in found)
    assert snapshot(root) == whole
