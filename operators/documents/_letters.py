"""Dead letters: records that cannot be used, where they are and why."""

from typing import NamedTuple

__all__ = ["DeadLetter", "excerpt_of"]

_EXCERPT = 200


class DeadLetter(NamedTuple):
    """A record that cannot be used, where it is and why.

    `position` is "byte 1234" (in the decompressed file) or "row 17"; `row` is the record's index in its slice, as in
    `DocumentBatch.row`. `reason` is a short stable slug, `detail` what the parser said, `excerpt` at most 200 printable
    characters of the record, other characters written as escapes. (A tuple: a file of bad lines makes millions of them.)
    """

    uri: str
    position: str
    row: int
    reason: str
    detail: str
    excerpt: str


def excerpt_of(record: str | bytes | bytearray) -> str:
    r"""The first 200 printable characters of a record; everything else as an escape.

    >>> excerpt_of(b"caf\xc3\xa9\xff\n")
    'café\\xff\\n'
    """
    head = (
        record
        if isinstance(record, str)
        else bytes(record[: 4 * _EXCERPT]).decode("utf-8", "backslashreplace")
    )
    head = head[:_EXCERPT]
    if head.isprintable():
        return head
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in head)
    return "".join(shown)[:_EXCERPT]
