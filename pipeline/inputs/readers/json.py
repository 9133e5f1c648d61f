"""JSON that is not a record a line: arrays of objects, and objects over several lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pairloom.pipeline.inputs.readers import First, Reader
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice

if TYPE_CHECKING:
    from pairloom.operators.documents import DocumentBatch
    from pairloom.pipeline.inputs.shaping.records import Records

__all__ = ["Json"]


class Json(Reader):
    """One JSON array of objects, or objects one after another, laid out in any way; a file is read as a whole.

    No name has this format, since most files with the ending .json hold JSON Lines: a recipe says `format: json`.
    """

    name = "json"
    suffixes = ()
    compiled = True
    encoded = True

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[DocumentBatch]":
        """The objects, as those of JSON Lines."""
        from pairloom.pipeline.inputs.readers._json_lines import read_lines
        from pairloom.pipeline.inputs.readers._json_whole import lines_of

        return read_lines(piece, fields, limits, lines_of(piece.file))

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[Records]":
        """The wanted fields of the objects."""
        from pairloom.pipeline.inputs.readers._json_lines import read_records
        from pairloom.pipeline.inputs.readers._json_whole import lines_of

        return read_records(piece, fields, limits, lines_of(piece.file))

    def first_records(self, file: InputFile, fields: Fields, limits: Limits) -> "Records | None":
        """The wanted fields of the first objects."""
        from pairloom.pipeline.inputs.readers._first_lines import first_records
        from pairloom.pipeline.inputs.readers._json_whole import lines_of

        return first_records(file, fields, lines_of(file))

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """The first objects."""
        from pairloom.pipeline.inputs.readers._first_lines import first_lines
        from pairloom.pipeline.inputs.readers._json_whole import lines_of

        return first_lines(file, fields, lines_of(file))
