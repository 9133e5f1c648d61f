"""What a reader is given: a part of one input file, as it was when the run was planned, and what is wanted of its records."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import BinaryIO

from pairloom.operators.attributes import Attribute
from pairloom.operators.errors import DataError, RecipeError

__all__ = ["EXPANSION", "FREE_BYTES", "Fields", "InputFile", "Limits", "Reading", "Slice", "check_encoding"]

EXPANSION = 250
"""A file may hold so many times its stored bytes. Text compresses to a fifth, the dullest logs to a hundredth."""
FREE_BYTES = 64 << 20
"""Whatever its size, a file may hold this much: that fits any machine."""

_NO_ENCODINGS = (
    "idna",
    "punycode",
    "unicode_escape",
    "raw-unicode-escape",
    "unicode-escape",
    "raw_unicode_escape",
    "undefined",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read, as far as a recipe says more than its name and first bytes do; "" and () leave it to these.

    `encoding` is that of its text, of which positions in messages are bytes as UTF-8; `delimiter`, `quote`, `escape` and `header`
    are those of CSV, where "none" quotes nothing. Of an archive, those members are read that a pattern of `members` matches, each
    as `member_format`.

    >>> Reading(encoding="latin-1").identity()
    {'encoding': 'latin-1'}
    """

    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    escape: str = ""
    header: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    member_format: str = ""

    def identity(self) -> dict[str, object]:
        """What is said, as JSON: all of it decides what is read."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in said.items() if value
        }

    def only(self, *names: str) -> "Reading":
        """The same, of which nothing but what is named is said."""
        return Reading(**{name: getattr(self, name) for name in names})


def check_encoding(name: str) -> None:
    """Raise ValueError for what is no encoding of text."""
    try:
        "a".encode(name).decode(name)
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"no encoding of text is called {name!r}; as latin-1, cp1252, utf-16") from error
    if codecs.lookup(name).name in _NO_ENCODINGS:
        raise ValueError(f"{name} is no encoding of files; as latin-1, cp1252, utf-16")


@cache
def _said(reading: Reading) -> dict[str, object]:
    """The identity of a way of reading, which is asked for with each of thousands of files."""
    return reading.identity()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One stored file, or one in an archive, which only its reader knows of: `opened` gives its bytes then.

    `uri` is canonical ("file:///data/x.jsonl", "s3://bucket/key"), `size` in stored bytes. `version` changes when the
    content does, as far as the file system can tell: an etag, a generation, a time of modification; "" if it tells
    nothing. `format` is the name of a reader (jsonl, parquet, …), which the recipe has said where `declared`; `compression`
    is none or one of `compression.COMPRESSIONS`. It may hold `max_expansion` times its stored bytes. A file of the Hub is read
    at `commit`, which is no part of what it is: a later commit may have the same file.
    """

    source: str
    uri: str
    size: int
    version: str
    format: str
    compression: str
    declared: bool = False
    max_expansion: int = EXPANSION
    commit: str = ""
    reading: Reading = Reading()
    opened: Callable[[], BinaryIO] | None = field(default=None, compare=False, repr=False)

    def identity(self) -> list[object]:
        """Everything about it that decides what is read of it, as JSON."""
        said = _said(self.reading)
        return [
            self.uri, self.size, self.version, self.format, self.compression, *([said] if said else [])
        ]  # fmt: skip

    @property
    def plain(self) -> bool:
        """Whether its stored bytes are those that are read, and any of them can be gone to."""
        return self.compression == "none" and not self.reading.encoding and self.opened is None

    def check_expansion(self, held: int, stored: int | None = None) -> None:
        """Raise DataError where what was read of the file so far is more than its stored bytes may stand for."""
        if held > FREE_BYTES and held > self.max_expansion * (self.size if stored is None else stored):
            raise DataError(
                f"{self.uri}: {self.size if stored is None else stored:,} stored bytes hold more than {held:,} bytes, over "
                f"{self.max_expansion} times as many (max_expansion); exclude the file, or raise the source's max_expansion"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a file, from `start` up to `stop`, of about `bytes` stored bytes.

    Of a file that may be cut anywhere (plain jsonl) it is a range of bytes, meaning the records that start in it; of one that
    has blocks, a range of these (Parquet: row groups, Arrow files: record batches). Everything else is whole, [0, 1). The
    slices of a file have `bytes` that sum to its size.
    """

    file: InputFile
    start: int
    stop: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields or columns of a record that are wanted: its text, perhaps its own id, `extra` ones by name, `attributes`.

    All of them may be paths, and the text a template over paths (`shaping.paths`); of the records only those are documents for
    which `where` is true (`shaping.where`). The texts of a list are joined by `list_separator`. A reader is asked to `read`
    plain names only; `raw` columns may be of any type. Without a text (None) that of every record is empty.
    """

    text: str | None = "text"
    id: str | None = None
    extra: tuple[str, ...] = ()
    where: str | None = None
    list_separator: str | None = None
    attributes: tuple[Attribute, ...] = ()
    raw: bool = False

    def __post_init__(self) -> None:
        if not all(self.names):
            raise RecipeError(f"the names of fields must not be empty, got {self}")

    @property
    def plain(self) -> bool:
        """Whether records are taken as they are, by the names of their fields."""
        return (
            self.text is not None
            and self.where is None
            and self.list_separator is None
            and not self.attributes
            and not any(c in name for name in self.names for c in "\\.{}")
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All names: the text, the id if there is one, the others."""
        own = tuple(name for name in (self.text, self.id) if name is not None)
        return (*own, *self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a reader may hold: about `batch_bytes` of text in a batch; a record of more than `max_record_bytes` is an error."""

    batch_bytes: int = 16 << 20
    max_record_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if self.batch_bytes < 1 or self.max_record_bytes < 1:
            raise RecipeError(
                f"batch_bytes={self.batch_bytes} and max_record_bytes={self.max_record_bytes} must be positive"
            )
