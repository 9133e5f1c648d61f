"""A recipe for files that nobody has described: which of them are read, where their text stands, and what it is called.

Folders are looked through and the first records of one file of each kind are read. What cannot be read is left out, and said.
"""

import csv
import glob
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.pipeline.inputs.compression import ENDINGS
from pairloom.pipeline.inputs.content import content_of
from pairloom.pipeline.inputs.listing import list_source
from pairloom.pipeline.inputs.readers import reader_of
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.storage import first_bytes, open_input, open_stream
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["Proposed", "propose", "vocabulary_size"]

_HEAD = 1 << 20
_RECORDS = 200
_TEXT_NAMES = ("text", "content", "body", "document", "article", "passage", "code", "raw_content")
_ID_NAMES = ("id", "_id", "uid", "uuid", "doc_id", "document_id", "url", "uri", "warc_record_id")
_HIDDEN = re.compile(r"(^|/)(\.|__pycache__/|node_modules/)")
# From so many bytes of text on, so many tokens are worth their embeddings.
_SIZES = (
    (0, 4096),
    (4_000_000, 8192),
    (40_000_000, 16_384),
    (400_000_000, 32_768),
    (8_000_000_000, 65_536),
    (10**11, 131_072),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A source: its name, the patterns of its `files` of `bytes` in all, and the fields of their text and id.

    `text` and `id` are None where the files have none, as plain text; `others` are further fields that documents have.
    """

    name: str
    paths: tuple[str, ...]
    files: int
    bytes: int
    text: str | None
    id: str | None
    others: tuple[str, ...] = ()


def propose(paths: Sequence[str]) -> tuple[list[Proposed], dict[str, str]]:
    """Sources for folders and files, one for each folder of a folder, and what was left out, with the reason.

    Raises RecipeError for a path that there is not, and where nothing can be read.
    """
    found: list[Proposed] = []
    left_out: dict[str, str] = {}
    for place, files in _places(paths):
        groups: dict[tuple[str | None, str | None, tuple[str, ...]], list[tuple[str, InputFile]]] = {}
        for ending, those in _by_ending(files).items():
            try:
                looked = [(str(path), _listed(path)) for path in those]
                fields = _fields(next((file for _, file in looked if file.size), looked[0][1]))
            except PairloomError as error:
                left_out[f"{place}/**/*{ending}"] = str(error)
                continue
            groups.setdefault(fields, []).extend(looked)
        for (text, own, others), looked in groups.items():
            found.append(
                Proposed(
                    name=_name(place, found),
                    paths=_patterns(place, [path for path, _ in looked]),
                    files=len(looked),
                    bytes=sum(file.size for _, file in looked),
                    text=text,
                    id=own,
                    others=others,
                )
            )
    if not found:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
        raise RecipeError(f"nothing to read in {', '.join(paths)}{': ' + why if why else ''}")
    return found, left_out


def vocabulary_size(text_bytes: int) -> int:
    """How many tokens to learn from so much text.

    >>> vocabulary_size(1_000_000), vocabulary_size(10**9)
    (4096, 32768)
    """
    return max(size for least, size in _SIZES if text_bytes >= least)


def _places(paths: Sequence[str]) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder that is to be a source of its own, with its files; a file that is named is one by itself."""
    for name in paths:
        path = Path(name)
        if path.is_file():
            yield path, [path]
        elif path.is_dir():
            here = [one for one in sorted(path.iterdir()) if one.is_file() and not one.name.startswith(".")]
            if here:
                yield path, here
            for folder in sorted(path.iterdir()):
                below = _below(folder) if folder.is_dir() and not folder.name.startswith((".", "__")) else []
                if below:
                    yield folder, below
        else:
            raise RecipeError(f"there is no file or folder {name}")


def _below(folder: Path) -> list[Path]:
    """All files below a folder, but for hidden ones."""
    found = [Path(top, name) for top, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if not _HIDDEN.search(path.relative_to(folder).as_posix()))


def _by_ending(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Files by the ending of their names, that of a compression included."""
    found: dict[str, list[Path]] = {}
    for path in files:
        endings = path.suffixes[-2:] if path.suffix.lower() in ENDINGS else path.suffixes[-1:]
        found.setdefault("".join(endings), []).append(path)
    return found


def _listed(path: Path) -> InputFile:
    """A file as the intake lists it; raises RecipeError for one that it does not read."""
    return list_source(CorpusSource(name="source", paths=(glob.escape(str(path)),))).files[0]


def _fields(file: InputFile) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The fields of text and id of a file, and others; raises PairloomError for one that has no text."""
    if not file.size:
        raise RecipeError(f"{file.uri} is empty")
    if file.format == "text":
        with open_stream(file) as stream:
            head = stream.read(1 << 16)
        content = content_of(head)
        if content is not None or b"\0" in head:
            raise RecipeError(f"{file.uri} is no text{'' if content is None else ': it is ' + content.says}")
        return None, None, ()
    return _chosen(_records(file), file)


def _records(file: InputFile) -> list[dict[str, Any]]:
    """The first records of a file that has fields."""
    if file.format == "parquet":
        import pyarrow.parquet as pq

        with open_input(file) as handle:
            batches = pq.ParquetFile(handle).iter_batches(batch_size=_RECORDS)
            first = next(iter(batches), None)
            return [] if first is None else first.to_pylist()
    if file.format == "arrow":
        return _arrow_records(file)
    with open_stream(file) as stream:
        head = b""
        while len(head) < _HEAD and (piece := stream.read(_HEAD)):
            head += piece
    whole = head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1]
    text = whole.decode("utf-8-sig", "replace")
    if file.format == "csv":
        dialect = "excel-tab" if ".tsv" in file.uri.lower() else "excel"
        return [
            dict(row)
            for row, _ in zip(
                csv.DictReader(io.StringIO(text), dialect=dialect), range(_RECORDS), strict=False
            )
        ]
    found = []
    for line in text.splitlines()[:_RECORDS]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _arrow_records(file: InputFile) -> list[dict[str, Any]]:
    import pyarrow as pa

    magic = reader_of(file).magic

    stream = first_bytes(file.uri, len(magic)) != magic
    with open_input(file) as handle:
        reader = pa.ipc.open_stream(handle) if stream else pa.ipc.open_file(handle)
        try:
            batch = reader.read_next_batch() if stream else reader.get_batch(0)
        except (StopIteration, IndexError):
            return []
        rows: list[dict[str, Any]] = batch.slice(0, _RECORDS).to_pylist()
        return rows


def _chosen(records: list[dict[str, Any]], file: InputFile) -> tuple[str, str | None, tuple[str, ...]]:
    """Which field is the text, which the id, and which others are in every record, with one value each."""
    if not records:
        raise RecipeError(f"{file.uri} has no record that can be read")
    texts = Counter[str]()
    for record in records:
        for key, value in record.items():
            if isinstance(value, str) and value:
                texts[key] += len(value)
    if not texts:
        keys = ", ".join(dict.fromkeys(key for record in records for key in record))
        raise RecipeError(f"{file.uri} has no field with text (fields: {keys})")
    named = next((name for name in _TEXT_NAMES if texts[name] * 4 >= max(texts.values())), None)
    text = named or texts.most_common(1)[0][0]
    own = next((name for name in _ID_NAMES if name != text and _tells_apart(records, name)), None)
    plain = (str, int, float, bool)
    others = [
        key
        for key in records[0]
        if key not in (text, own) and all(isinstance(record.get(key), plain) for record in records)
    ]
    return text, own, tuple(others)


def _tells_apart(records: list[dict[str, Any]], name: str) -> bool:
    """Whether a field is in every record, with another value in each."""
    values = [record.get(name) for record in records]
    return all(isinstance(value, str | int) and value != "" for value in values) and len(set(values)) == len(
        values
    )


def _patterns(place: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Patterns for files of a folder: one for each ending, and one for those that are in folders of it."""
    if place.is_file():
        return (glob.escape(str(place)),)
    found = dict.fromkeys(
        f"{glob.escape(str(place))}/{'**/' if Path(path).parent != place else ''}*{ending}"
        for ending, those in _by_ending([Path(path) for path in paths]).items()
        for path in map(str, those)
    )
    deep = [pattern for pattern in found if "/**/" in pattern]
    return tuple(
        pattern for pattern in found if pattern in deep or pattern.replace("/*", "/**/*", 1) not in deep
    )


def _name(place: Path, before: Sequence[Proposed]) -> str:
    """A name for a source that no other has."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", place.resolve().name.split(".")[0]).strip("-.") or "corpus"
    taken = {one.name for one in before}
    names = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(before) + 2))
    return next(name for name in names if name not in taken)
