"""What stands in a file that nobody has described, by its first records: which field is its text, which its id."""

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pairloom.operators.errors import DataError, PairloomError, RecipeError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head, content_of
from pairloom.pipeline.inputs.readers import reader_of
from pairloom.pipeline.inputs.shaping.paths import Path, written
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.storage import first_bytes, open_input, open_stream
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["Looked", "look"]

_HEAD = 1 << 20
_RECORDS = 200
_MEMBERS = 1000
_TEXT_NAMES = ("text", "content", "body", "document", "article", "passage", "code", "raw_content")
_ID_NAMES = ("id", "_id", "uid", "uuid", "doc_id", "document_id", "url", "uri", "warc_record_id")
_EXTRACT = "[{extract: {by: trafilatura}}]"


class Looked(NamedTuple):
    """What a source of such files says of them; None and () where that need not be said."""

    text: str | None = None
    id: str | None = None
    others: tuple[str, ...] = ()
    format: str | None = None
    members: tuple[str, ...] = ()
    where: str | None = None
    steps: str | None = None


def look(file: InputFile) -> Looked:
    """The fields of text and id of a file, and others; raises PairloomError for one that has no text."""
    if not file.size:
        raise RecipeError(f"{file.uri} is empty")
    if reader_of(file).archive:
        return _look_inside(file)
    if file.format == "text":
        with open_stream(file) as stream:
            head = stream.read(1 << 16)
        content = content_of(head)
        if content is not None or b"\0" in head:
            raise RecipeError(f"{file.uri} is no text{'' if content is None else ': it is ' + content.says}")
        return Looked()
    if file.format == "warc":
        return _look_at_web(file)
    if file.format == "jsonl" and file.opened is None and _is_laid_out(file):
        form = "json" if file.compression == "none" else f"json.{file.uri.rpartition('.')[2].lower()}"
        return _chosen(_records(replace(file, format="json")), file)._replace(format=form)
    return _chosen(_records(file), file)


def _is_laid_out(file: InputFile) -> bool:
    """Whether a file is JSON over several lines, which only its content says."""
    with open_stream(file) as stream:
        head = stream.read(HEAD_BYTES)
    try:
        check_head(file, head)
    except DataError as error:
        return "format to json" in str(error)
    return False


def _look_inside(file: InputFile) -> Looked:
    """What most of the first members are, by their endings, of those that can be read."""
    counts = Counter[str]()
    found: dict[str, Looked] = {}
    why = f"{file.uri} has no file in it"
    for inner in itertools.islice(reader_of(file).inside(file), _MEMBERS):
        name = inner.uri.rsplit("/", 1)[-1]
        ending = name[name.find(".", 1) :] if "." in name[1:] else ""
        counts[ending] += 1
        if ending not in found and inner.size:
            try:
                found[ending] = look(inner)
            except PairloomError as error:
                why = str(error)
    if not found:
        raise RecipeError(why)
    most = max(found, key=lambda ending: counts[ending])
    return found[most] if len(counts) == 1 else found[most]._replace(members=(f"*{most}",))


def _look_at_web(file: InputFile) -> Looked:
    """Of web archives, what the first records are: texts, pages, or what is said of pages."""
    from pairloom.pipeline.inputs.readers._warc_records import warc_records

    wanted = frozenset({"conversion", "response", "resource", "metadata"})
    with open_stream(file) as stream:
        kinds = [
            record.headers["warc-type"].lower()
            for record in itertools.islice(warc_records(stream, file, wanted, 1 << 30), _RECORDS)
        ]
    if "conversion" in kinds:
        return Looked("text", "id", ("url", "date", "languages"))
    if "response" in kinds or "resource" in kinds:
        return Looked("html", "id", ("url", "date", "status"), where="html is not null", steps=_EXTRACT)
    if kinds:
        return Looked("json", "id", ("url", "date"))
    raise RecipeError(f"{file.uri} has no text and no page")


def _records(file: InputFile) -> list[Mapping[str, Any]]:
    """The first records of a file that has fields."""
    how: Callable[[InputFile], Iterator[Any]] = _READ.get(file.format, _of_lines)
    return [one for one in itertools.islice(how(file), _RECORDS) if isinstance(one, Mapping)]


