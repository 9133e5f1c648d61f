"""The first lines of a file of JSON lines, read one by one: what planning looks at."""

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.pipeline.inputs.readers._json_line import Accepted, letter_of, read_line
from pairloom.pipeline.inputs.readers._text_lines import line_blocks
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice

__all__ = ["first_lines"]

_LINES = 16


def first_lines(file: InputFile, fields: Fields, limits: Limits) -> DocumentBatch:
    """The records of the first lines that are not blank, without the fields besides text and id."""
    piece = Slice(file=file, start=0, stop=file.size if file.compression == "none" else 1, bytes=file.size)
    wanted = Fields(text=fields.text, id=fields.id)
    accepted: list[Accepted] = []
    rejected: list[DeadLetter] = []
    for block in line_blocks(piece, limits.batch_bytes, limits.max_record_bytes):
        position = block.position + block.start
        for line in bytes(block.data[block.start : block.stop]).split(b"\n"):
            if line.strip(b" \t\r\n") and len(accepted) + len(rejected) < _LINES:
                outcome = read_line(line, wanted)
                if isinstance(outcome, Accepted):
                    accepted.append(outcome)
                else:
                    row = len(accepted) + len(rejected)
                    rejected.append(letter_of(file, position, row, outcome, excerpt_of(line)))
            position += len(line) + 1
        if accepted or rejected:
            break
    ids = None if fields.id is None else [one.id for one in accepted]
    return DocumentBatch.of([one.text for one in accepted], id=ids, uri=file.uri, rejected=rejected)
