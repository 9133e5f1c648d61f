"""SIGTERM: the run ends by itself, says so, and the same command goes on to the same bytes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pairloom.pipeline import run
from pairloom.pipeline.store.manifest import latest_manifest
from tests.support.corpora import contents, documents, open_objects_of, recipe_for, write_jsonl

RECIPE = """
root: {folder}/stopped
corpus: [{{name: lines, paths: ["{folder}/in/*"], id: id}}]
vocabulary: {{size: 400}}
pack: {{seq_len: 64, validation: 0.1}}
execution: {{engine: {engine}, unit_bytes: 3000}}
"""


@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_sigterm_ends_a_run_cleanly(tmp_path: Path, engine: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(600))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(folder=tmp_path, engine=engine))
    command = [sys.executable, "-m", "pairloom.jobs", "run", str(recipe)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while process.poll() is None and not list((tmp_path / "stopped").glob("receipts/count/*/*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 143, said
    assert "asked to stop" in said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    objects = open_objects_of(tmp_path / "stopped")
    assert latest_manifest(objects) is None
    before = set(objects.list("receipts"))
    assert before
    settings = ["execution.unit_bytes=3000"]
    whole = run(recipe_for(tmp_path, *settings))
    again = run(recipe_for(tmp_path, *settings, root=tmp_path / "stopped"))
    assert contents(again) == contents(whole)
    assert before <= set(objects.list("receipts"))
