"""What strangers bring, a file each, in one recipe: in this process, on Ray, and through kills, to the same bytes.

    reader, document step, token step with a column, order, row step, statistic, model, stage, exporter

Nothing of the package knows their names: a distribution's entry points are all there is.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pairloom.pipeline import Dataset, open_dataset
from tests.extend.strangers import EVERYTHING, distribution
from tests.support.corpora import documents

ROOT = Path(__file__).parents[2]
VOCABULARY = {"added_tokens": [{"id": 0, "content": "<|end|>"}], "model": {"type": "Bytes"}}
LEFT_OUT = "doc-5"
KILLS = 4


class Stranger:
    """A folder with a distribution that is found by its entry points, a corpus, and a recipe that uses all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        distribution(folder / "stranger", EVERYTHING)
        (folder / "bytes.json").write_text(json.dumps(VOCABULARY))
        (folder / "in").mkdir()
        for number in range(6):
            lines = [
                f"{name} {text}".replace("\n", " ").replace("\r", " ").replace("\u2028", " ")
                for name, text in documents(30, seed=number)
            ]
            (folder / "in" / f"{number}.lines").write_text("\n".join(lines) + "\n")

    def recipe(self, root: str, engine: str) -> str:
        path = self.folder / f"{root}.yaml"
        path.write_text(
            f"""
root: {self.folder / root}
corpus:
  - name: odd
    paths: ["{self.folder}/in/[135].lines"]
    id: id
    steps: [{{whisper: {{leave_out: [{LEFT_OUT}]}}}}]
  - {{name: even, paths: ["{self.folder}/in/[024].lines"], id: id}}
vocabulary: {{from: {self.folder / "bytes.json"}}}
tokenize: {{append: ["<|end|>"]}}
pack:
  seq_len: 128
  file_tokens: 4000
  shuffle: short
  steps: [{{stutter: {{rate: 0.25}}}}]
  rows: [filled]
statistics: [{{sizes: {{step: 20}}}}]
stages: [tally]
execution: {{engine: {engine}, unit_bytes: 3000}}
"""
        )
        return str(path)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from pairloom.jobs.cli import main; main()", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join([str(self.folder / "stranger"), str(ROOT)])}

    def call(self, *arguments: str) -> str:
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, root: str, engine: str = "local") -> Dataset:
        self.call("run", self.recipe(root, engine))
        return open_dataset(str(self.folder / root))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    return Stranger(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def whole(stranger: Stranger) -> Dataset:
    return stranger.run("whole")


def contents(dataset: Dataset) -> dict[str, list[str]]:
    return {name: [file.sha256 for file in record.files] for name, record in dataset.manifest.stages.items()}


def test_every_one_of_them_has_done_its_work(stranger: Stranger, whole: Dataset) -> None:
    table = whole.table()
    rows = table.to_pylist()
    assert {"echo", "filled", "source"} <= set(table.column_names)
    # The token step: a token that is marked repeats the one before it, where that is not in another row.
    marked = []
    for row in rows:
        begins = set(np.cumsum([0, *row["segment_lengths"]]).tolist())
        places = (i for i in range(128) if row["echo"][i] and i not in begins)
        marked += [(row["input_ids"][i - 1], row["input_ids"][i]) for i in places]
    assert marked
    assert all(before == after for before, after in marked)
    tokens = sum(sum(row["segment_lengths"]) for row in rows)
    assert 0.15 < sum(sum(row["echo"]) for row in rows) / tokens < 0.25
    # The row step.
    assert [row["filled"][0] for row in rows] == pytest.approx(
        [sum(row["segment_lengths"]) / 128 for row in rows]
    )
    # The document step left one document out of each of three files, and made small letters of the others.
    tokenized = whole.manifest.stage("tokenize").ledger
    assert tokenized.filtered == {"whisper: on the list": 3}
    assert tokenized.documents_in == 180
    # The statistic counts every document, the stage every segment.
    assert sum(whole.statistic("sizes").column("documents").to_pylist()) == tokenized.documents_out
    counted = [json.loads(whole.objects.read(file.path)) for file in whole.manifest.stage("tally").files]
    assert sum(count for one in counted for _, count in one) == sum(len(row["source"]) for row in rows)
    stranger.call("verify", str(stranger.folder / "whole"), "--all")


def test_the_command_line_speaks_of_them(stranger: Stranger, whole: Dataset) -> None:
    assert "Count the segments of each source." in stranger.call("--help")
    planned = stranger.call("plan", stranger.recipe("whole", "local"))
    assert all(name in planned for name in ("tally", "statistics"))
    assert {"whisper", "stutter", "filled"} <= set(stranger.call("steps").split())
    stranger.call(
        "export", str(stranger.folder / "whole"), "--format", "jsonl", "--out", str(stranger.folder / "jsonl")
    )
    written = sorted((stranger.folder / "jsonl").glob("*.jsonl"))
    lines = "".join(file.read_text() for file in written).splitlines()
    assert [json.loads(line)["input_ids"] for line in lines] == whole.table().column("input_ids").to_pylist()


@pytest.mark.ray
def test_on_ray_every_byte_is_the_same(stranger: Stranger, whole: Dataset) -> None:
    assert contents(stranger.run("ray", "ray")) == contents(whole)


def test_through_kills_every_byte_is_the_same(stranger: Stranger, whole: Dataset) -> None:
    rng, recipe, killed = random.Random(3), stranger.recipe("killed", "local"), 0
    for _ in range(KILLS):
        process = subprocess.Popen(stranger.command("run", recipe), env=stranger.environment)
        before = len(list((stranger.folder / "killed").rglob("*")))
        while process.poll() is None and len(list((stranger.folder / "killed").rglob("*"))) <= before:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed
    assert contents(stranger.run("killed")) == contents(whole)


def test_without_the_distribution_each_name_is_unknown(stranger: Stranger) -> None:
    done = subprocess.run(
        stranger.command("plan", stranger.recipe("alone", "local")),
        env={**stranger.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    for name in (
        "document step 'whisper'",
        "token step 'stutter'",
        "row step 'filled'",
        "statistic 'sizes'",
        "stage 'tally'",
    ):
        assert f"there is no {name}" in done.stderr
