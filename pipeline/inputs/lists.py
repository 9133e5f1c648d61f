"""Lists that steps of a source look things up in: which files they are, and what is in them, as numbers.

Planning lists the files; what works reads them once a process, whatever their size: eight bytes for each entry, sixteen while
they are read.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import DocumentStep, Wanted
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import open_stream
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["FoundList", "bound", "find_lists", "list_numbers"]

_READ = 16 << 20
_LOADING = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundList:
    """A list as it was where the run was planned: its files, and the column of those that have columns."""

    step: str
    column: str
    files: tuple[InputFile, ...]

    def identity(self) -> list[object]:
        """What says which list it is."""
        return [self.column, [[file.uri, file.size, file.version] for file in self.files]]

    @property
    def bytes(self) -> int:
        """Stored bytes."""
        return sum(file.size for file in self.files)


def find_lists(source: CorpusSource) -> tuple[tuple[FoundList, ...], ...]:
    """The lists of each step of a source. Raises RecipeError for one that is not there."""
    return tuple(tuple(_found(source, step, wanted) for wanted in step.lists) for step in source.steps)


def bound(step: DocumentStep, lists: tuple[FoundList, ...]) -> DocumentStep:
    """A step that has what is in its lists."""
    return step.with_lists(tuple(map(list_numbers, lists))) if lists else step


def list_numbers(found: FoundList) -> npt.NDArray[np.int64]:
    """The numbers of all entries, ascending, each once; read once a process. Raises DataError for a list that is broken."""
    with _LOADING:
        return _numbers(found)


def _found(source: CorpusSource, step: DocumentStep, wanted: Wanted) -> FoundList:
    named = CorpusSource(name=source.name, paths=(wanted.uri,), text=wanted.column)
    try:
        return FoundList(step=step.label, column=wanted.column, files=tuple(list_inputs(named)))
    except RecipeError as error:
        said = str(error).removeprefix(f"source {source.name!r}: ")
        raise RecipeError(f"source {source.name!r}: the list of the step {step.label}: {said}") from error


@lru_cache(maxsize=8)
def _numbers(found: FoundList) -> npt.NDArray[np.int64]:
    parts = [document_numbers(entries) for file in found.files for entries in _entries(found, file)]
    numbers = np.concatenate([np.zeros(0, np.int64), *parts])
    del parts
    numbers.sort()
    numbers = numbers[np.append(True, numbers[1:] != numbers[:-1])] if len(numbers) else numbers
    numbers.setflags(write=False)
    return numbers


def _entries(found: FoundList, file: InputFile) -> Iterator[pa.Array]:
    if file.format == "text":
        yield from _lines(file)
        return
    # In a template with something else in it an integer is what it is called by.
    fields = Fields(text="#{" + found.column + "}")
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
            yield pc.utf8_slice_codeunits(batch.content, 1)


def _blocks(file: InputFile) -> int | None:
    from pairloom.pipeline.inputs.readers import reader_of

    blocks = reader_of(file).blocks(file)
    return None if blocks is None else len(blocks)


def _lines(file: InputFile) -> Iterator[pa.Array]:
    """The lines of a text file, without white space around them; blank ones are none."""
    rest = b""
    with open_stream(file) as stream:
        while data := stream.read(_READ):
            *lines, rest = (rest + data).split(b"\n")
            yield _stripped(file, lines)
    yield _stripped(file, [rest])


def _stripped(file: InputFile, lines: list[bytes]) -> pa.Array:
    filled = [line for line in map(bytes.strip, lines) if line]
    try:
        return pa.array(filled, pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise DataError(f"{file.uri}: a list of text is UTF-8, an entry to a line: {error}") from error
