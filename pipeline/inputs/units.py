"""How inputs are cut into units of work: slices of files, grouped.

Nothing here reads text: planning reads the footers of Parquet and Arrow files. The same files give the same units, in the
same order.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from pairloom.operators.documents import DocumentStep, spanned_by
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.lists import FoundList, find_lists
from pairloom.pipeline.inputs.readers import READERS, Reader
from pairloom.pipeline.inputs.slices import Fields, InputFile, Slice
from pairloom.pipeline.recipe import CorpusSource

if TYPE_CHECKING:
    from pairloom.operators.attributes import Attribute
    from pairloom.operators.documents import Spanned
    from pairloom.operators.given import Giver

__all__ = ["Unit", "fields_of", "plan_units", "shaping_of", "step_shaping", "usual_bytes"]

_LEAST, _MOST, _UNITS = 8_000_000, 128_000_000, 32  # of `usual_bytes`
_FILES_IN_UNIT = 4096  # opening a file costs as much as reading many of its bytes
_FOOTERS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one task works on: slices of one source, in order, what is read of their records, and what is done to these.

    `shaping` holds the identities of the steps, with those of their lists, as they were where the run was planned, as JSON;
    `lists` are the lists of each step.
    """

    source: str
    fields: Fields
    slices: tuple[Slice, ...]
    steps: tuple[DocumentStep, ...] = ()
    shaping: tuple[Any, ...] = ()
    lists: tuple[tuple[FoundList, ...], ...] = ()
    giver: "Giver | None" = None  # of records that bring tokens

    def identity(self, *, id: bool = True) -> dict[str, object]:  # noqa: A002
        """Everything about how documents are read that decides their text, and their ids if these matter."""
        read: dict[str, object] = {"text": self.fields.text}
        if id or any(map(_may_see_ids, self.steps)):
            read["id"] = self.fields.id
        if self.fields.where is not None:
            read["where"] = self.fields.where
        if self.fields.list_separator is not None:
            read["list_separator"] = self.fields.list_separator
        if self.giver is not None:
            read["given"] = self.giver.identity()
        if self.fields.attributes:
            read["columns"] = [one.identity() for one in self.fields.attributes]
        return read | ({"steps": list(self.shaping)} if self.steps else {})

    @property
    def spanned(self) -> "tuple[Spanned, ...]":
        """The columns of tokens that spans of the documents become."""
        giver = () if self.giver is None else self.giver.spanned
        return (*giver, *spanned_by(self.steps, [one.column.name for one in giver]))

    @property
    def attributes(self) -> "tuple[Attribute, ...]":
        """The columns of the documents: those that the recipe asks for, and those that come with what a record brings."""
        return (*self.fields.attributes, *(() if self.giver is None else self.giver.attributes))

    def also(self, *names: str) -> "Unit":
        """The same unit with more fields read of each record, but for names of columns, which it has anyway."""
        known = {*self.fields.extra, *(one.name for one in self.fields.attributes)}
        more = tuple(name for name in dict.fromkeys(names) if name not in known)
        return replace(self, fields=replace(self.fields, extra=(*self.fields.extra, *more)))

    def bare(self) -> "Unit":
        """The same unit without the columns that go into rows: what needs only the text reads no more."""
        return replace(self, fields=replace(self.fields, attributes=())) if self.fields.attributes else self

    def only(self, name: str) -> "Unit":
        """The same unit with one column of those that go into rows, if it has it."""
        kept = tuple(one for one in self.fields.attributes if one.name == name)
        return replace(self, fields=replace(self.fields, attributes=kept))

    @property
    def list_memory(self) -> int:
        """About how much memory the lists take while they are read; an entry seldom has fewer than eight stored bytes."""
        return sum(2 * one.bytes for lists in self.lists for one in lists)

    @property
    def bytes(self) -> int:
        """How many stored bytes the slices take, estimated."""
        return sum(piece.bytes for piece in self.slices)


