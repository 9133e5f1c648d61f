"""JSON lines: a line, a record."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pairloom.pipeline.inputs.readers import First, Reader
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice

if TYPE_CHECKING:
    from pairloom.operators.documents import DocumentBatch
    from pairloom.pipeline.inputs.shaping.records import Records

__all__ = ["Jsonl"]


class Jsonl(Reader):
    """JSON lines; of a plain file, any range of bytes is a slice."""

    name = "jsonl"
    suffixes = (".jsonl", ".ndjson", ".json", ".jsonlines", ".jl")
    anywhere = True
    compiled = True
    encoded = True

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[DocumentBatch]":
        """The records of the lines that start in the slice; blank lines are none."""
        from pairloom.pipeline.inputs.readers._json_lines import read_lines

        return read_lines(piece, fields, limits)

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[Records]":
        """The wanted fields of the same lines, also from objects within them."""
        from pairloom.pipeline.inputs.readers._json_lines import read_records

        return read_records(piece, fields, limits)

    def first_records(self, file: InputFile, fields: Fields, limits: Limits) -> "Records | None":
        """The wanted fields of the first lines, read without compiled code."""
        from pairloom.pipeline.inputs.readers._first_lines import first_records

        return first_records(file, fields)

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """The records of the first lines, read without compiled code."""
        from pairloom.pipeline.inputs.readers._first_lines import first_lines

        return first_lines(file, fields)
