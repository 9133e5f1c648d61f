"""The first lines of a file of JSON lines, read one by one: what planning looks at."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from pairloom.operators.documents import DeadLetter, excerpt_of
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.readers import First
from pairloom.pipeline.inputs.readers._json_line import Accepted, Refused, letter_of, read_line
from pairloom.pipeline.inputs.readers._json_records import (
    Value,
    json_columns,
    paths_in,
    records_of,
    values_at,
)
from pairloom.pipeline.inputs.shaping.paths import nearest
from pairloom.pipeline.inputs.shaping.records import Records, wanted_paths
from pairloom.pipeline.inputs.slices import Fields, InputFile
from pairloom.pipeline.inputs.storage import open_stream
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["first_lines", "first_records"]

Through: TypeAlias = Callable[[Stream], Stream] | None

_LINES = 16
_FIRST_BYTES = 1 << 17  # a first line that is longer is not looked at
_BOM = b"\xef\xbb\xbf"


def first_lines(file: InputFile, fields: Fields, through: Through = None) -> First:
    """The records of the first lines that are not blank, without the fields besides text and id."""
    wanted = Fields(text=fields.text, id=fields.id)
    accepted: list[Accepted] = []
    rejected: list[DeadLetter] = []
    for position, line in _lines(file, through):
        outcome = read_line(line, wanted)
        if isinstance(outcome, Accepted):
            accepted.append(outcome)
        else:
            row = len(accepted) + len(rejected)
            told = _with_nearest(outcome, line, wanted)
            rejected.append(letter_of(file, position, row, told, excerpt_of(line)))
    return First(usable=len(accepted), rejected=tuple(rejected))


def _with_nearest(refused: Refused, line: bytes, fields: Fields) -> Refused:
    """What is wrong, with the fields that are nearly called as one that is missing."""
    missing = {"missing_text": fields.text, "missing_id": fields.id}.get(refused.reason)
    near = "" if missing is None else nearest((missing,), paths_in(line))
    return refused._replace(detail=refused.detail.replace(";", f"{near};", 1)) if near else refused


def first_records(file: InputFile, fields: Fields, through: Through = None) -> Records | None:
    """The wanted fields of the first lines that are not blank, for shaping."""
    paths = wanted_paths(fields)
    found: list[tuple[int, int, bytes, list[Value]]] = []
    rejected: list[DeadLetter] = []
    for row, (position, line) in enumerate(_lines(file, through)):
        outcome = values_at(line, paths)
        if isinstance(outcome, Refused):
            rejected.append(letter_of(file, position, row, outcome, excerpt_of(line)))
        else:
            found.append((row, position, line, outcome))
    if not found and not rejected:
        return None
    values = [pa.array([one[3][k][1] for one in found], pa.large_string()) for k in range(len(paths))]
    kinds = np.array([[one[3][k][0] for one in found] for k in range(len(paths))], np.uint16)
    return records_of(
        columns=json_columns(paths, values, kinds.reshape(len(paths), len(found)), fields.list_separator),
        rows=np.array([one[0] for one in found], np.int64),
        position=lambda i: found[i][1],
        line=lambda i: found[i][2],
        rejected=tuple(rejected),
        stored=0,
    )


def _lines(file: InputFile, through: Through) -> Iterator[tuple[int, bytes]]:
    """The first lines that are not blank, and where each begins."""
    with open_stream(file) as stream:
        head = _head(stream if through is None else through(stream))
    check_head(file, head[:HEAD_BYTES])
    position, count = len(_BOM) if head.startswith(_BOM) else 0, 0
    lines = head[position:].split(b"\n")
    for line in lines if len(head) < _FIRST_BYTES else lines[:-1]:
        if line.strip(b" \t\r") and count < _LINES:
            count += 1
            yield position, line
        position += len(line) + 1


def _head(stream: Stream) -> bytes:
    """The first bytes of a stream: fewer only at its end."""
    head = bytearray()
    while len(head) < _FIRST_BYTES and (part := stream.read(_FIRST_BYTES - len(head))):
        head += part
    return bytes(head)
