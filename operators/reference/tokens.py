"""Documents of tokens: lists of lists, and three words for each document."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.schema import INPUT_IDS, Column

__all__ = ["TWINS", "cut", "fingerprint", "rows"]

T = TypeVar("T")


def cut(documents: Sequence[Sequence[T]], pieces: Sequence[tuple[int, int, int]]) -> list[list[T]]:
    """Pieces (document, offset, length) as documents of their own.

    >>> cut(["abc", "d"], [(0, 1, 2), (1, 0, 1)])
    [['b', 'c'], ['d']]
    """
    return [list(documents[document][offset : offset + length]) for document, offset, length in pieces]


def rows(
    documents: Sequence[Sequence[T]], plan: Sequence[Sequence[tuple[int, int, int]]], seq_len: int, pad: T
) -> list[list[T]]:
    """A column of tokens in rows: the segments of each, one after another, and `pad` behind them.

    >>> rows(["abc", "d"], [[(0, 0, 2), (1, 0, 1)], [(0, 2, 1)]], 4, "-")
    [['a', 'b', 'd', '-'], ['c', '-', '-', '-']]
    """
    filled = [[value for piece in cut(documents, segments) for value in piece] for segments in plan]
    return [row + [pad] * (seq_len - len(row)) for row in filled]


def fingerprint(values: Mapping[Column, bytes], key: int, number: int, copy: int = 0) -> tuple[int, int, int]:
    """A hash of the bytes of a document's ids, and two of (key, number, copy, the bytes of all its columns)."""
    ids = next(data for column, data in values.items() if column.name == INPUT_IDS)
    further = sorted(
        (column for column in values if column.name != INPUT_IDS), key=lambda column: column.name
    )
    number ^= copy * 0x9E3779B97F4A7C15 % 2**64
    contents, words = [], []
    for again in (b"", b", again"):
        content = hash_bytes(ids, hash_bytes(b"pairloom: document content" + again))
        word = _mix(_mix(content ^ key) ^ number)
        for column in further:
            seed = f"pairloom: column {json.dumps(column.identity())}".encode()
            word = _mix(word ^ hash_bytes(values[column], hash_bytes(seed + again)))
        contents.append(content)
        words.append(word)
    return contents[0], words[0], words[1]


def _mix(x: int) -> int:
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


TWINS: Mapping[str, Callable[..., object]] = {
    "kernels.tokens:copy_documents": cut,
    "kernels.tokens:fingerprint_documents": fingerprint,
    "kernels.tokens:fingerprint_column": fingerprint,
    "pack.kernels.gather:gather_rows": rows,
}
