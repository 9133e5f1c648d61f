"""Text files: one file, one document."""

from collections.abc import Iterator

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.readers import Reader
from pairloom.pipeline.inputs.slices import Fields, Limits, Slice

__all__ = ["Text"]

_STEP = 1 << 20


class Text(Reader):
    """Text, byte for byte; every file whose name has no ending that a reader knows is one."""

    name = "text"
    suffixes = (".txt",)

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """The one document of a text file.

        An empty file is an empty document. A file that is not UTF-8 is rejected at its first bad byte.
        """
        from pairloom.pipeline.inputs.readers._text_lines import too_long
        from pairloom.pipeline.inputs.storage import open_stream

        file = piece.file
        if fields.extra:
            raise DataError(f"{file.uri}: plain text has no field {fields.extra[0]!r}")
        body = bytearray()
        with open_stream(file) as stream:
            while part := stream.read(_STEP):
                body += part
                if len(body) > limits.max_record_bytes:
                    raise too_long(file, "byte 0", limits.max_record_bytes)
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            letter = DeadLetter(
                uri=file.uri,
                position=f"byte {error.start}",
                row=0,
                reason="invalid_utf8",
                detail=f"byte {error.start} is 0x{body[error.start]:02x}: {error.reason}",
                excerpt=excerpt_of(body),
            )
            yield DocumentBatch.of([], uri=file.uri, rejected=[letter], bytes_read=piece.bytes)
            return
        yield DocumentBatch.of([text], uri=file.uri, bytes_read=piece.bytes)
