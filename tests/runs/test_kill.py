"""A run that is killed at any moment goes on to the same bytes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from pairloom.pipeline import open_dataset, run
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

KILLS = 6
CODE = "import sys; from pathlib import Path; from tests.runs.test_kill import job; job(Path(sys.argv[1]))"


def job(folder: Path) -> None:
    run(recipe_for(folder, "execution.unit_bytes=3000", root=folder / "killed"))


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(300))
    whole = run(recipe_for(tmp_path, "execution.unit_bytes=3000"))
    rng = random.Random(1)
    killed = 0
    root = Path(__file__).parents[2]
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path)], cwd=root)
        # Wait for the first file of this attempt, then strike at random.
        before = len(list((tmp_path / "killed").rglob("*"))) if (tmp_path / "killed").exists() else 0
        while process.poll() is None and len(list((tmp_path / "killed").rglob("*"))) <= before:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed > 0
    last = run(recipe_for(tmp_path, "execution.unit_bytes=3000", root=tmp_path / "killed"))
    assert contents(last) == contents(whole)
    assert open_dataset(str(tmp_path / "killed")).table().equals(open_dataset(str(tmp_path / "out")).table())
