"""Readers: stored bytes in, clean documents and dead letters out; a format each, found by the endings of its files' names.

Every record of a slice is either among the documents of a batch or, with the reason, in its `rejected`. A file that is
broken as a whole (cut short, changed since planning, without the column) raises DataError instead: nothing is lost in
silence.

A format is a class in a file of this folder that is named as it is; another distribution brings one by an entry point:

    [project.entry-points."pairloom.readers"]
    warc = "my_package.warc:Warc"

Which files it reads is known before any of them is opened, so what takes long to import is imported by `blocks` and `read`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.registry import Registry
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice

if TYPE_CHECKING:  # planning makes no batches, which take long to import
    from pairloom.operators.documents import DeadLetter, DocumentBatch
    from pairloom.operators.given import Giver
    from pairloom.pipeline.inputs.shaping.records import Records

__all__ = ["READERS", "First", "Reader", "first", "format_of", "read", "reader_of", "readers_by_suffix"]


class First(NamedTuple):
    """How many of the first records of a file can be used, and the letters of the others."""

    usable: int = 0
    rejected: "tuple[DeadLetter, ...]" = ()


class Reader(ABC):
    """How the files of one format become documents.

    `name` is the format's name, `suffixes` are the endings (lower case, with their dot) of the names of its files.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    compressed: ClassVar[bool] = True
    """Whether a file may also be compressed as a whole (`compression.py`); False where the format compresses inside."""

    magic: ClassVar[bytes] = b""
    """What every file of the format begins with, if anything."""

    anywhere: ClassVar[bool] = False
    """Whether an uncompressed file may be cut at any byte: a slice of it means the records that start in it."""

    encoded: ClassVar[bool] = False
    """Whether its files are text, which may be of another encoding than UTF-8: `open_stream` gives UTF-8."""

    archive: ClassVar[bool] = False
    """Whether its files hold files, which other readers read and shape."""

    compiled: ClassVar[bool] = False
    """Whether it runs the kernels of this package, which are compiled then before there are documents."""

    fielded: ClassVar[bool] = True
    """Whether its records have fields; plain text has none."""

    def blocks(self, file: InputFile) -> Sequence[int] | None:
        """The weights of the parts between which a file may be cut, such as row groups; None where it stays whole.

        Raises DataError for a file that is not whole, StorageError when storage fails.
        """
        return None

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """The first records of a file, a few: enough to see whether it holds what the recipe says.

        Raises what `read` raises.
        """
        piece = Slice(file=file, start=0, stop=1, bytes=file.size)
        batch = next(iter(self.read(piece, fields, limits)), None)
        return First() if batch is None else First(usable=len(batch), rejected=batch.rejected)

    def inside(self, file: InputFile) -> Iterator[InputFile]:
        """Of an archive, the files in it that are read; each can be opened until the next is asked for."""
        return iter(())

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[Records]":
        """The wanted fields of the records of a slice, in order, whether they can be used or not; for shaping.

        Raises what `read` raises. A reader that has only plain fields need not know of it: it is asked to `read` them.
        """
        from pairloom.pipeline.inputs.readers._plain_records import plain_records

        return plain_records(self, piece, fields, limits)

    def first_records(self, file: InputFile, fields: Fields, limits: Limits) -> "Records | None":
        """The wanted fields of the first records of a file, a few; None where there are none."""
        return next(
            iter(self.records(Slice(file=file, start=0, stop=1, bytes=file.size), fields, limits)), None
        )

    @abstractmethod
    def read(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[DocumentBatch]":
        """The records of a slice, in order, in batches of about `limits.batch_bytes` of text.

        Each batch has `id` if `fields.id` is asked for and the format has fields, and every one of `fields.extra`. Batches
        may be empty, and their `bytes_read` sum to `piece.bytes`.

        Raises DataError for a file that is broken, changed or lacks the columns, and for a record of more than
        `limits.max_record_bytes`; StorageError when storage fails.
        """


READERS: Registry[Reader] = Registry(
    kind="reader",
    package="pairloom.pipeline.inputs.readers",
    base="pairloom.pipeline.inputs.readers:Reader",
    group="pairloom.readers",
)


def reader_of(file: InputFile) -> Reader:
    """The reader of a file; raises RecipeError where its format has none on this machine."""
    return READERS.get(file.format)()


def read(piece: Slice, fields: Fields, limits: Limits | None = None) -> "Iterator[DocumentBatch]":
    """The records of a slice, in order, by the reader of its format; see `Reader.read`.

    Memory is a few times `batch_bytes` or the longest record, for Arrow also one record batch, which can only be read whole.
    """
    reader, limits = reader_of(piece.file), limits or Limits()
    _check_fields(reader, piece.file, fields)
    if fields.plain or not reader.fielded or reader.archive:
        return reader.read(piece, fields, limits)
    from pairloom.pipeline.inputs.shaping.records import documents_of

    return documents_of(reader.records(piece, fields, limits), fields, piece.file, limits)


def first(file: InputFile, fields: Fields, limits: Limits, giver: "Giver | None" = None) -> First:
    """The first records of a file, as `Reader.first`, shaped as the recipe says; `giver` reads tokens that they bring.

    Raises DataError also where a field that is asked for is in none of them, and one that is nearly called so is.
    """
    reader = reader_of(file)
    _check_fields(reader, file, fields)
    if fields.plain or not reader.fielded or reader.archive:
        return reader.first(file, fields, limits)
    from pairloom.pipeline.inputs.shaping.records import check_paths, documents_of

    records = reader.first_records(file, fields, limits)
    if records is None:
        return First()
    batch = next(documents_of(iter([records]), fields, file, limits))
    batch = batch if giver is None else giver.read(batch)
    if giver is not None or (not len(batch) and not batch.rejected):
        check_paths(records, file, fields.where)
    return First(usable=len(batch), rejected=batch.rejected)


def _check_fields(reader: Reader, file: InputFile, fields: Fields) -> None:
    """Raise DataError where tokens are wanted of a format that has no fields."""
    if fields.text is None and not reader.fielded:
        raise DataError(
            f"{file.uri}: a {reader.name} file has no field with tokens; name files with fields, or leave the source's tokens out"
        )


def readers_by_suffix() -> dict[str, type[Reader]]:
    """The reader of each ending. Raises RecipeError where two readers have one."""
    found: dict[str, type[Reader]] = {}
    for reader in READERS.all().values():
        for suffix in reader.suffixes:
            if suffix in found:
                raise RecipeError(
                    f"the readers {found[suffix].name!r} and {reader.name!r} are both of *{suffix}: uninstall one of them"
                )
            found[suffix] = reader
    return found


def format_of(name: str, suffixes: Mapping[str, type[Reader]]) -> type[Reader] | None:
    """The reader of a file by the longest ending of its name (in lower case) that one has; None if none has any."""
    at = name.find(".")
    while at >= 0:
        if name[at:] in suffixes:
            return suffixes[name[at:]]
        at = name.find(".", at + 1)
    return None
