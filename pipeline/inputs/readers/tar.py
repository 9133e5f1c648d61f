"""Tar archives: their members are read as the files that they are, one after another."""

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast

from pairloom.operators.documents import DocumentBatch
from pairloom.pipeline.inputs.readers import First, Reader
from pairloom.pipeline.inputs.readers._members import Member, chosen, documents, first_of, opened
from pairloom.pipeline.inputs.readers._tar_headers import entries
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import open_stream
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["Tar"]


class Tar(Reader):
    """Tar archives, also compressed; one has no list of its members, so that it stays whole and is read by one task."""

    name = "tar"
    suffixes = (".tar",)
    archive = True
    compiled = True  # for the JSON that it may hold

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """What its members hold, in their order."""
        file = piece.file
        with open_stream(file) as stream:
            members = _members(stream, file)
            yield from documents(file, members, fields, limits, lambda _: min(stream.consumed, piece.bytes))

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """The first records of the first member."""
        with open_stream(file) as stream:
            return first_of(file, _members(stream, file), fields, limits)

    def inside(self, file: InputFile) -> Iterator[InputFile]:
        """The members that are read."""
        with open_stream(file) as stream:
            for member in _members(stream, file):
                with opened(file, member) as inner:
                    yield inner


def _members(stream: Stream, file: InputFile) -> Iterator[Member]:
    for entry in entries(stream, file):
        if chosen(entry.name, file):
            yield Member(entry.name, entry.size, partial(cast, BinaryIO, entry))
