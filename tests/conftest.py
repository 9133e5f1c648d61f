"""Settings that every test shares, and the order in which files of tests begin."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# The first example of a property may compile a kernel, so that no example has a deadline.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("pairloom", derandomize=True, **COMMON)
# Examples that are new every time, and more of them; what fails is printed with what reproduces it.
settings.register_profile("fuzz", derandomize=False, max_examples=1000, print_blob=True, **COMMON)
settings.load_profile(os.environ.get("PAIRLOOM_HYPOTHESIS", "pairloom"))

# What is compiled of Python is kept, whatever the environment says: the tests start hundreds of processes, which would each
# compile the package for a second.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A run that names no cluster would join one that another test has started meanwhile, and is about to end.
os.environ["RAY_ADDRESS"] = "local"
# Where several clusters start at once, each may take longer than the half minute that Ray gives it.
os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")

pytest_plugins = ["tests.support.changes", "tests.support.hub", "tests.support.servers"]

# What takes longest begins first, or one process ends long after the others; the longest start of a file's name decides. What
# starts clusters is spread: where too many start at once, Ray gives up.
FIRST = (
    "tests/cluster/",
    "tests/cluster/test_machines.py",
    "tests/runs/test_remote_kill.py",
    "tests/infra/test_wheel.py",
    "tests/operators/text/pretokenize/",
    "tests/cluster/test_gone.py",
    "tests/runs/test_packing.py",
    "tests/runs/export/test_kill.py",
    "tests/cluster/test_metrics.py",
    "tests/infra/",
    "tests/jobs/test_boundary.py",
    "tests/runs/",
    "tests/extend/test_strangers.py",
)
# These have clusters of their own, or none, and need not wait for those that share one.
OF_THEIR_OWN = (
    "tests/cluster/test_gone.py",
    "tests/cluster/test_machines.py",
    "tests/cluster/test_metrics.py",
)
# These end the cluster that is shared, so that they come last.
ENDING = ("tests/cluster/test_kills.py", "tests/cluster/test_room.py")

LONG = 16  # bytes: what is shorter may name a test


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Files that a test is given are no part of its name: gzip writes the time into them, and every process collects anew."""
    return argname if isinstance(val, bytes) and len(val) > LONG else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> tuple[int, bool]:
        file = item.nodeid.partition("::")[0]
        start = max((one for one in FIRST if file.startswith(one)), key=len, default=None)
        return len(FIRST) if start is None else FIRST.index(start), file in ENDING

    if hasattr(config, "workerinput"):
        items.sort(key=place)


class Scheduling(LoadFileScheduling):
    """A file of tests to each process that has none; those that share a cluster are as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        shared = file.startswith("tests/cluster/") and file not in OF_THEIR_OWN
        return "tests/cluster" if shared else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    """In the place of xdist's own `--dist loadfile`, which would begin with the files that have most tests."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Scheduling(config, log)
