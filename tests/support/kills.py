"""Runs in processes of their own that are killed again and again while they write."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["killed_runs"]


def killed_runs(code: str, folder: Path, delays: Sequence[float]) -> int:
    """Start `python -c code folder`, which writes `folder / "killed"`, once for each delay; how many were killed in time.

    Each is killed so many seconds after it has written something that was not there.
    """
    killed, root = 0, folder / "killed"
    for delay in delays:
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=Path(__file__).parents[2])
        before = len(list(root.rglob("*")))
        while process.poll() is None and len(list(root.rglob("*"))) <= before:
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    return killed
