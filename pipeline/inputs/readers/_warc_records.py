"""The records of a WARC file, as its headers say, read forwards and to the end."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.readers._text_lines import too_long
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["WarcRecord", "headers_of", "warc_records"]

_VERSION = re.compile(rb"WARC/\d+\.\d+\s*")
_STEP = 1 << 20
_LONGEST = 1 << 20  # of the headers of a record


class WarcRecord(NamedTuple):
    """A record: where it begins, its headers by their names in lower case, its block, and the stored bytes up to its end."""

    at: int
    headers: dict[str, str]
    block: bytes
    consumed: int


def warc_records(
    stream: Stream, file: InputFile, wanted: frozenset[str], longest: int
) -> Iterator[WarcRecord]:
    """The records of wanted types. Raises DataError where the file is damaged or cut within a record."""
    tape = _Tape(stream, file)
    while (at := tape.next_record()) is not None:
        version = tape.line(at)
        if not _VERSION.fullmatch(version):
            raise DataError(
                f"{file.uri}: byte {at} is no record of WARC, it begins with {version[:40]!r}; fetch or write the file again"
            )
        lines = []
        while line := tape.line(at).rstrip(b"\r\n"):
            lines.append(line)
        headers = headers_of(lines)
        length = headers.get("content-length", "")
        if not length.isdigit() or len(length) > 18:
            raise DataError(
                f"{file.uri}: the record at byte {at} says no length ({length[:40]!r}); fetch or write the file again"
            )
        size, kind = int(length), headers.get("warc-type", "").lower()
        if kind not in wanted:
            tape.take(size, at, keep=False)
            continue
        if size > longest:
            raise too_long(file, f"byte {at}", longest)
        yield WarcRecord(at, headers, tape.take(size, at, keep=True), stream.consumed)


def headers_of(lines: list[bytes]) -> dict[str, str]:
    """Headers by their names in lower case; a line that begins with a blank goes on with the one before.

    >>> headers_of([b"WARC-Type: response", b"X: a", b"  b"])
    {'warc-type': 'response', 'x': 'a b'}
    """
    found: dict[str, str] = {}
    last = ""
    for line in lines:
        text = line.decode("utf-8", "backslashreplace")
        if text[:1] in (" ", "\t") and last:
            found[last] += " " + text.strip()
            continue
        name, _, value = text.partition(":")
        last = name.strip().lower()
        found[last] = value.strip()
    return found


class _Tape:
    """The bytes of a file, and how far they were read."""

    def __init__(self, stream: Stream, file: InputFile) -> None:
        self._stream, self._file = stream, file
        self._ready, self._used, self._before = (
            b"",
            0,
            0,
        )  # _before: bytes of the file before those that are ready

    def _more(self) -> bool:
        part = self._stream.read(_STEP)
        self._before += self._used
        self._ready, self._used = self._ready[self._used :] + part, 0
        return bool(part)

    def next_record(self) -> int | None:
        """Where the next record begins, behind blank lines; None at the end."""
        while True:
            rest = self._ready[self._used :].lstrip(b"\r\n")
            self._used = len(self._ready) - len(rest)
            if rest:
                return self._before + self._used
            if not self._more():
                return None

    def line(self, record: int) -> bytes:
        """The next line of a record, with its end."""
        while (end := self._ready.find(b"\n", self._used)) < 0:
            if len(self._ready) - self._used > _LONGEST:
                raise DataError(
                    f"{self._file.uri}: the headers of the record at byte {record} do not end; fetch or write the file again"
                )
            if not self._more():
                raise self._cut(record, "within its headers")
        line = self._ready[self._used : end + 1]
        self._used = end + 1
        return line

    def take(self, size: int, record: int, *, keep: bool) -> bytes:
        """The next bytes of a record, or nothing where they are only gone over."""
        parts, missing = [], size
        while missing:
            if self._used == len(self._ready) and not self._more():
                raise self._cut(record, f"{missing} bytes of {size} are missing")
            part = self._ready[self._used : self._used + missing]
            self._used += len(part)
            missing -= len(part)
            if keep:
                parts.append(part)
        return b"".join(parts)

    def _cut(self, record: int, where: str) -> DataError:
        return DataError(
            f"{self._file.uri}: the WARC file is cut short in the record that begins at byte {record}: {where}; fetch it again"
        )
