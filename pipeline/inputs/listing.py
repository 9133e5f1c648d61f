"""Which inputs there are: the files of a source, and what reads each. File systems are asked, and files are not opened.

Only of a name that says two things, as x.parquet.gz, the first bytes are looked at.

The same files give the same list, in the same order.
"""

import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.hub.place import on_hub
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.compression import ENDINGS
from pairloom.pipeline.inputs.formats import OF_CSV, is_archive, kind_of, reading_for
from pairloom.pipeline.inputs.on_hub import find_on_hub
from pairloom.pipeline.inputs.own import Own
from pairloom.pipeline.inputs.patterns import Found, almost, find, matcher
from pairloom.pipeline.inputs.readers import READERS, Reader, readers_by_suffix
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.storage import first_bytes
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["Listed", "list_inputs", "list_source"]


class Listed(NamedTuple):
    """The files of a source, and the folders below its patterns that were left out because Pairloom wrote them."""

    files: list[InputFile]
    left_out: tuple[str, ...] = ()


def list_inputs(source: CorpusSource, root: str = "", hub: Repositories | None = None) -> list[InputFile]:
    """The files of a source, sorted by URI; see `list_source`."""
    return list_source(source, root, hub).files


def list_source(source: CorpusSource, root: str = "", hub: Repositories | None = None) -> Listed:
    """The files of a source, sorted by URI; a file with several names is one, under the first.

    `hub` is what the Hub has said already to whoever lists the sources of a recipe.

    What is in `root`, that of the run, in other roots and in exports is left out, unless a path leads right into it.

    Raises RecipeError when a path matches no file, names a folder or a broken link, or when a file is of a kind that is
    not read; StorageError when storage does not answer.
    """
    excluded, suffixes, own = _exclusion(source.exclude), readers_by_suffix(), Own(root)
    hub = hub or Repositories()
    declared = None if source.format is None else _declared(source, source.format)
    files: dict[str, InputFile] = {}
    seen: set[str] = set()
    for path in source.paths:
        found = find_on_hub(path, excluded, hub) if on_hub(path) else find(_expand(path), excluded, own)
        if not found:
            raise RecipeError(f"source {source.name!r}: {_no_file(path, source, own)}")
        for one in sorted(found):
            if one.same not in seen:
                seen.add(one.same)
                form, compression, inner = _kind(one, suffixes, declared)
                files[one.uri] = InputFile(
                    source=source.name,
                    uri=one.uri,
                    size=one.size,
                    version=one.version,
                    format=form,
                    compression=compression,
                    declared=declared is not None,
                    max_expansion=source.max_expansion,
                    commit=one.commit,
                    reading=reading_for(replace(source.reading, member_format=inner), form),
                )
    _check_used(source, list(files.values()))
    return Listed([files[uri] for uri in sorted(files)], tuple(sorted(own.met)))


def _check_used(source: CorpusSource, files: Sequence[InputFile]) -> None:
    """Raise RecipeError for a key that is about none of a source's files."""
    used = {name for file in files for name in file.reading.identity()}
    for name in source.reading.identity():
        if name not in used:
            key = f"csv.{name}" if name in OF_CSV else name
            raise RecipeError(
                f"source {source.name!r}: {key} says how to read files that it does not have: {files[0].uri} is read as "
                f"{files[0].format}; remove the key, or set the source's format"
            )


def _no_file(path: str, source: CorpusSource, own: Own) -> str:
    """What is said of a path that matches no file, or none that is to be read."""
    said = f"{path} matches no file{' that is not excluded' if source.exclude else ''}"
    if own.met:
        said += f", but for what Pairloom has written below {', '.join(sorted(own.met))}"
    hint = almost(_expand(path), own) if "://" not in path else ""
    return f"{said}{hint}; correct the path or remove it"


class _Declared(NamedTuple):
    """What the recipe says of files: the reader, the archive that they are in, the compression; None where names say that."""

    reader: str
    archive: str | None = None
    compression: str | None = None


def _declared(source: CorpusSource, form: str) -> _Declared:
    """A source's `format`, as jsonl, jsonl.gz, zip, tar.gz, or jsonl.tar.gz for members that are JSON Lines."""
    name, *endings = form.split(".")
    last = ENDINGS.get("." + endings[-1]) if endings else None
    archive = endings[0] if endings and "." + endings[0] not in ENDINGS else None
    try:
        reader, outer = READERS.get(name), READERS.get(archive or name)
    except RecipeError as error:
        raise RecipeError(f"source {source.name!r}: format: {error}") from error
    if archive is not None and (not outer.archive or reader.archive):
        raise RecipeError(
            f"source {source.name!r}: format: {form} names no files in an archive, as jsonl.zip does"
        )
    if last and not outer.compressed:
        raise RecipeError(
            f"source {source.name!r}: format: {outer.name} files compress inside; write {outer.name}"
        )
    return _Declared(name, archive, last)


def _kind(
    file: Found, suffixes: Mapping[str, type[Reader]], declared: _Declared | None
) -> tuple[str, str, str]:
    """Format and compression of a file, and the format of its members where it is an archive and the recipe says that."""
    uri = file.uri

    def head(size: int) -> bytes:
        return first_bytes(uri, size, file.commit)

    if declared is None:
        return (*kind_of(uri, suffixes, None, head), "")
    if declared.archive is not None:
        return (*kind_of(uri, suffixes, (declared.archive, declared.compression), head), declared.reader)
    if not READERS.get(declared.reader).archive and is_archive(uri, suffixes):
        return (*kind_of(uri, suffixes, None, head), declared.reader)
    return (*kind_of(uri, suffixes, (declared.reader, declared.compression), head), "")


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
