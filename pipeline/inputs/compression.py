"""Compressed files: the endings that they are known by, and how each kind is unpacked, a little at a time.

This is the one place that knows them: what lists files, what guesses from first bytes, and what reads ask here.
"""

from typing import NamedTuple, Protocol, cast

__all__ = ["COMPRESSIONS", "ENDINGS", "Compression", "Member", "bare", "compression_of"]

# How much of the last kinds is unpacked at a time.
_OUT = 1 << 20
_ZSTD_WINDOW = 1 << 31  # what `zstd --long=31` writes
_XZ_MEMORY = 256 << 20  # `xz -9` needs 65 MiB


class Member(Protocol):
    """One gzip member, zstd frame, xz or bzip2 stream on its way, as their libraries have it."""

    @property
    def eof(self) -> bool:
        """Whether it has come to its end, checked."""

    @property
    def unused_data(self) -> bytes:
        """What of the bytes that were given is behind its end."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out of the bytes that were given."""

    def decompress(self, data: bytes, /) -> bytes:
        """Some of what the bytes so far, and these, stand for."""


class Compression(NamedTuple):
    """A kind of compression of whole files.

    `part` is what its library calls one of those that follow each other in a file, `feed` how many stored bytes it is given at
    a time, `padding` of how many zeros there may be multiples between parts (0: only behind the last, and any number; None:
    nowhere).
    """

    name: str
    part: str
    endings: tuple[str, ...]
    feed: int
    padding: int | None = None

    def begin(self) -> Member:
        """A new part. The libraries take one that just stops for a complete one: whoever feeds it looks at `eof`."""
        if self.name == "gzip":
            import zlib

            return _Whole(zlib.decompressobj(wbits=31))  # type: ignore[arg-type]
        if self.name == "zstd":
            import zstandard

            return _Whole(zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj())  # type: ignore[arg-type]
        if self.name == "xz":
            import lzma

            return _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY))
        import bz2

        return _Bounded(bz2.BZ2Decompressor())

    @property
    def pulled(self) -> bool:
        """Whether it is read through Arrow, which has its library, and not by `begin`."""
        return self.name == "lz4"

    def errors(self) -> tuple[type[Exception], ...]:
        """What its library raises for damaged bytes."""
        if self.name == "gzip":
            import zlib

            return (zlib.error,)
        if self.name == "zstd":
            import zstandard

            return (zstandard.ZstdError,)
        if self.name == "xz":
            import lzma

            return (lzma.LZMAError,)
        return (OSError, EOFError, ValueError)


# Four bytes of zstd can stand for 128 KiB and one of gzip for 1 KiB, so these feeds bound what a step gives to 32 and 16 MiB.
# Larger steps were not measurably faster. The libraries of xz and bzip2 can be told how much to give.
COMPRESSIONS = {
    one.name: one
    for one in (
        Compression("gzip", "member", (".gz", ".gzip"), 1 << 14, 0),
        Compression("zstd", "frame", (".zst", ".zstd"), 1 << 10),
        Compression("xz", "stream", (".xz",), 1 << 16, 4),
        Compression("bz2", "stream", (".bz2", ".bz"), 1 << 16),
        Compression("lz4", "frame", (".lz4",), 1 << 16),
    )
}
"""The kinds, by the name that an `InputFile` has for each."""

ENDINGS = {ending: one.name for one in COMPRESSIONS.values() for ending in one.endings}
"""The endings of compressed files, and by what."""


class _Pushed(Protocol):
    """What `zlib` and `zstandard` offer."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes: ...


class _Limited(Protocol):
    """What `lzma` and `bz2` offer."""

    eof: bool
    unused_data: bytes
    needs_input: bool

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Whole:
    """A part that gives all at once what the bytes stand for."""

    needs_input = True

    def __init__(self, inner: _Pushed) -> None:
        self._inner = inner
        self.decompress = inner.decompress

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


class _Bounded:
    """A part that gives a bounded amount at a time; for the rest it is given no bytes."""

    def __init__(self, inner: object) -> None:
        self._inner = cast(_Limited, inner)

    def decompress(self, data: bytes, /) -> bytes:
        return self._inner.decompress(data, _OUT)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return self._inner.eof or self._inner.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def compression_of(name: str) -> str:
    """By what a file is compressed, by the ending of its name in lower case; "none" if by nothing.

    >>> compression_of("x.jsonl.xz"), compression_of("x.jsonl"), compression_of(".gz")
    ('xz', 'none', 'none')
    """
    stem, dot, last = name.rpartition(".")
    return ENDINGS.get(dot + last, "none") if stem else "none"


def bare(name: str) -> str:
    """A name without the ending of a compression.

    >>> bare("x.csv.bz2"), bare("x.csv")
    ('x.csv', 'x.csv')
    """
    return name if compression_of(name) == "none" else name.rpartition(".")[0]
