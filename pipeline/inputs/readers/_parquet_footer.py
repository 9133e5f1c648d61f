"""What a Parquet file says of the sizes of its columns, in its footer and before each page, read without Arrow's library.

That library throws where nobody can catch it, and ends the process, when a column is asked for its size whose metadata is
encrypted or whose statistics are damaged; and it asks for the memory that a page says it takes, whatever is in it. Both are
structs in Thrift's compact protocol; all but names and sizes is skipped.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Chunk", "Page", "column_chunks", "page_at"]

_DEEPEST = 32
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
# Numbers of fields: of the file, of a row group, of a column chunk, of its metadata, of the header of a page.
_ROW_GROUPS, _COLUMNS, _META_DATA, _CRYPTO = 4, 1, 3, 8
_PATH, _FULL_SIZE, _STORED_SIZE, _DATA_PAGES, _DICTIONARY_PAGE = 3, 6, 7, 9, 11
_PAGE_FULL_SIZE, _PAGE_STORED_SIZE = 2, 3


class Chunk(NamedTuple):
    """A column of a row group: its name, the first byte of its pages, their bytes as stored and decompressed, how they are."""

    column: str
    offset: int
    stored: int
    full: int
    encrypted: bool = False


class Page(NamedTuple):
    """The bytes of a page: of its header, stored behind that, and decompressed."""

    header: int
    stored: int
    full: int


def column_chunks(footer: bytes) -> list[list[Chunk]]:
    """The columns of each row group, encrypted ones left out; raises ValueError for a damaged footer."""
    try:
        return _Compact(footer).row_groups()
    except IndexError:
        raise ValueError("the footer ends within a value") from None


def page_at(data: bytes) -> Page | None:
    """The page whose header `data` begins with; None where the header is longer. Raises ValueError for a damaged one."""
    try:
        return _Compact(data).page()
    except IndexError:
        return None


class _Compact:
    """A struct in the compact protocol, and how far it is read."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def row_groups(self) -> list[list[Chunk]]:
        """The columns of the groups, of a footer."""
        groups: list[list[Chunk]] = []
        for field, kind in self._fields():
            if field == _ROW_GROUPS and kind == _LIST:
                groups += [self._group() for _ in range(self._structs())]
            else:
                self._skip(kind, 0)
        return groups

    def page(self) -> Page:
        """The sizes in the header of a page."""
        found = {_PAGE_FULL_SIZE: 0, _PAGE_STORED_SIZE: 0}
        for field, kind in self._fields():
            if field in found and kind in _INTEGERS:
                found[field] = self._integer()
            else:
                self._skip(kind, 0)
        return Page(self._at, found[_PAGE_STORED_SIZE], found[_PAGE_FULL_SIZE])

    def _group(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        for field, kind in self._fields():
            if field == _COLUMNS and kind == _LIST:
                chunks += [chunk for _ in range(self._structs()) if (chunk := self._column()) is not None]
            else:
                self._skip(kind, 0)
        return chunks

    def _column(self) -> Chunk | None:
        chunk, encrypted = None, False
        for field, kind in self._fields():
            if field == _META_DATA and kind == _STRUCT:
                chunk = self._meta_data()
            else:
                encrypted = encrypted or field == _CRYPTO
                self._skip(kind, 0)
        return chunk._replace(encrypted=encrypted) if chunk is not None else None

    def _meta_data(self) -> Chunk:
        names: list[str] = []
        found = dict.fromkeys((_FULL_SIZE, _STORED_SIZE, _DATA_PAGES, _DICTIONARY_PAGE), 0)
        for field, kind in self._fields():
            if field in found and kind in _INTEGERS:
                found[field] = max(0, self._integer())
            elif field == _PATH and kind == _LIST:
                count, inner = self._list()
                names = [self._text() if inner == _BINARY else "" for _ in range(count)]
            else:
                self._skip(kind, 0)
        offsets = [at for at in (found[_DATA_PAGES], found[_DICTIONARY_PAGE]) if at]
        return Chunk(
            names[0] if names else "", min(offsets, default=0), found[_STORED_SIZE], found[_FULL_SIZE]
        )

    def _integer(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _text(self) -> str:
        size = self._varint()
        self._pass(size)
        return self._data[self._at - size : self._at].decode("utf-8", "replace")

    def _fields(self) -> Iterator[tuple[int, int]]:
        """(number, type) of each field of a struct; who asks for the next has read the value of this one."""
        number = 0
        while (head := self._byte()) != 0:
            if head >> 4:
                number += head >> 4
            else:
                number = self._varint() >> 1
            yield number, head & 15

    def _structs(self) -> int:
        """How many structs are in the list that begins here."""
        count, kind = self._list()
        if count and kind != _STRUCT:
            raise ValueError("a list in the footer is of something else than it should be")
        return count

    def _list(self) -> tuple[int, int]:
        head = self._byte()
        return (self._varint() if head >> 4 == 15 else head >> 4), head & 15

    def _skip(self, kind: int, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("the footer nests too deep")
        if kind in (_TRUE, _FALSE):
            return
        if kind == _BYTE:
            self._pass(1)
        elif kind in _INTEGERS:
            self._varint()
        elif kind == _DOUBLE:
            self._pass(8)
        elif kind == _BINARY:
            self._pass(self._varint())
        elif kind in (_LIST, _SET):
            count, inner = self._list()
            for _ in range(count):
                self._element(inner, depth)
        elif kind == _MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._element(kinds >> 4, depth)
                self._element(kinds & 15, depth)
        elif kind == _STRUCT:
            for _, inner in self._fields():
                self._skip(inner, depth + 1)
        else:
            raise ValueError(f"the footer has a value of the unknown type {kind}")

    def _element(self, kind: int, depth: int) -> None:
        """A value in a list, where a truth value takes a byte too."""
        self._skip(_BYTE if kind in (_TRUE, _FALSE) else kind, depth + 1)

    def _pass(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            raise IndexError

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number in the footer is too long")
