"""What the first bytes of a file say that it is, against what its name or the recipe says.

A name is a promise, the first bytes are a fact. Where they differ the file is refused, with what to write instead: JSON
Lines, Parquet or gzip under a name that no reader knows are never a document of text.
"""

import json
import re
from typing import NamedTuple

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.compression import ENDINGS
from pairloom.pipeline.inputs.slices import InputFile

__all__ = ["HEAD_BYTES", "Content", "check_head", "content_of", "holds_json_lines", "mismatch"]

HEAD_BYTES = 4096
"""So many bytes are looked at."""

_TAR_MARK = 257  # where a tar archive says that it is one
_UTF16_PAIRS = 16  # so many characters in a row with a zero byte beside each are no accident


class Content(NamedTuple):
    """What a file holds: in words, and what to do about it. `format` is the recipe's `format` that reads it, if one does."""

    says: str
    advice: str
    format: str = ""


_UNPACK = "unpack it and name the files in it, or exclude it"
_RECOMPRESS = "decompress it, or compress it by gzip, zstd, xz, bzip2 or lz4"
_EXTRACT = "extract its text first, bring a reader for it (entry point pairloom.readers), or exclude it"
_RECODE = "write it as UTF-8, or set the source's encoding: utf-16"
_EXPORT = "export it as Parquet or JSON Lines, or exclude it"

_MAGIC: tuple[tuple[bytes, Content], ...] = (
    (b"PAR1", Content("Parquet", "", "parquet")),
    (b"PARE", Content("Parquet with an encrypted footer", "write it without encryption")),
    (b"ARROW1", Content("an Arrow file", "", "arrow")),
    (b"\xff\xff\xff\xff", Content("an Arrow stream", "", "arrow")),
    (b"\x1f\x8b", Content("gzip", _RECOMPRESS, "gz")),
    (b"\x28\xb5\x2f\xfd", Content("zstd", _RECOMPRESS, "zst")),
    (b"\xfd7zXZ\0", Content("xz", _RECOMPRESS, "xz")),
    (b"BZh", Content("bzip2", _RECOMPRESS, "bz2")),
    (b"\x04\x22\x4d\x18", Content("lz4", _RECOMPRESS, "lz4")),
    (b"\xff\x06\0\0sNaPpY", Content("snappy", _RECOMPRESS)),
    (b"PK\x03\x04", Content("a zip archive", _UNPACK, "zip")),
    (b"PK\x05\x06", Content("an empty zip archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7z archive", _UNPACK)),
    (b"Rar!\x1a\x07", Content("a rar archive", _UNPACK)),
    (b"%PDF-", Content("a PDF", _EXTRACT)),
    (b"SQLite format 3\0", Content("an SQLite database", _EXPORT)),
    (b"Obj\x01", Content("Avro", "", "avro")),
    (b"ORC", Content("ORC", "", "orc")),
    (b"\x89HDF\r\n", Content("HDF5", _EXPORT)),
    (b"FEA1", Content("Feather version 1", "write it as Arrow IPC or Parquet")),
    (b"\x89PNG\r\n", Content("an image", "exclude it")),
    (b"\xff\xd8\xff", Content("an image", "exclude it")),
    (b"GIF8", Content("an image", "exclude it")),
    (b"\x7fELF", Content("a program", "exclude it")),
    (b"\x80\x02", Content("a Python pickle", _EXPORT)),
    (b"\x80\x04\x95", Content("a Python pickle", _EXPORT)),
    (b"\x80\x05\x95", Content("a Python pickle", _EXPORT)),
    (b"\x93NUMPY", Content("a numpy array", _EXPORT)),
    (b"WARC/", Content("a WARC archive: headers and pages, not text", _EXTRACT, "warc")),
    (
        b"version https://git-lfs.github.com/spec/",
        Content("a pointer of git-lfs, not the file", "fetch the file itself with `git lfs pull`"),
    ),
    (b"\xff\xfe\0\0", Content("UTF-32", _RECODE.replace("16", "32"))),
    (b"\0\0\xfe\xff", Content("UTF-32", _RECODE.replace("16", "32"))),
    (b"\xff\xfe", Content("UTF-16", _RECODE)),
    (b"\xfe\xff", Content("UTF-16", _RECODE)),
)
_BEGINNINGS = tuple(magic for magic, _ in _MAGIC)
_ARRAY = re.compile(rb'\[\s*\{\s*"[^"\\]*"\s*:')
_OPEN = re.compile(rb'\{\s*|\{\s*"[^"\\]*"\s*:.*[,\[{]\s*')  # how a line of an object ends that goes on
_HTML = (b"<!doctype html", b"<html")


