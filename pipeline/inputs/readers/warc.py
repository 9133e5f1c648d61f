"""Web archives: WARC, WET and WAT."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.readers import First, Reader
from pairloom.pipeline.inputs.slices import FREE_BYTES, Fields, InputFile, Limits, Slice

if TYPE_CHECKING:
    from pairloom.operators.documents import DocumentBatch
    from pairloom.pipeline.inputs.readers._objects import Object
    from pairloom.pipeline.inputs.readers._warc_records import WarcRecord
    from pairloom.pipeline.inputs.shaping.records import Records

__all__ = ["Warc"]

_WANTED = frozenset({"conversion", "response", "resource", "metadata"})
_PAGES = ("text/html", "application/xhtml+xml")
_HINT = (
    'its records are pages, which have html and no text: set the source\'s text: html, where: "html is not null" and '
    "steps: [{extract: {by: trafilatura}}]"
)


class Warc(Reader):
    """WARC, WET and WAT files, as a rule compressed by gzip; one has no list of its records, so that it stays whole.

    A record has `id`, `type`, `url`, `date`, `languages`, `content_type`, `headers` (of WARC) and, by its type: `text` (an
    extracted text, as in WET), `status`, `http` (headers) and `html` (an answer of a server), `json` (as in WAT). Records that
    are only about others (requests, what crawled) are passed by.
    """

    name = "warc"
    suffixes = (".warc", ".wet", ".wat")
    magic = b"WARC/"

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[DocumentBatch]":
        """The records of a file."""
        from pairloom.pipeline.inputs.readers._objects import object_documents
        from pairloom.pipeline.inputs.storage import open_stream

        with open_stream(piece.file) as stream:
            objects = _objects(stream, piece.file, fields, limits)
            yield from object_documents(objects, fields, piece.file, limits, piece.bytes)

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> "Iterator[Records]":
        """The wanted fields of the records of a file."""
        from pairloom.pipeline.inputs.readers._objects import object_records
        from pairloom.pipeline.inputs.storage import open_stream

        with open_stream(piece.file) as stream:
            objects = _objects(stream, piece.file, fields, limits)
            yield from object_records(objects, fields, piece.file, limits, piece.bytes)

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """The first records. Raises DataError where text is asked for, and they are pages."""
        found = super().first(file, fields, limits)
        if not found.usable and any(
            "'html'" in one.detail and one.reason == "missing_text" for one in found.rejected
        ):
            raise DataError(f"{file.uri}: {_HINT}")
        return found


def _objects(stream: Any, file: InputFile, fields: Fields, limits: Limits) -> "Iterator[Object]":
    from pairloom.pipeline.inputs.readers._objects import Object
    from pairloom.pipeline.inputs.readers._warc_records import warc_records
    from pairloom.pipeline.inputs.shaping.records import wanted_paths

    paths = wanted_paths(fields)
    deep = any(path[0] == "json" and len(path) > 1 for path in paths)
    html = any(path[0] == "html" for path in paths)
    for record in warc_records(stream, file, _WANTED, limits.max_record_bytes):
        longest = min(limits.max_record_bytes, max(FREE_BYTES, file.max_expansion * len(record.block)))
        value = _value(record, longest, deep=deep, html=html)
        if value is not None:
            yield Object(value, f"byte {record.at}", len(record.block) + 512, record.consumed)


def _value(record: "WarcRecord", longest: int, *, deep: bool, html: bool) -> Any:
    """The fields of a record, why it cannot be used, or None for one that is about another."""
    headers = record.headers
    kind, form = headers.get("warc-type", "").lower(), headers.get("content-type", "").lower()
    found: dict[str, Any] = {
        "id": headers.get("warc-record-id", "").strip("<>"),
        "type": kind,
        "url": headers.get("warc-target-uri", "").strip("<>"),
        "date": headers.get("warc-date", ""),
        "languages": headers.get("warc-identified-content-language"),
        "content_type": form,
        "headers": headers,
    }
    if kind == "metadata":
        return _with_json(found, record.block, deep=deep) if "json" in form else None
    if kind == "response" and "http" in form:
        return _with_page(found, record.block, longest, html=html)
    if kind == "resource" and form.split(";")[0].strip() in _PAGES:
        return _with_page(found, record.block, longest, html=html)
    if kind == "response" or not form.startswith("text/"):
        return found
    return _with_text(found, record.block)


def _with_text(found: dict[str, Any], block: bytes) -> Any:
    from pairloom.pipeline.inputs.readers._json_line import Refused

    try:
        return found | {"text": block.decode("utf-8")}
    except UnicodeDecodeError as error:
        return Refused("invalid_utf8", f"byte {error.start} of the record's block: {error.reason}")


def _with_json(found: dict[str, Any], block: bytes, *, deep: bool) -> Any:
    import json

    from pairloom.pipeline.inputs.readers._json_line import Refused, object_of

    if not deep:
        said = _with_text(found, block)
        return said if isinstance(said, Refused) else found | {"json": said["text"]}
    value = object_of(block, json.JSONDecoder())
    return value if isinstance(value, Refused) else found | {"json": value}


def _with_page(found: dict[str, Any], block: bytes, longest: int, *, html: bool) -> Any:
    from pairloom.pipeline.inputs.readers._http import answer_of, page_of
    from pairloom.pipeline.inputs.readers._json_line import Refused

    answer = answer_of(block)
    form = answer.headers.get("content-type", found["content_type"]).lower()
    found |= {"status": answer.status, "http": answer.headers, "content_type": form}
    if form.split(";")[0].strip() not in _PAGES:
        return found
    page = page_of(answer, longest) if html else ""
    return page if isinstance(page, Refused) else found | {"html": page}
