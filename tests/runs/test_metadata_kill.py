"""A run with columns, an order by one and a choice by one that is killed at any moment goes on to the same bytes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.recipe import Recipe
from tests.runs.test_metadata import COLUMNS, records, store
from tests.support.corpora import contents

KILLS = 4
CODE = "import sys; from pathlib import Path; from tests.runs.test_metadata_kill import job; job(Path(sys.argv[1]), 'killed')"


def job(folder: Path, root: str) -> Recipe:
    keep = {"by": "quality", "share": 0.5}
    source = {
        "name": "web",
        "paths": [str(folder / "in" / "*")],
        "id": "id",
        "columns": COLUMNS,
        "keep": keep,
    }
    asked = Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": [source],
            "vocabulary": {"size": 300},
            "pack": {
                "seq_len": 48,
                "file_tokens": 1500,
                "validation": 0.2,
                "shuffle": {"mode": "order", "by": "quality", "window": 8},
            },
            "execution": {"engine": "local", "unit_bytes": 6000},
        }
    )
    run(asked)
    return asked


def test_a_killed_run_with_columns_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    store(tmp_path / "in" / "a.jsonl", records(200))
    whole = open_dataset(job(tmp_path, "whole").root)
    rng, killed, folder = random.Random(1), 0, tmp_path / "killed"
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path)], cwd=Path(__file__).parents[2])
        before = len(list(folder.rglob("*"))) if folder.exists() else 0
        while process.poll() is None and len(list(folder.rglob("*"))) <= before:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed > 0
    last = open_dataset(job(tmp_path, "killed").root)
    assert contents(last.manifest) == contents(whole.manifest)
    verify(last)
