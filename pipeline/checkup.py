"""What of a machine, and of what a recipe names, would keep a run from working, or make it slow: looked at before it does.

Each check looks at one thing and says it in a line. What is not as it should be comes with what to do about it.
"""

import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from pairloom.operators.errors import PairloomError
from pairloom.operators.shown import size_text
from pairloom.pipeline.execution.machine import memory, processors
from pairloom.pipeline.recipe import Recipe

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["Finding", "examine", "examine_recipe"]

State = Literal["ok", "slow", "wrong"]

_PYTHON = (3, 11)
_OPEN_FILES = 4096
_SHARED = 2 << 30  # bytes of shared memory from which on Ray's object store has no need of a disk
_FREE = 5 << 30  # bytes that temporary files and kernels have room in
_FSYNC = 40e6  # bytes a second that a root's disk should take with fsync
_PROBE = 32 << 20
_STARTED = 60  # seconds that Ray may take
_SHM = Path("/dev/shm")  # noqa: S108  (where Linux has shared memory)
_START_RAY = """
import ray
from pairloom.pipeline.execution.ray.cluster import connect, leave
connect(None)
print(ray.__version__, int(ray.cluster_resources().get("CPU", 0)))
leave()
"""
_SOCKET_NAME = 107 - len("/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check has found: `state` is ok, slow (a run works, not as fast as it could) or wrong; `advice` what to do."""

    check: str
    state: State
    said: str
    advice: str = ""


def examine(*, ray: bool = True) -> Iterator[Finding]:
    """Look at this machine and this installation, one thing after another; with `ray`, start Ray once."""
    yield _python(sys.version_info[:2])
    yield _compiling(os.environ.get("NUMBA_DISABLE_JIT", ""))
    yield _processors(os.cpu_count() or 1)
    yield _memory(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    yield _shared_memory(_size(_SHM))
    yield _temporary(Path(tempfile.gettempdir()))
    yield _open_files(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield _clock(time.time(), Path(__file__).stat().st_mtime)
    yield _kernels()
    if ray:
        yield _ray()


def examine_recipe(recipe: Recipe) -> Iterator[Finding]:
    """Look at what a recipe names: that its root can be written to, and how fast; that its sources can be read."""
    yield from _root(recipe.root)
    yield from _sources(recipe)


def _python(version: tuple[int, ...]) -> Finding:
    said = f"{'.'.join(map(str, version))} ({platform.machine()}, {platform.system()})"
    if version < _PYTHON:
        return _wrong("python", said, "Pairloom needs Python 3.11 or newer")
    return _ok("python", said)


def _compiling(variable: str) -> Finding:
    if variable not in ("", "0"):
        return _wrong(
            "compiler",
            f"NUMBA_DISABLE_JIT is {variable}",
            "unset it: kernels exist only when they are compiled",
        )
    import numba

    return _ok("compiler", f"numba {numba.__version__}")


def _processors(there: int) -> Finding:
    allowed = processors()
    if allowed < there:
        return Finding(
            check="processors",
            state="slow",
            said=f"{there}, of which this process may use {allowed}",
            advice=f"say so: --set execution.max_in_flight={allowed}, or raise the container's limit",
        )
    return _ok("processors", f"{there}")


def _memory(there: int) -> Finding:
    most = memory()
    said = f"{size_text(most)}{' allowed of ' + size_text(there) if most < there else ''}"
    if most < 2 << 30:
        return Finding(
            check="memory",
            state="slow",
            said=said,
            advice="use --set execution.unit_bytes=16MB and --engine local; `pairloom plan` says what a task takes",
        )
    return _ok("memory", said)


def _shared_memory(size: int) -> Finding:
    if size < _SHARED:
        return Finding(
            check="shared memory",
            state="slow",
            said=f"{_SHM} has {size_text(size)}: Ray keeps objects on a disk",
            advice="give the container more (docker run --shm-size=4g; a memory volume on /dev/shm in Kubernetes)",
        )
    return _ok("shared memory", f"{_SHM} has {size_text(size)}")


def _temporary(folder: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        return _wrong(
            "temporary folder",
            f"{folder} cannot be written to: {error.strerror}",
            "set TMPDIR to another folder",
        )
    free = shutil.disk_usage(folder).free
    if len(os.fsencode(folder)) > _SOCKET_NAME:
        return Finding(
            check="temporary folder",
            state="slow",
            said=f"{folder} is too long a name for Ray's sockets, and another folder is taken",
            advice="set TMPDIR or RAY_TMPDIR to a folder with a shorter name",
        )
    if free < _FREE:
        return _wrong(
            "temporary folder",
            f"{folder} has {size_text(free)} left",
            "free some, or set TMPDIR to another folder",
        )
    return _ok("temporary folder", f"{folder} has {size_text(free)} left")


def _open_files(soft: int, hard: int) -> Finding:
    if soft != resource.RLIM_INFINITY and soft < _OPEN_FILES:
        most = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
        more = f"raise the limit before the run: ulimit -n {most}"
        if most < _OPEN_FILES:  # this user cannot raise it far enough
            more = f"have whoever runs this machine or container allow {_OPEN_FILES:,} (ulimit -Hn, LimitNOFILE, --ulimit)"
        return _wrong("open files", f"at most {soft:,} at a time", more)
    return _ok(
        "open files", "without a limit" if soft == resource.RLIM_INFINITY else f"up to {soft:,} at a time"
    )


def _clock(now: float, installed: float) -> Finding:
    said = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < installed - 86_400:
        return _wrong(
            "clock",
            f"{said}, before Pairloom was installed",
            "set the clock: object stores refuse requests of another time",
        )
    return _ok("clock", said)


def _kernels() -> Finding:
    from pairloom.operators.kernels.cache import cache_folders

    for folder in cache_folders():
        kept = sum(1 for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
        if _writable(folder):
            if not kept:
                return Finding(
                    check="kernels",
                    state="slow",
                    said=f"none are compiled in {folder}",
                    advice="the first run compiles what it needs; `pairloom warmup` does it beforehand",
                )
            return _ok("kernels", f"{kept} files in {folder}")
        if kept:
            return _ok("kernels", f"{kept} files in {folder}, which cannot be written to")
    return _wrong(
        "kernels",
        "no folder for compiled kernels can be written to, and each process would compile its own",
        "set PAIRLOOM_CACHE_DIR to a folder that can",
    )


def _ray() -> Finding:
    """Start Ray, or join the cluster that is named, in a process of its own."""
    started = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603  (this Python, and words of our own)
            [sys.executable, "-c", _START_RAY], capture_output=True, text=True, timeout=_STARTED, check=False
        )
    except subprocess.TimeoutExpired:
        return _wrong(
            "ray",
            f"does not start within {_STARTED} s",
            "use --engine local, or look at session_latest/logs of Ray's folder",
        )
    took = time.monotonic() - started
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        return _wrong(
            "ray",
            last.removeprefix("pairloom.operators.errors.RecipeError: "),
            "use --engine local for a run without Ray",
        )
    version, processors = done.stdout.split()
    where = f" at {os.environ['RAY_ADDRESS']}" if os.environ.get("RAY_ADDRESS") else ""
    return _ok("ray", f"{version}{where}, {processors} processors, starts in {took:.1f} s")


def _root(root: str) -> Iterator[Finding]:
    from pairloom.pipeline.store.location import check_writable, open_objects

    missing: list[Path] = []
    try:
        objects = open_objects(root)
        place = Path(objects.root.removeprefix("file://")) if objects.root.startswith("file://") else None
        if place is not None:
            missing = [folder for folder in (place, *place.parents) if not folder.exists()]
        check_writable(objects)
        yield _ok("root", f"{objects.root} creates an object only if it is absent")
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
            yield _disk(place)
    except PairloomError as error:
        yield _wrong("root", str(error), "correct the recipe's root")
    except Exception as error:  # noqa: BLE001  (whatever a store's library raises)
        yield _wrong("root", f"{root}: {error}", "correct the recipe's root, or what lets this machine in")
    finally:
        for folder in missing:  # leave nothing that was not there
            with suppress(OSError):
                (folder / "probe").rmdir()
            with suppress(OSError):
                folder.rmdir()


def _disk(folder: Path) -> Finding:
    """How fast the disk of a folder takes bytes that are synced, and how much room it has."""
    probe = folder / f".checkup-{uuid4().hex}"
    data = os.urandom(1 << 20)
    started = time.monotonic()
    try:
        with probe.open("wb") as file:
            for _ in range(_PROBE >> 20):
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return _wrong("disk", f"{folder}: {error.strerror}", "make room, or choose another root")
    finally:
        probe.unlink(missing_ok=True)
    rate = _PROBE / (time.monotonic() - started)
    free = shutil.disk_usage(folder).free
    said = f"{size_text(int(rate))}/s with fsync, {size_text(free)} left"
    if free < _FREE:
        return _wrong("disk", said, "make room: `pairloom plan` says what a run takes")
    if rate < _FSYNC:
        return Finding(
            check="disk", state="slow", said=said, advice="choose a root on a local disk, or in a bucket"
        )
    return _ok("disk", said)


def _sources(recipe: Recipe) -> Iterator[Finding]:
    from pairloom.pipeline.flow.plan import make_plan

    try:
        plan = make_plan(recipe)
    except PairloomError as error:
        yield _wrong("sources", str(error), "correct the recipe's corpus, or what lets this machine in")
        return
    yield _ok(
        "sources",
        f"{len(plan.inputs):,} files, {size_text(plan.bytes)}; the first of each source can be read",
    )
    if any(source.messages is not None for source in recipe.corpus):
        yield from _conversations(plan)


def _conversations(plan: "Plan") -> Iterator[Finding]:
    """Try a few of each source, with the vocabulary, if that is there."""
    from pairloom.operators.encode import tokenizer_of
    from pairloom.pipeline.stages.tokenize.task import tokenize_task
    from pairloom.pipeline.stages.tokenize.trial import try_sources

    vocabulary = plan.vocabulary
    if vocabulary is None:
        yield _ok("conversations", "the run tries a few as soon as the vocabulary is learned")
        return
    tasks = [tokenize_task(plan.recipe, unit, vocabulary) for unit in plan.units]
    try:
        for line in try_sources(plan.recipe, tasks, tokenizer_of(vocabulary)):
            yield _ok("conversations", line)
    except PairloomError as error:
        yield _wrong("conversations", str(error), "correct the source's template")


def _writable(folder: Path) -> bool:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return False
    with suppress(OSError), tempfile.TemporaryFile(dir=there):
        return True
    return False


def _size(folder: Path) -> int:
    return shutil.disk_usage(folder).total if folder.is_dir() else 0


def _ok(check: str, said: str) -> Finding:
    return Finding(check=check, state="ok", said=said)


def _wrong(check: str, said: str, advice: str) -> Finding:
    return Finding(check=check, state="wrong", said=said, advice=advice)
