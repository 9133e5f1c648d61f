"""Text files: one file, one document."""

import codecs
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head, content_of, holds_json_lines, mismatch
from pairloom.pipeline.inputs.readers import First, Reader
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice

__all__ = ["Text"]

_STEP = 1 << 20
_FIRST = pa.array([0], pa.int64())


class Text(Reader):
    """Text, byte for byte; every file whose name has no ending that a reader knows is one, if its first bytes agree."""

    name = "text"
    suffixes = (".txt",)
    fielded = False
    encoded = True

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """The one document of a text file.

        An empty file is an empty document. A file that is not UTF-8 is rejected at its first bad byte.
        """
        file = piece.file
        _no_fields(file, fields)
        body = _body(file, fields.text or "", limits.max_record_bytes)
        if isinstance(body, DeadLetter):
            yield DocumentBatch.of([], uri=file.uri, rejected=[body], bytes_read=piece.bytes)
            return
        offsets = pa.py_buffer(np.array([0, len(body)], np.int64))
        text = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(body))  # no copy is made of it
        try:
            text.validate(full=True)
        except pa.ArrowInvalid:
            letter = _not_utf8(file, body)
            yield DocumentBatch.of([], uri=file.uri, rejected=[letter], bytes_read=piece.bytes)
            return
        yield DocumentBatch(content=text, row=_FIRST, uri=file.uri, bytes_read=piece.bytes)

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """How the document begins."""
        from pairloom.pipeline.inputs.storage import open_stream

        _no_fields(file, fields)
        with open_stream(file) as stream:
            head = stream.read(HEAD_BYTES)
        letter = _no_text(file, head, fields.text or "")
        return First(usable=1) if letter is None else First(rejected=(letter,))


def _body(file: InputFile, field: str, longest: int) -> bytes | bytearray | DeadLetter:
    """All bytes of a file, or the dead letter for one that is no text by how it begins."""
    from pairloom.pipeline.inputs.readers._text_lines import too_long
    from pairloom.pipeline.inputs.storage import open_stream, small_file

    if (whole := small_file(file)) is not None:
        if whole and (letter := _no_text(file, whole[:HEAD_BYTES], field)) is not None:
            return letter
        if len(whole) > longest:
            raise too_long(file, "byte 0", longest)
        return whole
    body = bytearray()
    with open_stream(file) as stream:
        while part := stream.read(_STEP):
            if not body and (letter := _no_text(file, part[:HEAD_BYTES], field)) is not None:
                return letter
            body += part
            if len(body) > longest:
                raise too_long(file, "byte 0", longest)
    return body


def _not_utf8(file: InputFile, body: bytes | bytearray) -> DeadLetter:
    """The dead letter for bytes that are not UTF-8."""
    decoder, at = codecs.getincrementaldecoder("utf-8")(), 0
    reason = "it is not UTF-8"
    with memoryview(body) as view:
        for start in range(0, len(body), _STEP):
            at = start - len(decoder.getstate()[0])  # where what is decoded next begins
            try:
                decoder.decode(view[start : start + _STEP], final=start + _STEP >= len(body))
            except UnicodeDecodeError as error:
                at, reason = at + error.start, error.reason
                break
    return DeadLetter(
        uri=file.uri,
        position=f"byte {at}",
        row=0,
        reason="invalid_utf8",
        detail=f"byte {at} is 0x{body[at]:02x}: {reason}",
        excerpt=excerpt_of(body),
    )


def _no_fields(file: InputFile, fields: Fields) -> None:
    """Raise DataError where more is asked for than the text."""
    if fields.where is not None:
        raise DataError(
            f"{file.uri}: plain text has no fields, and the source's where asks for some; leave one of them out"
        )
    for name in (*fields.extra, *(one.field for one in fields.attributes)):
        raise DataError(
            f"{file.uri}: plain text has no field {name!r}; leave it out of what the source asks for"
        )


def _no_text(file: InputFile, head: bytes, field: str) -> DeadLetter | None:
    """The dead letter for a file that is something else than text, unless the recipe says that it is text.

    Raises DataError for one that another reader would read.
    """
    if file.declared:
        return None
    name = file.uri.rsplit("/", 1)[-1]
    if holds_json_lines(head, field, named="." in name.removeprefix(".")):
        raise DataError(
            f"{file.uri}: it begins with a record of JSON Lines, and by its name it is a document of text; set the format of "
            "the source to jsonl, or to text"
        )
    content = content_of(head)
    if content is None:
        return None
    if content.format:
        check_head(file, head)
    return DeadLetter(
        uri=file.uri,
        position="byte 0",
        row=0,
        reason="not_text",
        detail=f"{mismatch(file, content)}; where it is text after all, set the source's format: text",
        excerpt=excerpt_of(head),
    )
