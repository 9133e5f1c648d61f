"""Which inputs there are, and how they are cut into units of work.

Nothing here reads text: listing asks the file systems, planning reads the footers of Parquet and Arrow files. Both give
the same result for the same files, in the same order.
"""

import sysconfig
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, pairwise
from pathlib import Path

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.inputs.listing import find, matcher
from pairloom.pipeline.inputs.readers.ipc import record_batches
from pairloom.pipeline.inputs.readers.parquet import row_group_bytes
from pairloom.pipeline.inputs.slices import InputFile, Slice

__all__ = ["InputFile", "Slice", "Source", "Unit", "list_inputs", "plan_units"]

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "csv",
}
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
_FILES_IN_UNIT = 4096  # opening a file costs as much as reading many of its bytes
_FOOTERS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files of one kind and the field or column that holds their text.

    `paths` are local paths or URIs with globs; `~` is the home folder and `{stdlib}` that of the running Python's
    library. `exclude` are globs for whole paths; one that starts with neither "/", "~", "**" nor a scheme matches any
    end of a path. `id` names the field or column of the document's own id, if there is one.
    """

    name: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    text: str = "text"
    id: str | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.text or self.id == "":
            raise RecipeError(f"a source needs a name and names of fields that are not empty, got {self}")
        if any(isinstance(value, str) for value in (self.paths, self.exclude)):
            raise RecipeError(f"source {self.name!r}: paths and exclude are lists, not a single text")
        if not self.paths or not all(self.paths) or not all(self.exclude):
            raise RecipeError(f"source {self.name!r}: give at least one path, and no empty ones")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one task works on: slices of one source, in order."""

    source: str
    text: str
    id: str | None
    slices: tuple[Slice, ...]

    @property
    def bytes(self) -> int:
        """How many stored bytes the slices take, estimated."""
        return sum(piece.bytes for piece in self.slices)


def list_inputs(source: Source) -> list[InputFile]:
    """The files of a source, sorted by URI; a file with several names is one, under the first.

    Raises RecipeError when a path matches no file, names a folder or a broken link, or when a file is of a kind that is
    not read; StorageError when storage does not answer.
    """
    excluded = _exclusion(source.exclude)
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
                form, compression = _kind(one.uri)
                files[one.uri] = InputFile(
                    source=source.name,
                    uri=one.uri,
                    size=one.size,
                    version=one.version,
                    format=form,
                    compression=compression,
                )
    return [files[uri] for uri in sorted(files)]


def plan_units(source: Source, files: Sequence[InputFile], unit_bytes: int) -> list[Unit]:
    """Cut files into slices and group them, in order, into units of at most `unit_bytes` stored bytes, half that on average.

    Plain `.jsonl` is cut at multiples of `unit_bytes`, Parquet between row groups, Arrow files between record batches;
    the rest stays whole, so a unit may be larger. Raises RecipeError for `unit_bytes` below one, DataError for a file
    without its footer.
    """
    if unit_bytes < 1:
        raise RecipeError(f"unit_bytes must be at least 1, got {unit_bytes}")
    asked = [file for file in files if file.format in ("parquet", "arrow")]
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        blocks = dict(zip((file.uri for file in asked), pool.map(_block_weights, asked), strict=True))
    cut = [_slices(file, unit_bytes, blocks.get(file.uri)) for file in files]
    pieces = [piece for slices in cut for piece in slices]
    edges = [0, *_edges(pieces, unit_bytes), len(pieces)] if pieces else [0]
    return [_unit(source, pieces[start:stop]) for start, stop in pairwise(edges)]


def _edges(pieces: Sequence[Slice], unit_bytes: int) -> list[int]:
    """Where units begin, but for the first: what is too much for a unit is cut before its slice with the least hash.

    The parts are cut in the same way. So an edge depends on its neighbourhood alone, and an input that comes, goes or
    changes moves those beside it, if any: the tree of cuts is a treap (Aragon and Seidel, "Randomized search trees", 1989).
    A slice is where a range is cut if it has the least hash of the range: the widest such range begins after the last
    smaller hash before it, and ends before the first smaller one behind it.
    """
    hashes = [blake2b(f"{one.file.uri} {one.start}".encode(), digest_size=8).digest() for one in pieces]
    before = [0, *accumulate(piece.bytes for piece in pieces)]
    first, last = [0] * len(pieces), [len(pieces)] * len(pieces)
    smaller: list[int] = []  # slices with ascending hashes; the first slice begins a unit anyway
    for i in range(1, len(pieces)):
        while smaller and hashes[smaller[-1]] > hashes[i]:
            last[smaller.pop()] = i
        first[i] = smaller[-1] if smaller else 0
        smaller.append(i)
    return [
        i
        for i in range(1, len(pieces))
        if before[last[i]] - before[first[i]] > unit_bytes or last[i] - first[i] > _FILES_IN_UNIT
    ]


def _unit(source: Source, slices: list[Slice]) -> Unit:
    return Unit(source=source.name, text=source.text, id=source.id, slices=tuple(slices))


def _block_weights(file: InputFile) -> list[int] | None:
    """How large the row groups or record batches of a file are, beside each other; None where they cannot be told."""
    if file.format == "parquet":
        return row_group_bytes(file)
    count = record_batches(file)
    return None if count is None else [1] * count


def _slices(file: InputFile, unit_bytes: int, blocks: list[int] | None) -> list[Slice]:
    """The slices of a file; their bytes sum to its size."""
    if blocks is not None:
        return list(_grouped(file, blocks, unit_bytes))
    if file.format == "jsonl" and file.compression == "none":
        cuts = [*range(0, file.size, unit_bytes), file.size] if file.size else [0, 0]
        return [Slice(file=file, start=a, stop=b, bytes=b - a) for a, b in pairwise(cuts)]
    return [Slice(file=file, start=0, stop=1, bytes=file.size)]


def _grouped(file: InputFile, weights: list[int], unit_bytes: int) -> Iterator[Slice]:
    """Consecutive row groups or record batches, as many as fit in `unit_bytes`, at least one."""
    total = max(1, sum(weights))
    start, begun, done = 0, 0, 0
    for k, weight in enumerate(weights):
        after = file.size * (done + weight) // total
        before = file.size * done // total
        if k > start and after - begun > unit_bytes:
            yield Slice(file=file, start=start, stop=k, bytes=before - begun)
            start, begun = k, before
        done += weight
    yield Slice(file=file, start=start, stop=len(weights), bytes=file.size - begun)


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


def _kind(uri: str) -> tuple[str, str]:
    """Format and compression, by the extension."""
    name = uri.split("?", 1)[0] if uri.startswith(("http://", "https://")) else uri
    name = name.rsplit("/", 1)[-1].lower()
    stem, dot, last = name.rpartition(".")
    compression = _COMPRESSIONS.get(dot + last, "none") if stem else "none"
    if compression != "none":
        name = stem
    if name.endswith(_UNREAD):
        raise RecipeError(
            f"{uri}: archives and this compression are not read; unpack it, use gzip or zstd, or exclude it"
        )
    stem, dot, last = name.rpartition(".")
    form = _FORMATS.get(dot + last, "text") if dot else "text"
    if compression != "none" and form in {"parquet", "arrow"}:
        raise RecipeError(f"{uri}: {form} files compress inside; decompress this one, or exclude it")
    return form, compression
