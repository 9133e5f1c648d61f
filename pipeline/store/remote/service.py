"""What a kind of store must be able to do for `RemoteObjects`: single requests, without retries.

Keys are paths in a bucket. A request for an object that is not there raises FileNotFoundError; what else goes wrong
is raised as the library below raises it, and `remote_faults` tells it apart.
"""

from typing import Protocol

__all__ = ["WRITE_ID", "Service"]

WRITE_ID = (
    "pairloomwrite"  # names the call that wrote an object, in its metadata; a word that every store takes
)


class Service(Protocol):
    """Requests to one bucket of one store. Used by any number of threads of one process."""

    attempts: int  # how often a request is tried; fewer where the library below tries again itself

    def size(self, key: str) -> int:
        """How many bytes an object has."""

    def modified(self, key: str) -> float:
        """When an object was last written, in seconds since 1970 by the store's clock."""

    def read(self, key: str) -> bytes:
        """A whole object."""

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, fewer only when the object or the connection ends."""

    def write(self, key: str, data: bytes) -> None:
        """Write or replace an object in one request."""

    def write_new(self, key: str, data: bytes, write: str) -> None:
        """Write an object in one request that the store refuses, atomically, when there is one: FileExistsError.

        `write` is kept in the object's metadata.
        """

    def write_id(self, key: str) -> str | None:
        """The `write` that an object was written with; None where it says nothing."""

    def begin(self, key: str) -> str:
        """Start an upload in parts; what is uploaded stays invisible until `finish`."""

    def part(self, key: str, upload: str, number: int, offset: int, data: bytes, last: bool) -> str:
        """Upload part `number` (from 1), the bytes from `offset` on; the same part may be uploaded again."""

    def finish(self, key: str, upload: str, parts: list[str]) -> None:
        """Make the object of what `part` has returned. Raises FileNotFoundError when the upload is over already."""

    def abort(self, key: str, upload: str) -> None:
        """Forget an upload."""

    def list(self, key: str) -> list[str]:
        """The keys below a key and a `/`, or below none all of them."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there may be an error."""
