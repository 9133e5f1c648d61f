"""Notes of tasks (`pipeline.notes`) from workers to the driver: one datagram each, which may be lost.

    worker: note(...) ─▶ Speaker ═══ UDP ═══▶ Ear.heard ─▶ driver: whoever watches

A worker waits for nothing and keeps nothing. What arrives has to begin with the secret that Ray has carried to the workers, and
to be a note; anything else is dropped. Where Ray is told to encrypt what it sends, and where the driver cannot be reached, there
are no notes, and steps are shown unit by unit.
"""

import hmac
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from pairloom.pipeline.notes import Note

__all__ = ["Ear", "Place", "Speaker"]

_SECRET = 16  # bytes
_LONGEST = 2048  # bytes of a datagram
_MOST = 10_000  # notes taken at a time, so that a flood ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where notes are heard, and what they begin with."""

    host: str
    port: int
    secret: bytes = field(repr=False)


class Ear:
    """The driver's end."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(_family(host), socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        port = self._socket.getsockname()[1]
        self.place = Place(host=host, port=port, secret=secrets.token_bytes(_SECRET))

    @staticmethod
    def open(host: str) -> "Ear | None":
        """An ear at an address of this machine; None where that cannot be, or must not."""
        if os.environ.get("RAY_USE_TLS", "0") not in {"", "0"}:
            return None
        try:
            return Ear(host)
        except OSError:
            return None

    def heard(self) -> Iterator[Note]:
        """What has arrived by now."""
        for _ in range(_MOST):
            try:
                said = self._socket.recv(_LONGEST)
            except OSError:  # nothing is there
                return
            if (noted := _note(said, self.place.secret)) is not None:
                yield noted

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


class Speaker:
    """A worker's end; what cannot be sent is not said."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._socket = socket.socket(_family(place.host), socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def __call__(self, noted: Note) -> None:
        """Say a note."""
        said = self._place.secret + json.dumps(asdict(noted)).encode()
        with suppress(OSError):
            self._socket.sendto(said, (self._place.host, self._place.port))

    def close(self) -> None:
        """Say no more."""
        self._socket.close()


def _note(said: bytes, secret: bytes) -> Note | None:
    if not hmac.compare_digest(said[:_SECRET], secret):
        return None
    with suppress(ValueError, TypeError):
        found = Note(**json.loads(said[_SECRET:]))
        if type(found.done) is int and type(found.of) is int:
            return found
    return None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
