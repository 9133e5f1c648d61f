"""Zip archives: their members are read as the files that they are; an archive is cut between members."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.readers import First, Reader
from pairloom.pipeline.inputs.readers._members import Member, chosen, documents, first_of, opened
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import open_input

__all__ = ["Zip"]

_ENCRYPTED = 1  # of a member's flags
_SOME = 8  # names, to say which there are


class Zip(Reader):
    """Zip archives, cut between members. Those of a slice are read in the order of the archive's list."""

    name = "zip"
    suffixes = (".zip",)
    compressed = False
    magic = b"PK\x03\x04"
    archive = True
    compiled = True  # for the JSON that it may hold

    def blocks(self, file: InputFile) -> list[int]:
        """The stored bytes of each member that is read. Raises DataError for an archive without its list, or a bomb."""
        with open_input(file) as handle:
            return [_weight(info) for info in _index(handle, file)[1]]

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """What the slice's members hold."""
        file = piece.file
        with open_input(file) as handle:
            archive, infos = _index(handle, file)
            some = infos[piece.start : piece.stop]
            total = sum(map(_weight, some))
            done = now = 0

            def members() -> Iterator[Member]:
                nonlocal done, now
                for info in some:
                    now = _weight(info)
                    yield _member(archive, info, file)
                    done, now = done + now, 0

            def used(part: float) -> int:
                return int(piece.bytes * (done + part * now) / total) if total else piece.bytes

            yield from documents(file, members(), fields, limits, used)

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """The first records of the first member."""
        with open_input(file) as handle:
            archive, infos = _index(handle, file)
            return first_of(file, (_member(archive, info, file) for info in infos), fields, limits)

    def inside(self, file: InputFile) -> Iterator[InputFile]:
        """The members that are read."""
        with open_input(file) as handle:
            archive, infos = _index(handle, file)
            for info in infos:
                with opened(file, _member(archive, info, file)) as inner:
                    yield inner


def _weight(info: zipfile.ZipInfo) -> int:
    return max(1, info.compress_size)


def _index(handle: BinaryIO, file: InputFile) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """The members that are read."""
    try:
        archive = zipfile.ZipFile(handle)
        infos = archive.infolist()
    except (
        zipfile.BadZipFile, struct.error, ValueError, OverflowError, EOFError, IndexError, NotImplementedError, MemoryError
    ) as error:  # fmt: skip
        raise DataError(
            f"{file.uri}: not a whole zip archive of {file.size} bytes: {error}; fetch or write it again"
        ) from error
    if sum(info.compress_size for info in infos) > file.size:
        raise DataError(
            f"{file.uri}: its members take more bytes than the archive has: they overlap, as only bombs do; exclude it"
        )
    found = [info for info in infos if not info.is_dir() and chosen(info.filename, file)]
    if not found and file.reading.members and infos:
        names = [info.filename for info in infos if not info.is_dir()]
        raise DataError(
            f"{file.uri}: the source's members match none of its {len(names):,} members, as {', '.join(names[:_SOME])}"
        )
    file.check_expansion(sum(info.file_size for info in found))
    return archive, found


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: InputFile) -> Member:
    return Member(info.filename, info.file_size, lambda: cast(BinaryIO, _Data(archive, info, file)))


class _Data:
    """The bytes of a member, read forwards; raises DataError where they are damaged."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: InputFile) -> None:
        self._uri, self._at = f"{file.uri}!/{info.filename}", 0
        if info.flag_bits & _ENCRYPTED:
            raise DataError(f"{self._uri}: it is encrypted; unpack the archive, or choose other members")
        try:
            self._data = archive.open(info)
        except NotImplementedError as error:
            raise DataError(f"{self._uri}: {error}; write the archive with deflate") from error
        except (zipfile.BadZipFile, struct.error, ValueError, EOFError, RuntimeError) as error:
            raise self._damaged(error) from error

    def read(self, size: int) -> bytes:
        try:
            data = self._data.read(size)
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged(error) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
            raise self._damaged(error) from error
        except Exception as error:  # of lzma, which need not be there
            if type(error).__name__ == "LZMAError":
                raise self._damaged(error) from error
            raise
        self._at += len(data)
        return data

    def _damaged(self, error: Exception) -> DataError:
        said = str(error) or type(error).__name__
        return DataError(
            f"{self._uri}: damaged at or before byte {self._at}: {said}; fetch or write the archive again"
        )
