"""Records that a reader has as objects of Python's own values: their fields, as those of JSON."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.pipeline.inputs.readers._json_line import Refused
from pairloom.pipeline.inputs.readers._json_records import Value, json_columns, paths_of, values_in
from pairloom.pipeline.inputs.shaping.records import Records, documents_of, wanted_paths
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits

__all__ = ["Object", "object_documents", "object_records"]


class Object(NamedTuple):
    """A record: its fields, or why it has none; where it is, about how many bytes it holds, the stored bytes up to its end."""

    value: Mapping[str, Any] | Refused
    place: str
    size: int
    consumed: int


def object_documents(
    objects: Iterator[Object], fields: Fields, file: InputFile, limits: Limits, stored: int
) -> Iterator[DocumentBatch]:
    """The documents of records that take so many stored bytes together."""
    return documents_of(object_records(objects, fields, file, limits, stored), fields, file, limits)


def object_records(
    objects: Iterator[Object], fields: Fields, file: InputFile, limits: Limits, stored: int
) -> Iterator[Records]:
    """The wanted fields of records, in parts of about `limits.batch_bytes`."""
    part: list[Object] = []
    row = held = told = 0
    for one in objects:
        part.append(one)
        held += one.size
        if held >= limits.batch_bytes:
            yield _records(part, row, fields, file, one.consumed - told)
            row, held, told, part = row + len(part), 0, one.consumed, []
    if part or stored > told:
        yield _records(part, row, fields, file, stored - told)


def _records(part: list[Object], row: int, fields: Fields, file: InputFile, stored: int) -> Records:
    paths = wanted_paths(fields)
    good: list[tuple[int, list[Value]]] = []
    rejected: list[DeadLetter] = []
    for i, one in enumerate(part):
        found = one.value if isinstance(one.value, Refused) else values_in(one.value, paths)
        if isinstance(found, Refused):
            shown = "" if isinstance(one.value, Refused) else excerpt_of(str(dict(one.value)))
            rejected.append(DeadLetter(file.uri, one.place, row + i, found.reason, found.detail, shown))
        else:
            good.append((i, found))
    values = [pa.array([found[k][1] for _, found in good], pa.large_string()) for k in range(len(paths))]
    kinds = np.array([[found[k][0] for _, found in good] for k in range(len(paths))], np.uint16)

    def value(i: int) -> Mapping[str, Any]:
        found = part[good[i][0]].value
        assert not isinstance(found, Refused)
        return found

    return Records(
        columns=json_columns(paths, values, kinds.reshape(len(paths), len(good)), fields.list_separator),
        rows=np.array([row + i for i, _ in good], np.int64),
        place=lambda i: part[good[i][0]].place,
        excerpt=lambda i: str(dict(value(i))),
        paths=lambda i: paths_of(value(i)),
        rejected=tuple(rejected),
        stored=stored,
    )
