"""Files in archives: which are read, and by which readers; what these make of them is what the archive holds.

A member is read as the file that it is, under the name `<uri of the archive>!/<its name>`: that is what messages and dead letters
name, with the place within it. The records of all members of a slice are counted on.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import BinaryIO, NamedTuple, cast

import pyarrow.compute as pc

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.formats import is_unread_archive, kind_of, reading_for
from pairloom.pipeline.inputs.patterns import matcher
from pairloom.pipeline.inputs.readers import First, first, read, reader_of, readers_by_suffix
from pairloom.pipeline.inputs.slices import FREE_BYTES, Fields, InputFile, Limits, Slice

__all__ = ["Member", "chosen", "documents", "first_of", "opened"]

_STEP = 1 << 20
_HIDDEN = "__MACOSX"  # where a Mac puts what it alone understands
_LOOKED_AT = 16  # members, for their first records


class Member(NamedTuple):
    """A file in an archive: its name, its bytes, and `open`, which gives them forwards and may be called once."""

    name: str
    size: int
    open: Callable[[], BinaryIO]


def chosen(name: str, file: InputFile) -> bool:
    """Whether a member is read: by the patterns of the source, and hidden ones only by a pattern that names what hides them."""
    hidden = any((part.startswith(".") and part.strip(".")) or part == _HIDDEN for part in name.split("/"))
    return any(
        (shows or not hidden) and expression.fullmatch(name)
        for expression, shows in _expressions(file.reading.members or ("**",))
    )


@lru_cache(64)
def _expressions(patterns: tuple[str, ...]) -> list[tuple[re.Pattern[str], bool]]:
    """Patterns as expressions for whole names, one without a folder for any, and whether they are meant for hidden ones."""
    return [
        (
            matcher(one if "/" in one or one == "**" else f"**/{one}"),
            one.startswith(".") or "/." in one or _HIDDEN in one,
        )
        for one in patterns
    ]


def documents(
    file: InputFile,
    members: Iterator[Member],
    fields: Fields,
    limits: Limits,
    used: Callable[[float], int],
) -> Iterator[DocumentBatch]:
    """What readers make of members; `used(part)` says how many stored bytes were needed for that part of the one at hand."""
    row = told = 0
    for member in members:
        with opened(file, member) as inner:
            seen, base, size = 0, row, max(1, inner.size)
            for batch in read(_whole(inner), fields, limits):
                seen, row = seen + batch.bytes_read, row + batch.records
                now = max(told, used(min(1.0, seen / size)))
                yield _moved(batch, base, now - told)
                told = now
    if (rest := used(1.0) - told) > 0:
        yield DocumentBatch.of([], uri=file.uri, bytes_read=rest)


def first_of(file: InputFile, members: Iterator[Member], fields: Fields, limits: Limits) -> First:
    """The first records of the first member that has any."""
    for _, member in zip(range(_LOOKED_AT), members, strict=False):
        if member.size:
            with opened(file, member) as inner:
                found = first(inner, fields, limits)
            if found.usable or found.rejected:
                return found
    return First()


def _whole(file: InputFile) -> Slice:
    reader = reader_of(file)
    blocks = reader.blocks(file)
    return Slice(file=file, start=0, stop=1 if blocks is None else len(blocks), bytes=file.size)


def _moved(batch: DocumentBatch, base: int, stored: int) -> DocumentBatch:
    """A batch of a member as one of the archive, of whose records so many came before the member's."""
    return replace(
        batch,
        row=pc.add(batch.row, base),
        refused={row + base: detail for row, detail in batch.refused.items()},
        rejected=tuple(letter._replace(row=letter.row + base) for letter in batch.rejected),
        bytes_read=stored,
    )


@contextmanager
def opened(file: InputFile, member: Member) -> Iterator[InputFile]:
    """A member as a file; what is not read forwards only is put aside, on disk if it is large."""
    uri, said = f"{file.uri}!/{member.name}", file.reading
    other = "unpack the archive, or choose other members with the source's members"
    try:
        declared = (said.member_format, None) if said.member_format else None
        form, compression = kind_of(member.name, readers_by_suffix(), declared, lambda _: b"")
    except RecipeError as error:
        what = "an archive in an archive" if is_unread_archive(member.name) else "compression of this kind"
        raise DataError(f"{uri}: {what} is not read; {other}") from error
    inner = InputFile(
        source=file.source,
        uri=uri,
        size=member.size,
        version=file.version,
        format=form,
        compression=compression,
        declared=declared is not None,
        max_expansion=file.max_expansion,
        reading=reading_for(said, form),
        opened=member.open,
    )
    reader = reader_of(inner)
    if reader.archive:
        raise DataError(f"{uri}: an archive in an archive is not read; {other}")
    if reader.compressed:
        yield inner
        return
    with tempfile.SpooledTemporaryFile(FREE_BYTES) as aside:
        handle = member.open()
        while part := handle.read(_STEP):
            aside.write(part)
        size = aside.tell()

        def again() -> BinaryIO:
            aside.seek(0)
            return cast(BinaryIO, aside)

        yield replace(inner, size=size, opened=again)
