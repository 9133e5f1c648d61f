"""Tests that are slow and rarely tell anything new: `--rare changed` runs them where what they guard has changed.

    python -m tests.support.changes pipeline/export tests/consumers

prints what has changed below these paths since the branch left origin/main, and exits with 3 if nothing has. Where there is
nothing to compare with (no git, no origin/main, or this is it), everything counts as changed.
"""

import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What this exits with where nothing has changed: no error of Python's own is taken for it.
NOTHING = 3
UNKNOWN = "(nothing to compare with)"


def git(*words: str) -> list[str] | None:
    """The lines that git answers; None where it refuses, or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    except OSError:
        return None
    return None if done.returncode else done.stdout.splitlines()


@cache
def changed() -> tuple[str, ...] | None:
    """The files that differ from where this branch left origin/main; None where that cannot be told."""
    base, head = git("merge-base", "HEAD", "origin/main"), git("rev-parse", "HEAD")
    if not base or not head:
        return None
    differing = git("diff", "--name-only", base[0])
    new = git("ls-files", "--others", "--exclude-standard")
    if differing is None or new is None or (base == head and not differing and not new):
        return None
    return (*differing, *new)


def changed_below(paths: Sequence[str]) -> list[str]:
    """What has changed in these folders and files."""
    files = changed()
    if files is None:
        return [UNKNOWN]
    return [file for file in files if any(Path(file).is_relative_to(path) for path in paths)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rare",
        choices=("always", "changed"),
        default="always",
        help="when to run tests that are marked `rare`: always, or where what they guard has changed",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("rare") == "always":
        return
    for item in items:
        mark = item.get_closest_marker("rare")
        own = str(item.path.relative_to(ROOT))
        if mark is not None and not changed_below([own, *mark.args]):
            item.add_marker(pytest.mark.skip(reason=f"rare, and nothing changed in {', '.join(mark.args)}"))


if __name__ == "__main__":
    found = changed_below(sys.argv[1:])
    sys.stdout.write("".join(f"{file}\n" for file in found))
    sys.exit(0 if found else NOTHING)
