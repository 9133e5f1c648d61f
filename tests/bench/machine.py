"""What a sitting was held on: the machine, what is installed, and how fast its disk keeps what is written."""

import importlib.metadata
import os
import platform
import resource
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["PEERS", "disk_rate", "facts", "peak", "version"]

PEERS = ("gigatoken", "gigabpe", "datatrove", "tokenizers", "tiktoken")
OURS = ("numpy", "numba", "pyarrow", "polars", "ray")
_WRITTEN = 256 << 20


def version(package: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def facts(folder: Path) -> list[tuple[str, str]]:
    """What people want to know of a machine before they read figures."""
    from pairloom.pipeline.execution.machine import memory, processors

    peers = [f"{name} {found}" if (found := version(name)) else f"{name} not installed" for name in PEERS]
    return [
        ("processors", f"{processors()} of {_model()}"),
        ("memory", f"{memory() / 1e9:.0f} GB"),
        ("disk", f"{disk_rate(folder) / 1e6:,.0f} MB/s, written and synced"),
        ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("libraries", ", ".join(f"{name} {version(name)}" for name in OURS)),
        ("peers", ", ".join(peers)),
        ("load before it began", ", ".join(f"{load:.1f}" for load in os.getloadavg())),
    ]


def disk_rate(folder: Path) -> float:
    """Bytes a second that are on the disk, not only on their way."""
    path, block = folder / "written", os.urandom(4 << 20)
    start = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(_WRITTEN // len(block)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    path.unlink()
    return _WRITTEN / seconds


def peak() -> int:
    """The most bytes that this process has had resident; what `getrusage` says is also that of who started it, where that is more."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.machine()