def _of_parquet(file: InputFile) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with open_input(file) as handle:
        for batch in pq.ParquetFile(handle).iter_batches(batch_size=_RECORDS):
            yield from batch.to_pylist()


def _of_arrow(file: InputFile) -> Iterator[Any]:
    import pyarrow as pa

    magic = reader_of(file).magic
    with open_input(file) as handle:
        stream = (
            handle.read(len(magic)) != magic if file.opened else first_bytes(file.uri, len(magic)) != magic
        )
        handle.seek(0)
        reader = pa.ipc.open_stream(handle) if stream else pa.ipc.open_file(handle)
        try:
            batch = reader.read_next_batch() if stream else reader.get_batch(0)
        except (StopIteration, IndexError):
            return
        yield from batch.slice(0, _RECORDS).to_pylist()


def _of_orc(file: InputFile) -> Iterator[Any]:
    from pyarrow import orc

    with open_input(file) as handle:
        found = orc.ORCFile(handle)
        if found.nstripes:
            yield from found.read_stripe(0).slice(0, _RECORDS).to_pylist()


def _of_avro(file: InputFile) -> Iterator[Any]:
    from pairloom.pipeline.inputs.readers._avro_blocks import objects_of

    with open_stream(file) as stream:
        for one in objects_of(stream, file):
            yield one.value


def _of_csv(file: InputFile) -> Iterator[Any]:
    dialect = "excel-tab" if ".tsv" in file.uri.lower() else "excel"
    for row in csv.DictReader(io.StringIO(_first_lines(file)), dialect=dialect):
        yield dict(row)


def _of_lines(file: InputFile) -> Iterator[Any]:
    for line in _first_lines(file).splitlines():
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def _first_lines(file: InputFile) -> str:
    """The first lines of a file; of JSON in another layout, those that are made of it."""
    with open_stream(file) as opened:
        stream: Stream = opened
        if file.format == "json":
            from pairloom.pipeline.inputs.readers._json_whole import lines_of

            stream = lines_of(file)(opened)
        head = b""
        while len(head) < _HEAD and (piece := stream.read(_HEAD)):
            head += piece
    whole = head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1]
    return whole.decode("utf-8-sig", "replace")


_READ = {"parquet": _of_parquet, "arrow": _of_arrow, "orc": _of_orc, "avro": _of_avro, "csv": _of_csv}


def _chosen(records: list[Mapping[str, Any]], file: InputFile) -> Looked:
    """Which field is the text, which the id, and which others are in every record, with one value each."""
    if not records:
        raise RecipeError(f"{file.uri} has no record that can be read")
    flat = [dict(_values(record, ())) for record in records]
    texts = Counter[Path]()
    for record in flat:
        for path, value in record.items():
            if isinstance(value, str) and value:
                texts[path] += len(value)
    if not texts:
        keys = ", ".join(dict.fromkeys(key for record in records for key in record))
        raise RecipeError(f"{file.uri} has no field with text (fields: {keys})")
    long = [path for path in texts if texts[path] * 4 >= max(texts.values())]
    named = [path for name in _TEXT_NAMES for path in sorted(long, key=len) if path[-1] == name]
    text = (named or [texts.most_common(1)[0][0]])[0]
    known = [
        path for name in _ID_NAMES for path in sorted(flat[0], key=len) if path[-1] == name and path != text
    ]
    own = next((path for path in known if _tells_apart(flat, path)), None)
    others = [
        written(path)
        for path in flat[0]
        if path not in (text, own) and all(isinstance(one.get(path), str | int | float) for one in flat)
    ]
    return Looked(written(text), None if own is None else written(own), tuple(others))


def _values(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The fields of a record, those of objects in it too."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    for name, one in value.items():
        if name and len(path) < 16:
            yield from _values(one, (*path, str(name)))


def _tells_apart(records: list[dict[Path, Any]], path: Path) -> bool:
    """Whether a field is in every record, with another value in each."""
    values = [record.get(path) for record in records]
    return all(isinstance(value, str | int) and value != "" for value in values) and len(set(values)) == len(
        values
    )
