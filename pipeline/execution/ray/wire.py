"""A connection between the driver and a worker: messages past the scheduler that placed the worker.

A call through a scheduler costs milliseconds, most of it not for the message; over a connection of its own a message takes
a tenth of one. Who may speak is settled by two secrets, one for each side, that the scheduler has carried. A message is
its length (8 bytes, little-endian) and its bytes.
"""

import hmac
import secrets
import socket
import time
from dataclasses import dataclass, field

__all__ = ["Address", "Connection", "Listener"]

PATIENCE = 10.0  # seconds for a connection to stand
_SECRET = 32  # bytes
_SILENCE = 60_000  # milliseconds after which what was sent and not confirmed ends a connection
_PIECE = 1 << 18  # bytes received at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a worker listens, and the secrets: what the caller says, and what it is answered."""

    host: str
    port: int
    call: bytes = field(default_factory=lambda: secrets.token_bytes(_SECRET), repr=False)
    reply: bytes = field(default_factory=lambda: secrets.token_bytes(_SECRET), repr=False)


class Connection:
    """One end of a connection. Raises OSError where it breaks, EOFError where the other end was closed."""

    def __init__(self, opened: socket.socket) -> None:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE)
        opened.settimeout(PATIENCE)
        self._socket = opened
        self._arrived = bytearray()

    @classmethod
    def call(cls, address: Address) -> "Connection":
        """Call a worker; whether it takes the call is told by `taken`."""
        made = cls(socket.create_connection((address.host, address.port), timeout=PATIENCE))
        made._socket.sendall(address.call)
        return made

    def taken(self, address: Address) -> None:
        """Wait until the call is taken; OSError or EOFError where it is not, or by somebody else."""
        if not hmac.compare_digest(self._secret(), address.reply):
            raise ConnectionError(f"at {address.host}:{address.port} listens somebody else")
        self._socket.settimeout(None)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Send a whole message."""
        parts = [memoryview(len(message).to_bytes(8, "little")), memoryview(message)]
        while parts:
            sent = self._socket.sendmsg(parts)
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][sent:]

    def receive(self) -> memoryview:
        """Wait for the next message."""
        while (message := self.arrived()) is None:
            pass
        return message

    def arrived(self) -> memoryview | None:
        """Take what has come, waiting for something; the message if that was the rest of it.

        One end speaks only after the other has, so that nothing comes behind a message.
        """
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise EOFError("the connection was closed at the other end")
        self._arrived += piece
        if len(self._arrived) < 8 + int.from_bytes(self._arrived[:8], "little") or len(self._arrived) < 8:
            return None
        whole, self._arrived = self._arrived, bytearray()
        return memoryview(whole)[8:]

    def close(self) -> None:
        """End it; the other end notices."""
        self._socket.close()

    def _secret(self) -> bytes:
        said = b""
        while len(said) < _SECRET:
            piece = self._socket.recv(_SECRET - len(said))
            if not piece:
                raise EOFError("the connection was closed at the other end")
            said += piece
        return said


class Listener:
    """Where a worker can be called, once."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, 0), family=family)
        self.address = Address(host=host, port=self._server.getsockname()[1])

    def take(self) -> Connection:
        """The connection to whoever knows the secret; OSError where nobody calls within `PATIENCE` seconds."""
        deadline = time.monotonic() + PATIENCE
        with self._server:
            while True:
                self._server.settimeout(max(0.01, deadline - time.monotonic()))
                made = Connection(self._server.accept()[0])
                try:
                    if hmac.compare_digest(made._secret(), self.address.call):
                        made._socket.sendall(self.address.reply)
                        made._socket.settimeout(None)
                        return made
                except (OSError, EOFError):
                    pass  # a stranger
                made.close()
