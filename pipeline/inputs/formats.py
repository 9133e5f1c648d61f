"""What a file is by its name: the reader of its format, and by what it is compressed."""

from collections.abc import Callable, Mapping

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.inputs.compression import bare, compression_of
from pairloom.pipeline.inputs.readers import READERS, Reader, format_of
from pairloom.pipeline.inputs.slices import Reading

__all__ = ["OF_CSV", "is_archive", "is_unread_archive", "kind_of", "reading_for"]

OF_CSV = ("delimiter", "quote", "escape", "header")
"""What a `Reading` says of CSV."""

# Taking these for text would reject every one of them, or worse, not.
_ARCHIVES = (".7z", ".rar")
_UNREAD = (*_ARCHIVES, ".br", ".lzma", ".snappy")
_SHORT = {
    ".tgz": ".tar.gz",
    ".tbz": ".tar.bz2",
    ".tbz2": ".tar.bz2",
    ".txz": ".tar.xz",
    ".tzst": ".tar.zst",
}


def kind_of(
    uri: str,
    suffixes: Mapping[str, type[Reader]],
    declared: tuple[str, str | None] | None,
    head: Callable[[int], bytes],
) -> tuple[str, str]:
    """Format and compression, as `declared` or by the ending of the name; what no reader knows is text.

    `head` gives the first bytes, which are looked at only where a name says two things. Raises RecipeError for what is not read.
    """
    name = _name(uri)
    compression, name = compression_of(name), bare(name)
    if declared is not None:
        inside = not READERS.get(declared[0]).compressed
        return declared[0], declared[1] or ("none" if inside else compression)
    reader = format_of(name, suffixes)
    if reader is None and name.endswith(_UNREAD):
        raise RecipeError(
            f"{uri}: archives and compression of this kind are not read; unpack it, use zip, tar, gzip, zstd, xz, bzip2 or lz4, "
            "or exclude it"
        )
    if compression != "none" and reader is not None and not reader.compressed:
        if reader.magic and head(len(reader.magic)) == reader.magic:
            return reader.name, "none"
        raise RecipeError(f"{uri}: {reader.name} files compress inside; decompress this one, or exclude it")
    return ("text" if reader is None else reader.name), compression


def _name(uri: str) -> str:
    """The name of a file in lower case, short endings written out."""
    path = uri.split("?", 1)[0] if uri.startswith(("http://", "https://")) else uri
    name = path.rsplit("/", 1)[-1].lower()
    stem, dot, last = name.rpartition(".")
    return stem + _SHORT[dot + last] if stem and dot + last in _SHORT else name


def is_archive(uri: str, suffixes: Mapping[str, type[Reader]]) -> bool:
    """Whether a file is an archive that is read, by its name."""
    reader = format_of(bare(_name(uri)), suffixes)
    return reader is not None and reader.archive


def is_unread_archive(name: str) -> bool:
    """Whether a name is that of an archive that no reader reads."""
    return name.lower().endswith(_ARCHIVES)


def reading_for(said: Reading, form: str) -> Reading:
    """What a recipe says of files of one format; only that decides what is read of them, and of an archive all of it."""
    reader = READERS.get(form)
    if reader.archive:
        return said
    names = ["encoding"] if reader.encoded else []
    return said.only(*names, *(OF_CSV if form == "csv" else ()))
