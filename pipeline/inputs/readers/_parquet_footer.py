"""What a Parquet footer says of the stored bytes of each row group, read without Arrow's library.

That library throws where nobody can catch it, and ends the process, when a column is asked for its size whose metadata is
encrypted or whose statistics are damaged. The footer is a struct in Thrift's compact protocol; all but the sizes is skipped.
"""

from collections.abc import Iterator

__all__ = ["stored_bytes"]

_DEEPEST = 32
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
# Numbers of fields: of the file, of a row group, of a column chunk, of its metadata.
_ROW_GROUPS, _COLUMNS, _META_DATA, _COMPRESSED_SIZE = 4, 1, 3, 7


def stored_bytes(footer: bytes) -> list[int]:
    """The compressed bytes of the columns of each row group, encrypted ones left out; raises ValueError for a damaged footer."""
    try:
        return _Compact(footer).row_groups()
    except IndexError:
        raise ValueError("the footer ends within a value") from None


class _Compact:
    """A struct in the compact protocol, and how far it is read."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def row_groups(self) -> list[int]:
        """The sizes of the groups, of a footer."""
        sizes: list[int] = []
        for field, kind in self._fields():
            if field == _ROW_GROUPS and kind == _LIST:
                sizes += [self._group() for _ in range(self._structs())]
            else:
                self._skip(kind, 0)
        return sizes

    def _group(self) -> int:
        size = 0
        for field, kind in self._fields():
            if field == _COLUMNS and kind == _LIST:
                size += sum(self._column() for _ in range(self._structs()))
            else:
                self._skip(kind, 0)
        return size

    def _column(self) -> int:
        size = 0
        for field, kind in self._fields():
            if field == _META_DATA and kind == _STRUCT:
                size = self._compressed_size()
            else:
                self._skip(kind, 0)
        return size

    def _compressed_size(self) -> int:
        size = 0
        for field, kind in self._fields():
            if field == _COMPRESSED_SIZE and kind in _INTEGERS:
                number = self._varint()
                size = max(0, (number >> 1) ^ -(number & 1))
            else:
                self._skip(kind, 0)
        return size

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
