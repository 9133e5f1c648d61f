"""Whether a Ray cluster is there: asked before it is joined, and then every few seconds while it is used.

Ray itself waits for ever, or ends the process, where its head or the daemon of this machine (raylet) is gone.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import ray

from pairloom.operators.errors import StorageError

__all__ = ["answers", "head_answers", "watched"]

ANSWER_SECONDS = 10.0
LOOK_SECONDS = 5.0
SILENCE_SECONDS = 30.0  # a head that is restarted has so long
# What a client of HTTP/2 says first: its preface, and settings of which there are none.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4


def answers(address: str) -> str | None:
    """What is wrong with the head of a cluster at `host:port`; None where it answers."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS) as opened:
            if os.environ.get("RAY_USE_TLS", "0") not in {"", "0"}:
                return None
            opened.sendall(_PREFACE)
            said = b""
            while len(said) < 4:
                piece = opened.recv(64)
                if not piece:
                    return "what listens there is no Ray cluster"
                said += piece
            return None if said[3] == _SETTINGS else "what listens there is no Ray cluster"
    except (OSError, ValueError) as error:
        return str(error)


def head_answers() -> bool:
    """Whether the head of the cluster that this process is connected to answers; Ray waits a minute for one that does not."""
    return answers(ray.get_runtime_context().gcs_address) is None


def watched(stop: Callable[[], bool]) -> Callable[[], bool]:
    """Asks `stop`, and raises StorageError where the cluster that this process is connected to is gone."""
    watch = _Watch(ray.get_runtime_context().gcs_address, ray.get_runtime_context().get_node_id())
    threading.Thread(target=watch.look, daemon=True, name="pairloom-liveness").start()

    def asked() -> bool:
        if watch.gone:
            raise StorageError(
                f"{watch.gone}; what is finished is kept, and the same command goes on from there (Ray's logs are in "
                "session_latest/logs of its folder, mostly /tmp/ray)"
            )
        return stop()

    return asked


@dataclass(slots=True)
class _Watch:
    """What a thread of its own has seen of a cluster; `gone` says what died."""

    head: str
    node: str
    gone: str = ""

    def look(self) -> None:
        """Look every few seconds, until something is gone or this process leaves the cluster."""
        heard = time.monotonic()
        while not self.gone and ray.is_initialized():
            time.sleep(LOOK_SECONDS)
            wrong = answers(self.head)
            now = time.monotonic()
            if wrong is not None:
                if now - heard > SILENCE_SECONDS:
                    self.gone = f"the head of the Ray cluster at {self.head} (GCS) does not answer: {wrong}"
                continue
            heard = now
            if self._raylet_died():
                self.gone = "Ray's daemon of this machine (raylet) died"

    def _raylet_died(self) -> bool:
        try:
            return any(node["NodeID"] == self.node and not node["Alive"] for node in ray.nodes())
        except (ray.exceptions.RayError, OSError, RuntimeError):
            return False  # this process is leaving the cluster, or its head just died, which is seen next