def content_of(head: bytes) -> Content | None:
    r"""What the first bytes of a file say that it is; None where they say nothing, as those of text do.

    >>> content_of(b"PAR1\x15\x04").format, content_of(b"Once upon a time")
    ('parquet', None)
    """
    for magic, content in _MAGIC if head.startswith(_BEGINNINGS) else ():
        if head.startswith(magic) and not _is_text_after_all(magic, head):
            return content
    if head[_TAR_MARK : _TAR_MARK + 5] == b"ustar":
        return Content("a tar archive", _UNPACK, "tar")
    if _is_utf16(head):
        return Content("UTF-16", _RECODE)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()
    if start.startswith(_HTML):
        return Content("HTML: tags and scripts, not text", _EXTRACT)
    return None


def _is_text_after_all(magic: bytes, head: bytes) -> bool:
    """Whether bytes that a text may begin with as well, such as ORC, are followed by text."""
    return magic in (b"GIF8", b"ORC", b"BZh") and b"\0" not in head and _decodes(head)


def _decodes(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 > 0
    return True


def _is_utf16(head: bytes) -> bool:
    """Whether each of the first characters has a zero byte beside it, always on the same side."""
    start = head[: 2 * _UTF16_PAIRS]
    if len(start) < 2 * _UTF16_PAIRS:
        return False
    for zeros, letters in ((start[1::2], start[::2]), (start[::2], start[1::2])):
        if not zeros.strip(b"\0") and letters.count(0) == 0:
            return True
    return False


def holds_json_lines(head: bytes, field: str, *, named: bool) -> bool:
    r"""Whether a file that is taken for text begins with a record of JSON Lines.

    That is a line which is a JSON object, if another one follows it, if it has the field of the text, or where the file's
    name has no ending (`named`) that says anything else.

    >>> holds_json_lines(b'{"text": "a"}\n', "text", named=True), holds_json_lines(b"{\n  a: 1\n}", "text", named=False)
    (True, False)
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        return False
    line, newline, rest = start.partition(b"\n")
    if not newline and len(head) >= HEAD_BYTES:  # a long line: how it begins must do
        return line.startswith(b'{"') and (not named or f'"{field}"'.encode() in line)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and (not named or field in value or rest.lstrip().startswith(b"{"))


def check_head(file: InputFile, head: bytes) -> None:
    """Raise DataError where the first bytes of a file, decompressed, are those of another format than it is read as."""
    content = content_of(head)
    if content is not None and content.format != file.format:
        raise DataError(f"{file.uri}: {mismatch(file, content)}")
    if file.format != "jsonl":
        return
    what = "a JSON array" if _is_json_array(head) else "JSON over several lines" if _is_laid_out(head) else ""
    if what:
        raise DataError(
            f"{file.uri}: it is {what}, and JSON Lines are read: one object a line, without brackets and commas around them; set "
            "the source's format to json"
        )


def _is_json_array(head: bytes) -> bool:
    """Whether a file is one array of objects, and not a line for each of several arrays."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not _ARRAY.match(start):
        return False
    line, _, rest = start.partition(b"\n")
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return not rest.strip()


def _is_laid_out(head: bytes) -> bool:
    r"""Whether a file begins with an object that goes on over the end of its line.

    >>> _is_laid_out(b'{\n  "a": 1\n}'), _is_laid_out(b'{"a": 1}\n'), _is_laid_out(b'{"a": \n')
    (True, False, False)
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    line, newline, rest = start.partition(b"\n")
    if not newline or not line.startswith(b"{"):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        pass
    else:
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(start.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return len(head) >= HEAD_BYTES and _OPEN.fullmatch(line) is not None and not rest.startswith(b"{")
    return end > len(line.decode("utf-8", "replace"))


def mismatch(file: InputFile, content: Content) -> str:
    """What is said of a file whose first bytes are those of something else than it is read as."""
    within = "" if file.compression == "none" else f" within {file.compression}"
    said = f"its first bytes{within} are those of {content.says}, and it is read as {file.format}"
    if file.opened is not None and content.format in ("zip", "tar"):
        return f"{said}: an archive in an archive is not read; unpack it, or choose other members with the source's members"
    if file.opened is not None and content.format:
        return f"{said}; give it the ending of what it is"
    if within and content.format == "tar":
        return f"{said}; set the format of the source to tar"
    if within and content.format:
        return f"{said}; decompress it"
    if "." + content.format in ENDINGS:
        known = "jsonl" if file.format == "text" else file.format
        return f"{said}; name it *.{content.format} or set the source's format: {known}.{content.format}, or decompress it"
    return (
        f"{said}; {f'set the format of the source to {content.format}' if content.format else content.advice}"
    )
