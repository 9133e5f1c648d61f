"""A cluster that is not there, or dies with its head or the daemon of this machine, ends a run within a minute, by name."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.execution.ray.cluster import connect
from tests.support.corpora import documents, write_jsonl

RECIPE = """
root: {folder}/out
corpus: [{{name: lines, paths: ["{folder}/in/*"], id: id}}]
vocabulary: {{size: 400}}
pack: {{seq_len: 64}}
execution: {{engine: ray, unit_bytes: 200}}
"""


def begin(folder: Path, count: int, **environment: str) -> subprocess.Popen[str]:
    write_jsonl(folder / "in" / "a.jsonl", documents(count))
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(folder=folder))
    return subprocess.Popen(
        [sys.executable, "-m", "pairloom.jobs", "run", str(recipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


@pytest.mark.ray
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "said"), [("raylet", "(raylet) died"), ("gcs_server", "(GCS) does not answer")]
)
def test_a_run_ends_with_what_died(tmp_path: Path, name: str, said: str) -> None:
    """R4."""
    process = begin(tmp_path, 8000)
    while process.poll() is None and not any((tmp_path / "out").glob("receipts/count/*/*")):
        time.sleep(0.05)
    (child,) = (one for one in psutil.Process(process.pid).children(recursive=True) if one.name() == name)
    child.send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert said in errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors


@pytest.mark.ray
@pytest.mark.timeout(180)
def test_a_long_folder_for_temporary_files_is_no_hindrance(tmp_path: Path) -> None:
    """F11."""
    folder = tmp_path / ("x" * 110)
    folder.mkdir()
    process = begin(tmp_path, 3, TMPDIR=str(folder))
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def test_an_address_where_nobody_is_names_the_variable(tmp_path: Path) -> None:
    """F12."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = begin(tmp_path, 3, RAY_ADDRESS=f"127.0.0.1:{port}")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "RAY_ADDRESS" in errors
    assert "Traceback" not in errors


def test_an_address_where_something_else_listens_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """F12."""

    def answer(server: socket.socket) -> None:
        opened, _ = server.accept()
        with opened:
            opened.recv(1000)
            opened.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr("ray.is_initialized", lambda: False)  # whatever ran in this process before
        with pytest.raises(RecipeError, match=r"no Ray cluster.*RAY_ADDRESS"):
            connect(None)
