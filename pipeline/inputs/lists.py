"""Lists that steps of a source look things up in: which files they are, and what is in them, as numbers.

Planning lists the files; what works reads them once a process, whatever their size: eight bytes for each entry, sixteen while
they are read.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.content import HEAD_BYTES, content_of, holds_json_lines
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.models import Around, model_files, read_model, read_tokenizer
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import open_stream
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["FoundList", "bound", "entries_of", "find_lists"]

_READ = 16 << 20
_LOADING = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundList:
    """A list as it was where the run was planned: its files, and the column of those that have columns.

    Of a language model the files are its table and its tokenizer; those of a root are known by their SHA-256 (`sums`), and `around`
    are the special tokens that stood around its documents.
    """

    step: str
    column: str
    value: str | None = None
    names: bool = False
    vectors: bool = False
    model: bool = False
    tokenizer: bool = False
    sums: tuple[str, ...] = ()
    around: Around = ((), ())
    files: tuple[InputFile, ...]

    def identity(self) -> list[object]:
        """What says which list it is."""
        if self.sums:
            return ["model", list(self.sums), self.around]
        return [self.column, self.value, [[file.uri, file.size, file.version] for file in self.files]]

    @property
    def bytes(self) -> int:
        """Stored bytes."""
        return sum(file.size for file in self.files)


def find_lists(source: CorpusSource, hub: Repositories | None = None) -> tuple[tuple[FoundList, ...], ...]:
    """The lists of each step of a source. Raises RecipeError for one that is not there.

    `hub` is what the Hub has said already to whoever lists the sources of a recipe: lists there are at the commits that it has.
    """
    hub = hub or Repositories()
    return tuple(tuple(_found(source, step, wanted, hub) for wanted in step.lists) for step in source.steps)


def bound(step: DocumentStep, lists: tuple[FoundList, ...]) -> DocumentStep:
    """A step that has what is in its lists."""
    return step.with_lists(tuple(map(entries_of, lists))) if lists else step


def entries_of(found: FoundList) -> Entries:
    """All entries, read once a process; of several equal ones the first. Raises DataError for a list that is broken."""
    with _LOADING:
        return _read_once(found)


def _found(source: CorpusSource, step: DocumentStep, wanted: Wanted, hub: Repositories) -> FoundList:
    try:
        if wanted.model or wanted.tokenizer is not None:
            return _found_model(source, step, wanted, hub)
        named = CorpusSource(name=source.name, paths=(wanted.uri,), text=wanted.column)
        return FoundList(
            step=step.label,
            column=wanted.column,
            value=wanted.value,
            names=wanted.names,
            vectors=wanted.vectors,
            files=tuple(list_inputs(named, hub=hub)),
        )
    except RecipeError as error:
        said = str(error).removeprefix(f"source {source.name!r}: ")
        raise RecipeError(f"source {source.name!r}: the list of the step {step.label}: {said}") from error


def _found_model(source: CorpusSource, step: DocumentStep, wanted: Wanted, hub: Repositories) -> FoundList:
    uris, sums, around = model_files(wanted) if wanted.model else ((str(wanted.tokenizer),), (), ((), ()))
    files = [
        file
        for uri in uris
        for file in list_inputs(CorpusSource(name=source.name, paths=(uri,), text="text"), hub=hub)
    ]
    if len(files) != len(uris):
        raise RecipeError(f"{len(files)} files are named where {len(uris)} are wanted: write out which")
    alone = not wanted.model
    return FoundList(
        step=step.label,
        column="",
        model=wanted.model,
        tokenizer=alone,
        sums=sums,
        around=around,
        files=tuple(files),
    )


@lru_cache(maxsize=8)
def _read_once(found: FoundList) -> Entries:
    if found.tokenizer:
        return read_tokenizer(found.step, *found.files)
    if found.model:
        return read_model(found.step, found.files, found.sums, found.around)
    from pairloom.operators.selection.order import (
        document_numbers,
    )  # a plan finds lists, and needs no kernels for it

    numbers, written = [np.zeros(0, np.int64)], []
    values: list[npt.NDArray[np.float64]] = []
    for file in found.files:
        for names, some in _entries(found, file):
            numbers.append(document_numbers(names))
            if found.names:
                written.append(names)
            if some is not None:
                values.append(some)
    whole = np.concatenate(numbers)
    del numbers
    if found.value is None:
        whole.sort()
        whole = whole[np.append(True, whole[1:] != whole[:-1])] if len(whole) else whole
        whole.setflags(write=False)
        return Entries(whole, names=pa.concat_arrays(written) if written else None)
    whole, first = np.unique(whole, return_index=True)
    if len(widths := {some.shape[1:] for some in values}) > 1:
        raise DataError(f"{found.step}: column {found.value!r} has vectors of different lengths")
    empty = np.zeros((0, *next(iter(widths), ())))
    return Entries(whole, np.concatenate([empty, *values])[first])


def _entries(found: FoundList, file: InputFile) -> Iterator[tuple[pa.Array, npt.NDArray[np.float64] | None]]:
    """The entries of a file, and the value of each if it has any."""
    if file.format == "text":
        if found.value is not None:
            raise DataError(
                f"{found.step}: {file.uri}: plain text has no column {found.value!r}; write Parquet, JSON Lines or CSV"
            )
        for lines in _lines(file):
            yield lines, None
        return
    # In a template with something else in it an integer is what it is called by.
    fields = Fields(text="#{" + found.column + "}", extra=() if found.value is None else (found.value,))
    end = file.size if file.format == "jsonl" and file.compression == "none" else 1
    pieces = [Slice(file=file, start=0, stop=end, bytes=file.size)]
    if (blocks := _blocks(file)) is not None:
        pieces = [Slice(file=file, start=k, stop=k + 1, bytes=0) for k in range(blocks)]
    for piece in pieces:
        for batch in read(piece, fields, Limits()):
            if batch.rejected:
                letter = batch.rejected[0]
                raise DataError(
                    f"{found.step}: {letter.uri}, {letter.position}: {letter.reason}: {letter.detail}; a list must be whole: "
                    "correct it, or name its column"
                )
            yield pc.utf8_slice_codeunits(batch.content, 1), _values(found, file, batch)


def _values(found: FoundList, file: InputFile, batch: DocumentBatch) -> npt.NDArray[np.float64] | None:
    if found.value is None:
        return None
    values = batch.fields[found.value]
    if found.vectors:
        return _vectors(found, file, values)
    try:
        numbers = values.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise DataError(f"{found.step}: {file.uri}: column {found.value!r} is no number: {error}") from error
    if numbers.null_count:
        raise DataError(
            f"{found.step}: {file.uri}: column {found.value!r} has {numbers.null_count:,} nulls: leave "
            "out entries without a number"
        )
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _vectors(found: FoundList, file: InputFile, values: pa.Array) -> npt.NDArray[np.float64]:
    """A row for each entry, from lists of numbers, which formats without types write as JSON."""
    where = f"{found.step}: {file.uri}: column {found.value!r}"
    if values.null_count:
        raise DataError(f"{where} has {values.null_count:,} nulls: leave out entries without a list")
    try:
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            values = pa.array([json.loads(one) for one in values.to_pylist()], pa.large_list(pa.float64()))
        lists = values.cast(pa.large_list(pa.float64()))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise DataError(f"{where} has no lists of numbers: {error}") from error
    widths = np.unique(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    flat = lists.flatten()
    if len(widths) > 1 or flat.null_count:
        raise DataError(
            f"{where} has lists of different lengths, or nulls in them: give each as many numbers"
        )
    found_values: npt.NDArray[np.float64] = flat.to_numpy(zero_copy_only=False)
    return found_values.reshape(len(lists), int(widths[0]) if len(widths) else 0)


def _blocks(file: InputFile) -> int | None:
    from pairloom.pipeline.inputs.readers import reader_of

    blocks = reader_of(file).blocks(file)
    return None if blocks is None else len(blocks)


def _lines(file: InputFile) -> Iterator[pa.Array]:
    """The lines of a text file, without white space around them; blank ones are none."""
    rest, first = b"", True
    with open_stream(file) as stream:
        while data := stream.read(_READ):
            if first:
                data = data.removeprefix(b"\xef\xbb\xbf")
                _check_first(file, data)
                first = False
            *lines, rest = (rest + data).split(b"\n")
            yield _stripped(file, lines)
    yield _stripped(file, [rest])


def _check_first(file: InputFile, data: bytes) -> None:
    """Raise DataError for a file that is something else than a list: its lines would be no ids, and nobody would notice."""
    head = data[:HEAD_BYTES]
    line = head.lstrip().partition(b"\n")[0].strip()
    found = content_of(head)
    if found is not None:
        said = f"its first bytes are those of {found.says}"
    elif holds_json_lines(head, "", named=False):
        said = "its first line is a JSON object"
    elif line[:1] in (b"[", b'"') and line[-1:] in (b"]", b'"', b","):
        said = "its first line is in brackets or quotes"
    else:
        return
    raise DataError(
        f"{file.uri}: a list of text is UTF-8, an entry to a line as it is, and {said}; give the file the ending of what it is "
        "(.jsonl, .csv, .parquet), or write it so"
    )


def _stripped(file: InputFile, lines: list[bytes]) -> pa.Array:
    filled = [line for line in map(bytes.strip, lines) if line]
    try:
        return pa.array(filled, pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise DataError(f"{file.uri}: a list of text is UTF-8, an entry to a line: {error}") from error
