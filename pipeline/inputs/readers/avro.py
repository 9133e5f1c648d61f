"""Avro object container files, by the library fastavro."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pairloom.pipeline.inputs.readers import Reader
from pairloom.pipeline.inputs.slices import Fields, Limits, Slice

if TYPE_CHECKING:
    from pairloom.operators.documents import DocumentBatch
    from pairloom.pipeline.inputs.shaping.records import Records

__all__ = ["Avro"]


class Avro(Reader):
    """Avro files, which are read from their beginning to their end; it needs `pip install "pairloom[avro]"`."""

    name = "avro"
    suffixes = (".avro",)
    compressed = False
    magic = b"Obj\x01"

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[DocumentBatch]":
        """The records of a file."""
        from pairloom.pipeline.inputs.readers._avro_blocks import objects_of
        from pairloom.pipeline.inputs.readers._objects import object_documents
        from pairloom.pipeline.inputs.storage import open_stream

        with open_stream(piece.file) as stream:
            objects = objects_of(stream, piece.file)
            yield from object_documents(objects, fields, piece.file, limits, piece.bytes)

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[Records]":
        """The wanted fields of the records of a file."""
        from pairloom.pipeline.inputs.readers._avro_blocks import objects_of
        from pairloom.pipeline.inputs.readers._objects import object_records
        from pairloom.pipeline.inputs.storage import open_stream

        with open_stream(piece.file) as stream:
            objects = objects_of(stream, piece.file)
            yield from object_records(objects, fields, piece.file, limits, piece.bytes)
