"""What of this machine a process may use: less than there is, in a container or where affinity says so."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["memory", "processors"]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def processors() -> int:
    """The processors that this process may use: those of its affinity, and what a container leaves of them."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = _QUOTA.read_text().split()
        if quota != "max":
            return max(1, min(there, round(int(quota) / int(period))))
    return there


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or what a container leaves of them."""
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _LIMITS:
        with suppress(OSError, ValueError):
            most = min(most, int(limit.read_text()))
    return most
