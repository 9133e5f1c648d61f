"""Which inputs there are: the files of a source, and what reads each. Nothing is opened; file systems are asked.

The same files give the same list, in the same order.
"""

import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.inputs.patterns import find, matcher
from pairloom.pipeline.inputs.readers import Reader, format_of, readers_by_suffix
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["list_inputs"]

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
# Taking these for text would reject every one of them, or worse, not.
_UNREAD = (
    ".7z",
    ".avro",
    ".br",
    ".bz2",
    ".lz4",
    ".lzma",
    ".orc",
    ".rar",
    ".snappy",
    ".tar",
    ".tgz",
    ".xz",
    ".zip",
)


def list_inputs(source: CorpusSource) -> list[InputFile]:
    """The files of a source, sorted by URI; a file with several names is one, under the first.

    Raises RecipeError when a path matches no file, names a folder or a broken link, or when a file is of a kind that is
    not read; StorageError when storage does not answer.
    """
    excluded, suffixes = _exclusion(source.exclude), readers_by_suffix()
    files: dict[str, InputFile] = {}
    seen: set[str] = set()
    for path in source.paths:
        found = find(_expand(path), excluded)
        if not found:
            raise RecipeError(
                f"source {source.name!r}: {path} matches no file"
                f"{' that is not excluded' if source.exclude else ''}; correct the path or remove it"
            )
        for one in sorted(found):
            if one.same not in seen:
                seen.add(one.same)
                form, compression = _kind(one.uri, suffixes)
                files[one.uri] = InputFile(
                    source=source.name,
                    uri=one.uri,
                    size=one.size,
                    version=one.version,
                    format=form,
                    compression=compression,
                )
    return [files[uri] for uri in sorted(files)]


def _expand(path: str) -> str:
    path = path.replace("{stdlib}", sysconfig.get_path("stdlib"))
    if path.startswith("~"):
        try:
            return str(Path(path).expanduser())
        except RuntimeError as error:
            raise RecipeError(f"{path}: {error}; write the folder out") from error
    return path


def _exclusion(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path, or with a "/" behind it everything in a folder, is excluded."""
    expressions = []
    for pattern in map(_expand, patterns):
        bare = pattern.split("://", 1)[-1] if "://" in pattern else pattern
        anywhere = "://" not in pattern and not bare.startswith(("/", "**"))
        whole = f"**/{bare}" if anywhere else bare
        expressions.append((matcher(whole), whole.endswith("/**")))

    def excluded(path: str) -> bool:
        if path.endswith("/"):
            return any(deep and expression.fullmatch(path + "x") for expression, deep in expressions)
        return any(expression.fullmatch(path) for expression, _ in expressions)

    return excluded


def _kind(uri: str, suffixes: Mapping[str, type[Reader]]) -> tuple[str, str]:
    """Format and compression, by the ending of the name; what no reader knows is text."""
    name = uri.split("?", 1)[0] if uri.startswith(("http://", "https://")) else uri
    name = name.rsplit("/", 1)[-1].lower()
    stem, dot, last = name.rpartition(".")
    compression = _COMPRESSIONS.get(dot + last, "none") if stem else "none"
    if compression != "none":
        name = stem
    reader = format_of(name, suffixes)
    if reader is None and name.endswith(_UNREAD):
        raise RecipeError(
            f"{uri}: archives and this compression are not read; unpack it, use gzip or zstd, or exclude it"
        )
    if compression != "none" and reader is not None and not reader.compressed:
        raise RecipeError(f"{uri}: {reader.name} files compress inside; decompress this one, or exclude it")
    return ("text" if reader is None else reader.name), compression