def usual_bytes(size: int) -> int:
    """The most stored bytes of a unit of a source (or of a slice of a file) of so many, where a recipe says nothing.

    32 units and more, so that workers end together, of no less than 8 MB, which cost more to begin and to end than they gain. It
    depends on nothing but what is read, and is the same until that doubles: what was tokenized is known again by later runs,
    and by those on other machines.

    >>> usual_bytes(10**12), usual_bytes(938 * 10**6), usual_bytes(119 * 10**6)
    (128000000, 16777216, 8000000)
    """
    return min(_MOST, max(_LEAST, 1 << max(0, (size // _UNITS).bit_length() - 1)))


def plan_units(
    source: CorpusSource,
    files: Sequence[InputFile],
    unit_bytes: int | None,
    hub: Repositories | None = None,
) -> list[Unit]:
    """Cut files into slices and group them, in order, into units of at most `unit_bytes` stored bytes, half that on average.

    `hub` is what the Hub has said already, of lists that steps look things up in.

    Without `unit_bytes`, the files and the source have what is usual for their sizes (`usual_bytes`).
    What may be cut anywhere (plain `.jsonl`) is cut at multiples of `unit_bytes`, what has blocks between these (Parquet,
    Arrow); the rest stays whole, so a unit may be larger. Raises RecipeError for `unit_bytes` below one, DataError for a
    file without its footer.
    """
    if unit_bytes is not None and unit_bytes < 1:
        raise RecipeError(f"unit_bytes must be at least 1, got {unit_bytes}")
    readers = {name: READERS.get(name)() for name in {file.format for file in files}}
    asked = [file for file in files if _has_blocks(readers[file.format])]
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        weights = pool.map(lambda file: readers[file.format].blocks(file), asked)
        blocks = dict(zip((file.uri for file in asked), weights, strict=True))
    lists = find_lists(source, hub)
    shaping = shaping_of(source, lists)
    cut = [
        _slices(file, readers[file.format], unit_bytes or usual_bytes(file.size), blocks.get(file.uri))
        for file in files
    ]
    pieces = [piece for slices in cut for piece in slices]
    together = unit_bytes or usual_bytes(sum(file.size for file in files))
    edges = [0, *_edges(pieces, together), len(pieces)] if pieces else [0]
    return [_unit(source, shaping, lists, pieces[start:stop]) for start, stop in pairwise(edges)]


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


def shaping_of(source: CorpusSource, lists: tuple[tuple[FoundList, ...], ...]) -> tuple[Any, ...]:
    """The identities of a source's steps and of their lists.

    Raises RecipeError for a step whose code is not on this machine.
    """
    try:
        return tuple(step_shaping(step, some) for step, some in zip(source.steps, lists, strict=True))
    except RecipeError as error:
        raise RecipeError(f"source {source.name!r}: {error}") from error


def _may_see_ids(step: DocumentStep) -> bool:
    """Whether what a step does may depend on ids: it says so, or it is somebody else's code, which gets them."""
    return step.reads_ids or step.name == "python" or not type(step).__module__.startswith("pairloom.")


def step_shaping(step: DocumentStep, lists: tuple[FoundList, ...]) -> Any:
    """The identity of a step, with those of its lists."""
    return [step.identity(), [one.identity() for one in lists]] if lists else step.identity()


def fields_of(source: CorpusSource) -> Fields:
    """What is read of each record of a source."""
    giver = source.giver
    given = () if giver is None else giver.fields
    needs = tuple(dict.fromkeys([*given, *(name for step in source.steps for name in step.needs)]))
    return Fields(
        text=source.text if giver is None else None,
        id=source.id,
        extra=needs,
        where=source.where,
        list_separator=source.list_separator,
        attributes=source.attributes,
    )


def _unit(
    source: CorpusSource,
    shaping: tuple[Any, ...],
    lists: tuple[tuple[FoundList, ...], ...],
    slices: list[Slice],
) -> Unit:
    return Unit(
        source=source.name,
        fields=fields_of(source),
        slices=tuple(slices),
        steps=source.steps,
        shaping=shaping,
        lists=lists,
        giver=source.giver,
    )


def _has_blocks(reader: Reader) -> bool:
    """Whether a file must be looked at to know where it may be cut."""
    return type(reader).blocks is not Reader.blocks


def _slices(file: InputFile, reader: Reader, unit_bytes: int, blocks: Sequence[int] | None) -> list[Slice]:
    """The slices of a file; their bytes sum to its size."""
    if blocks is not None:
        return list(_grouped(file, blocks, unit_bytes))
    if reader.anywhere and file.plain:
        cuts = [*range(0, file.size, unit_bytes), file.size] if file.size else [0, 0]
        return [Slice(file=file, start=a, stop=b, bytes=b - a) for a, b in pairwise(cuts)]
    return [Slice(file=file, start=0, stop=1, bytes=file.size)]


def _grouped(file: InputFile, weights: Sequence[int], unit_bytes: int) -> Iterator[Slice]:
    """Consecutive blocks, as many as fit in `unit_bytes`, at least one."""
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
