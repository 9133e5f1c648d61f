"""The files of a tar archive, as its headers say, read forwards and to the end.

The standard library takes a damaged header for the end of the archive, and an archive that is cut between two files for a whole
one; both would lose files in silence.
"""

import tarfile
from collections.abc import Iterator

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["Entry", "entries"]

_BLOCK = 512
_STEP = 1 << 20
_LONGEST = 1 << 20  # of what a header says in more than one block
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_LONG_NAME, _PAX, _SPARSE = (
    tarfile.GNUTYPE_LONGNAME,
    (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE),
    tarfile.GNUTYPE_SPARSE,
)


class Entry:
    """A file in the archive; its bytes are read forwards, before the next is asked for."""

    def __init__(self, name: str, size: int, tape: "_Tape") -> None:
        self.name, self.size = name, size
        self.left = size
        self._tape = tape

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at its end."""
        data = self._tape.read(min(size, self.left), self.name) if self.left else b""
        self.left -= len(data)
        return data


def entries(stream: Stream, file: InputFile) -> Iterator[Entry]:
    """The files of an archive, in order. Raises DataError where it is damaged, cut short or followed by something."""
    tape = _Tape(stream, file)
    longer: dict[str, str] = {}
    while True:
        at, block = tape.at, tape.block()
        if not block.strip(b"\0"):
            tape.finish()
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
        except (tarfile.HeaderError, ValueError, IndexError) as error:
            raise DataError(
                f"{file.uri}: byte {at} is no header of a file in a tar archive ({error}); fetch or write the archive again"
            ) from error
        if info.type == _LONG_NAME:
            longer = {**longer, "path": tape.text(info.size, at).rstrip("\0")}
        elif info.type in _PAX:
            longer = {**longer, **_said(tape.text(info.size, at))}
        elif info.type in _FILES:
            if any(key.startswith("GNU.sparse") for key in longer):
                raise _sparse(file, longer.get("path", info.name))
            size = int(longer["size"]) if longer.get("size", "").isdigit() else info.size
            entry = Entry(longer.get("path", info.name), size, tape)
            yield entry
            tape.skip(entry.left + -size % _BLOCK, entry.name)
            longer = {}
        elif info.type == _SPARSE:
            raise _sparse(file, longer.get("path", info.name))
        else:  # folders, links, devices, and what is said of the whole archive
            tape.skip(info.size + -info.size % _BLOCK, info.name)
            longer = longer if info.type == tarfile.GNUTYPE_LONGLINK else {}


def _sparse(file: InputFile, name: str) -> DataError:
    return DataError(f"{file.uri}!/{name}: a file with holes is not read; write the archive without --sparse")


def _said(text: str) -> dict[str, str]:
    """What an extended header says: lines `<length> <key>=<value>`."""
    found = {}
    while text:
        length, _, rest = text.partition(" ")
        size = int(length) - len(length) - 1 if length.isdigit() else 0
        encoded = rest.encode("utf-8", "surrogateescape")[: max(size, 0)]
        line = encoded.decode("utf-8", "surrogateescape")
        key, equals, value = line.rstrip("\n").partition("=")
        if not equals:
            break
        found[key] = value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        text = rest[len(line) :]
    return found


class _Tape:
    """The bytes of an archive, and how far they were read."""

    def __init__(self, stream: Stream, file: InputFile) -> None:
        self._stream, self._file, self.at = stream, file, 0

    def read(self, size: int, name: str) -> bytes:
        """Some bytes, at most so many; raises DataError where there are none."""
        data = self._stream.read(size)
        if not data:
            raise self._cut(f"within {name}")
        self.at += len(data)
        return data

    def block(self) -> bytes:
        """The next header."""
        data = b""
        while len(data) < _BLOCK:
            part = self._stream.read(_BLOCK - len(data))
            if not part:
                raise self._cut("within a header" if data else "without a mark of its end")
            data += part
            self.at += len(part)
        return data

    def text(self, size: int, at: int) -> str:
        """What a header says in further blocks."""
        if not 0 <= size <= _LONGEST:
            raise DataError(
                f"{self._file.uri}: the header at byte {at} says {size} bytes; fetch or write the archive again"
            )
        data = b""
        while len(data) < size + -size % _BLOCK:
            data += self.block()
        return data[:size].decode("utf-8", "surrogateescape")

    def skip(self, size: int, name: str) -> None:
        """Go over some bytes."""
        while size > 0:
            size -= len(self.read(min(size, _STEP), name))

    def finish(self) -> None:
        """Read what follows the end: zeros, up to the end of the file."""
        while part := self._stream.read(_STEP):
            if rest := part.lstrip(b"\0"):
                place = self.at + len(part) - len(rest)
                raise DataError(
                    f"{self._file.uri}: something follows the end of the tar archive, at byte {place}; give each archive a file "
                    "of its own"
                )
            self.at += len(part)

    def _cut(self, where: str) -> DataError:
        return DataError(
            f"{self._file.uri}: the tar archive is cut short: it ends at byte {self.at}, {where}; fetch or write it again"
        )
