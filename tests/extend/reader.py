"""A format as a stranger would bring it: lines of text, a document each."""

from pairloom.operators.documents import DeadLetter, DocumentBatch
from pairloom.pipeline.inputs.readers import Reader


class Lines(Reader):
    """Files of lines, `<id> <text>`."""

    name = "lines"
    suffixes = (".lines",)

    def read(self, piece, fields, limits):
        from pairloom.pipeline.inputs.storage import open_stream

        with open_stream(piece.file) as stream:
            lines = b"".join(iter(lambda: stream.read(1 << 20), b"")).decode().splitlines()
        good = [(row, *line.split(" ", 1)) for row, line in enumerate(lines) if " " in line]
        letters = [
            DeadLetter(
                uri=piece.file.uri,
                position=f"line {row + 1}",
                row=row,
                reason="no_id",
                detail="",
                excerpt=line,
            )
            for row, line in enumerate(lines)
            if " " not in line
        ]
        yield DocumentBatch.of(
            [text for _, _, text in good],
            id=[name for _, name, _ in good] if fields.id else None,
            row=[row for row, _, _ in good],
            uri=piece.file.uri,
            rejected=letters,
            bytes_read=piece.bytes,
        )
