"""What a crawler has kept of an answer of a web server: status, headers, and the page as text."""

import codecs
import re
import zlib
from typing import NamedTuple

from pairloom.pipeline.inputs.readers._json_line import Refused
from pairloom.pipeline.inputs.readers._warc_records import headers_of

__all__ = ["Answer", "answer_of", "page_of"]

_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_LOOKED_AT = 4096
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WINDOWS = {"iso8859-1", "latin-1", "ascii", "us-ascii"}  # what pages call so is the larger set of Windows


class Answer(NamedTuple):
    """An answer: 0 where it has no status line."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer_of(block: bytes) -> Answer:
    r"""The parts of an answer.

    >>> answer_of(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>")
    Answer(status=200, headers={'content-type': 'text/html'}, body=b'<p>')
    """
    head, between, body = block.partition(b"\r\n\r\n")
    if not between:
        head, _, body = block.partition(b"\n\n")
    first, *lines = head.replace(b"\r\n", b"\n").split(b"\n")
    parts = first.split()
    if not first.startswith(b"HTTP/") or len(parts) < 2:
        return Answer(0, {}, block)
    return Answer(int(parts[1]) if parts[1].isdigit() else 0, headers_of(lines), body)


def page_of(answer: Answer, longest: int) -> str | Refused:
    """The text of a page, as a browser reads it: bytes that are no characters are replaced."""
    body: bytes | None = answer.body
    if "chunked" in answer.headers.get("transfer-encoding", "").lower():
        body = (
            _joined(answer.body) or answer.body
        )  # many crawlers have joined the chunks, and left the header
    coding = answer.headers.get("content-encoding", "").strip().lower()
    if coding in ("gzip", "x-gzip", "deflate") and body:
        body = _unpacked(body, coding, longest)
        if body is None:
            return Refused("invalid_page", f"its {coding} is damaged, or holds more than {longest} bytes")
    elif coding not in ("", "identity", "gzip", "x-gzip", "deflate") and b"<" not in answer.body[:_LOOKED_AT]:
        return Refused("invalid_page", f"it is compressed by {coding}, which is not read")
    assert body is not None
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    said = _CHARSET.search(answer.headers.get("content-type", ""))
    meta = None if said else _META.search(body[:_LOOKED_AT])
    name = said[1] if said else meta[1].decode() if meta else "utf-8"
    return _decoded(body, name)


def _decoded(body: bytes, charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
        "".encode(name)
    except (LookupError, ValueError):
        name = "utf-8"
    name = "cp1252" if name in _WINDOWS else name
    try:
        return body.decode(name)
    except UnicodeError:
        pass
    try:
        return body.decode("utf-8")
    except UnicodeError:
        return body.decode("cp1252" if name == "utf-8" else name, "replace")


def _joined(body: bytes) -> bytes | None:
    """The chunks of a body; None where it has none."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\n", at, at + 100)
        said = body[at : max(end, at)].split(b";")[0].strip()
        try:
            size = int(said, 16)
        except ValueError:
            return None
        if size == 0:
            return b"".join(parts)
        part = body[end + 1 : end + 1 + size]
        if len(part) < size or size < 0:
            return None
        parts.append(part)
        at = end + 1 + size
        at += 2 if body[at : at + 2] == b"\r\n" else 1


def _unpacked(body: bytes, coding: str, longest: int) -> bytes | None:
    """A compressed body unpacked; itself where a crawler has unpacked it before; None where it is damaged or too large."""
    gzip = coding.endswith("gzip")
    if gzip and not body.startswith(b"\x1f\x8b"):
        return body
    for bits in (31,) if gzip else (15, -15):
        member = zlib.decompressobj(wbits=bits)
        try:
            made = member.decompress(body, longest + 1)
        except zlib.error:
            continue
        return made if member.eof and len(made) <= longest else None
    return None if gzip else body
