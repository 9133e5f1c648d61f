"""Text files: one file, one document."""

from collections.abc import Iterator

from pairloom.pipeline.inputs.readers.batch import Batch, DeadLetter, batch_of, excerpt_of
from pairloom.pipeline.inputs.readers.text_lines import too_long
from pairloom.pipeline.inputs.slices import Slice
from pairloom.pipeline.inputs.storage import open_stream

__all__ = ["read_whole"]

_STEP = 1 << 20


def read_whole(piece: Slice, max_record_bytes: int) -> Iterator[Batch]:
    """The one document of a text file, byte for byte.

    An empty file is an empty document. A file that is not UTF-8 is rejected at its first bad byte.
    """
    file = piece.file
    body = bytearray()
    with open_stream(file) as stream:
        while part := stream.read(_STEP):
            body += part
            if len(body) > max_record_bytes:
                raise too_long(file, "byte 0", max_record_bytes)
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
        yield batch_of([], None, [], [letter], piece.bytes)
        return
    yield batch_of([text], None, [0], [], piece.bytes)
