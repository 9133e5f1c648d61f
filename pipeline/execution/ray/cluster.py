"""Joining a Ray cluster, or starting one on this machine, and leaving it.

Which one is decided in this order: `execution.address` of the recipe (RAY_ADDRESS counts for "auto"), the environment's
RAY_ADDRESS, a cluster that `ray start` has left running on this machine, and else one of our own, which ends with this process.
"""

import functools
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import ray

from pairloom.operators.errors import RecipeError, StorageError
from pairloom.pipeline.execution.named import named_cluster, ray_folder
from pairloom.pipeline.execution.ray.liveness import answers

__all__ = ["connect", "leave"]

# A socket's path has 107 bytes, and Ray puts so many behind its folder: /ray/session_<date>_<time>_<pid>/sockets/plasma_store
_BEHIND = 75
_SOCKET = 107
_SHORT = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  (what is made there has a name of its own and is this user's alone)
# Where Ray says at every start that its tokens are in use; that they are not, which is a danger, it may say.
_TOKENS = "ray._private.authentication.authentication_token_setup"


# Set once a cluster runs whose processes the kernel ends with this one (Ray asks it to, on Linux).
_ends_with_us = threading.Event()


def _no_token_notice(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Token authentication is enabled")


def connect(address: str | None, say: Callable[[str], None] = lambda _: None) -> None:
    """Join the cluster at an address, or start one on this machine; a process that is connected stays so.

    `say` is told which of these takes its time now.

    A cluster that is started here has no dashboard and no client server, and what Ray binds for people to look at is
    bound to this machine. Raises RecipeError when there is no cluster at the address, StorageError where one does not start.
    """
    if ray.is_initialized():
        return
    # Workers that run tasks of a few seconds each should not be told how Ray used to treat accelerators.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    place, named = _named(address)
    if place and "://" not in place and place not in ("auto", "local"):
        wrong = answers(place)
        if wrong is not None:
            raise RecipeError(f"cannot reach a Ray cluster at {place}: {wrong}; {named}")
    own = place in ("", "local", "auto")
    say(
        "starting Ray on this machine, unless a cluster runs here"
        if own
        else f"joining the Ray cluster at {place}"
    )
    options: dict[str, Any] = {"address": address} if address is not None else {}
    if place in ("", "local"):
        options |= {"include_dashboard": False, "dashboard_host": "127.0.0.1"}
        if folder := _short_folder():
            options["_temp_dir"] = folder.name
    logging.getLogger(_TOKENS).addFilter(_no_token_notice)
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", configure_logging=False, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise RecipeError(
            f"cannot reach a Ray cluster at {place or 'this machine'}: {error}; {named}"
        ) from error
    except Exception as error:  # which Ray raises as such where its daemons have not started in time
        raise StorageError(
            f"Ray did not start on this machine: {error} Try again when the machine has less to do, or run without it "
            "(`--engine local`)"
        ) from error
    else:
        if place in ("", "local") and main and sys.platform == "linux":  # the kernel looks at the thread
            _ends_with_us.set()
    finally:
        if main and handler is not None:
            signal.signal(signal.SIGTERM, handler)  # Ray puts one of its own there


def leave() -> None:
    """Leave the cluster, if this process is in one, as the process ends.

    One that was started here is not waited for where the system ends it with the process that has started it.
    """
    if not _ends_with_us.is_set():
        with suppress(Exception):
            ray.shutdown()
    if _short_folder.cache_info().currsize and (folder := _short_folder()):
        with suppress(OSError):
            folder.cleanup()


def _named(address: str | None) -> tuple[str, str]:
    """The address of the cluster that is meant, "" for one of our own, and what to do where it is wrong."""
    found = named_cluster(address)
    if found is not None:
        return found.address, found.remedy
    return address or "", "Ray's logs are in session_latest/logs of its folder, mostly /tmp/ray"


@functools.cache
def _short_folder() -> "tempfile.TemporaryDirectory[str] | None":
    """A folder for Ray's sockets where the usual one has too long a name; None where that does."""
    if len(os.fsencode(ray_folder())) + _BEHIND <= _SOCKET:
        return None
    for place in _SHORT:
        with suppress(OSError):
            return tempfile.TemporaryDirectory(prefix="pl-", dir=place, ignore_cleanup_errors=True)
    raise RecipeError(
        f"the name of the folder for temporary files is too long for Ray's sockets: {ray_folder()}; set TMPDIR to a shorter one"
    )
