"""The first lines of a file of JSON lines, read one by one: what planning looks at."""

from pairloom.operators.documents import DeadLetter, excerpt_of
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.readers import First
from pairloom.pipeline.inputs.readers._json_line import Accepted, letter_of, read_line
from pairloom.pipeline.inputs.slices import Fields, InputFile
from pairloom.pipeline.inputs.storage import Stream, open_stream

__all__ = ["first_lines"]

_LINES = 16
_FIRST_BYTES = 1 << 17  # a first line that is longer is not looked at
_BOM = b"\xef\xbb\xbf"


def first_lines(file: InputFile, fields: Fields) -> First:
    """The records of the first lines that are not blank, without the fields besides text and id."""
    wanted = Fields(text=fields.text, id=fields.id)
    accepted: list[Accepted] = []
    rejected: list[DeadLetter] = []
    with open_stream(file) as stream:
        head = _head(stream)
    check_head(file, head[:HEAD_BYTES])
    position = len(_BOM) if head.startswith(_BOM) else 0
    lines = head[position:].split(b"\n")
    for line in lines if len(head) < _FIRST_BYTES else lines[:-1]:
        if line.strip(b" \t\r") and len(accepted) + len(rejected) < _LINES:
            outcome = read_line(line, wanted)
            if isinstance(outcome, Accepted):
                accepted.append(outcome)
            else:
                row = len(accepted) + len(rejected)
                rejected.append(letter_of(file, position, row, outcome, excerpt_of(line)))
        position += len(line) + 1
    return First(usable=len(accepted), rejected=tuple(rejected))


def _head(stream: Stream) -> bytes:
    """The first bytes of a stream: fewer only at its end."""
    head = bytearray()
    while len(head) < _FIRST_BYTES and (part := stream.read(_FIRST_BYTES - len(head))):
        head += part
    return bytes(head)
