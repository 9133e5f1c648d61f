"""Codes of several codebooks for each step, as audio tokenizers give them, laid out for a model.

codes of three codebooks      flatten           parallel      delay (Copet et al., 2023, arXiv:2306.05284)
a0 a1 a2                      a0 b0 c0 a1 …     a0 a1 a2      a0 a1 a2 ·  ·       input_ids
b0 b1 b2                                        b0 b1 b2      ·  b0 b1 b2 ·       codes_1
c0 c1 c2                                        c0 c1 c2      ·  ·  c0 c1 c2      codes_2
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import RecipeError
from pairloom.operators.given.columns import Beside, surrounded
from pairloom.operators.given.giver import MISALIGNED, Giver, begun, checked_range, rejected
from pairloom.operators.given.lists import Faults, lists_of, nested_lists_of
from pairloom.operators.given.modality import Modality, Range
from pairloom.operators.schema import INPUT_IDS, Column

if TYPE_CHECKING:
    from pairloom.operators.encode import Tokenizer

__all__ = ["PATTERNS", "Codebooks", "arranged", "given_streams", "restored"]

PATTERNS = ("flatten", "delay", "parallel")
_RAW = np.dtype(np.uint32)
_CODES = "codes"  # all codes of a document, step after step, before they are laid out
_CODEBOOK = Column(
    name="codebook",
    dtype=np.dtype(np.uint8),
    doc="which codebook a token is of, from 1 on; 0 where it is of none",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codebooks(Giver):
    """Codes in lists of lists, one a codebook (or, with `by_step`, one a step), or in as many fields as there are codebooks.

    `size` is how many codes each codebook has. `flatten` makes one sequence, in which the codes of codebook k are moved by k
    times `size` (by nothing, without `size`), and the column `codebook`. `delay` and `parallel` keep a sequence for each: the
    first is `input_ids`, others are `codes_1` and so on; what `delay` leaves open is the special token `fill`. `columns` have a
    value for each step. `modality` is the range of ids that codes are of.
    """

    tokens: tuple[str, ...]
    codebooks: int
    pattern: str = "flatten"
    size: int | None = None
    by_step: bool = False
    fill: str | None = None
    columns: tuple[tuple[str, Beside], ...] = ()
    modality: Modality | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The codes and what is beside their steps."""
        return (*self.tokens, *(field for field, _ in self.columns))

    @property
    def beside(self) -> tuple[Beside, ...]:
        """The further codebooks, or which codebook a token is of, and what is beside steps."""
        own = tuple(one for _, one in self.columns)
        if self.pattern == "flatten":
            return (Beside(column=_CODEBOOK, elsewhere=0.0), *own)
        further = (
            Column(name=name, dtype=_RAW, doc=f"the codes of codebook {k + 1} of {self.codebooks}")
            for k, name in enumerate(self._streams)
            if k
        )
        return (*(Beside(column=column, elsewhere=None) for column in further), *own)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """What fills a delay, and those of the modality."""
        own = () if self.fill is None else (self.fill,)
        return own if self.modality is None else (*own, *self.modality.special_tokens)

    @property
    def _streams(self) -> tuple[str, ...]:
        return (INPUT_IDS, *(f"codes_{k}" for k in range(1, self.codebooks)))

    def identity(self) -> object:
        """Every key."""
        return {
            "codebooks": [self.codebooks, self.pattern, self.size, self.by_step, self.fill],
            "tokens": self.tokens,
            "columns": [[field, *one.identity()] for field, one in self.columns],
            "modality": None if self.modality is None else self.modality.identity(),
        }

    def read(self, batch: DocumentBatch) -> DocumentBatch:
        """See `Giver`."""
        codes, steps, faults = self._of_fields(batch) if len(self.tokens) > 1 else self._of_lists(batch)
        given = {_CODES: codes}
        for field, one in self.columns:
            found, wrong = lists_of(batch.fields[field], one.column.dtype, field, truth=True)
            for row in np.flatnonzero(np.diff(found.offsets.to_numpy()) != steps).tolist():
                many = len(found[row])
                wrong.setdefault(
                    row,
                    (
                        MISALIGNED,
                        f"there are codes of {steps[row]} steps, and field {field!r} has {many} values",
                    ),
                )
            faults = wrong | faults
            given[one.column.name] = found
        return begun(batch, given, faults)

    def placed(self, batch: DocumentBatch, tokenizer: "Tokenizer", policy: str) -> DocumentBatch:
        """See `Giver`."""
        vocabulary = tokenizer.vocabulary
        place = (
            Range(0, 0, len(vocabulary), (), ()) if self.modality is None else self.modality.found(vocabulary)
        )
        faults: Faults = {}
        most = self.size if self.size is not None else place.size
        checked_range(
            batch.given[_CODES], "codes", most, "a codebook" if self.size else "the vocabulary", faults
        )
        batch = rejected(batch, faults)
        fill = 0 if self.fill is None else vocabulary.special_id(self.fill)
        codes = batch.given[_CODES]
        offsets = codes.offsets.to_numpy()
        flat = codes.values.to_numpy()[offsets[0] : offsets[-1]].astype(np.int64) + place.first
        steps = np.diff(offsets) // self.codebooks
        if self.pattern == "flatten" and self.size is not None:
            flat += np.tile(np.arange(self.codebooks) * self.size, len(flat) // self.codebooks)
            _check_top(self, place)
        delayed = self.pattern == "delay"
        parts = np.split(flat, np.cumsum(steps * self.codebooks)[:-1]) if len(steps) else []
        made = [arranged(part.reshape(-1, self.codebooks), self.pattern, fill) for part in parts]
        given: dict[str, pa.LargeListArray] = {}
        if self.pattern == "flatten":
            given[INPUT_IDS] = _lists(made, _RAW)
            book = [np.tile(np.arange(1, self.codebooks + 1), int(many)) for many in steps]
            given[_CODEBOOK.name] = _lists(book, _CODEBOOK.dtype)
        else:
            for k, name in enumerate(self._streams):
                given[name] = _lists([one[:, k] for one in made], _RAW)
        for _, one in self.columns:
            given[one.column.name] = self._stretched(batch.given[one.column.name], one, delayed)
        return replace(batch, given=surrounded(given, self.beside, _RAW, place.begin, place.end))

    def _stretched(self, lists: pa.LargeListArray, one: Beside, delayed: bool) -> pa.LargeListArray:
        """Values of steps as values of tokens."""
        offsets = lists.offsets.to_numpy()
        values = lists.values.to_numpy()[offsets[0] : offsets[-1]]
        parts = np.split(values, (offsets - offsets[0])[1:-1]) if len(lists) else []
        if self.pattern == "flatten":
            parts = [np.repeat(part, self.codebooks) for part in parts]
        elif delayed:
            more = np.full(self.codebooks - 1, one.elsewhere or 0, values.dtype)
            parts = [np.concatenate([part, more]) if len(part) else part for part in parts]
        return _lists(parts, one.column.dtype)

    def _of_lists(self, batch: DocumentBatch) -> tuple[pa.LargeListArray, npt.NDArray[np.int64], Faults]:
        """The codes of a field of lists of lists."""
        (name,) = self.tokens
        counts, lists, faults = nested_lists_of(batch.fields[name], _RAW, name)
        offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
        first = np.cumsum(counts) - counts
        parts, steps = [], np.zeros(len(counts), np.int64)
        for row, (begin, many) in enumerate(zip(first.tolist(), counts.tolist(), strict=True)):
            sizes = np.diff(offsets[begin : begin + many + 1])
            part = values[offsets[begin] : offsets[begin + many]] if row not in faults else values[:0]
            wanted = (sizes == self.codebooks).all() if self.by_step else many in (0, self.codebooks)
            if row not in faults and not (wanted and (self.by_step or len(set(sizes.tolist())) <= 1)):
                what = f"lists of {sorted(set(sizes.tolist()))} codes, {many} of them"
                faults[row] = (
                    MISALIGNED,
                    f"field {name!r} has {what}, and there are {self.codebooks} codebooks",
                )
                part = values[:0]
            parts.append(part if self.by_step else part.reshape(self.codebooks, -1).T.reshape(-1))
            steps[row] = len(part) // self.codebooks
        return _lists(parts, _RAW), steps, faults

    def _of_fields(self, batch: DocumentBatch) -> tuple[pa.LargeListArray, npt.NDArray[np.int64], Faults]:
        """The codes of a field for each codebook."""
        faults: Faults = {}
        books = []
        for name in self.tokens:
            found, wrong = lists_of(batch.fields[name], _RAW, name)
            faults = wrong | faults
            books.append(found)
        many = np.stack([np.diff(book.offsets.to_numpy()) for book in books])
        for row in np.flatnonzero((many != many[0]).any(0)).tolist():
            sizes = ", ".join(map(str, many[:, row].tolist()))
            faults.setdefault(row, (MISALIGNED, f"the fields {', '.join(self.tokens)} have {sizes} codes"))
        parts = []
        for row in range(len(batch)):
            rows = [book[row].values.to_numpy() for book in books] if row not in faults else []
            parts.append(np.stack(rows, 1).reshape(-1) if rows else np.zeros(0, _RAW))
        steps = np.array([len(part) // self.codebooks for part in parts], np.int64)
        return _lists(parts, _RAW), steps, faults


def arranged(codes: npt.NDArray[Any], pattern: str, fill: int) -> npt.NDArray[Any]:
    """Codes (steps, codebooks) laid out by a pattern: one sequence, or (steps, codebooks) of a model's steps.

    >>> arranged(np.array([[1, 5], [2, 6]]), "delay", 9).tolist()
    [[1, 9], [2, 5], [9, 6]]
    >>> arranged(np.array([[1, 5], [2, 6]]), "flatten", 9).tolist()
    [1, 5, 2, 6]
    """
    if pattern == "flatten":
        return codes.reshape(-1)
    steps, books = codes.shape
    if pattern == "parallel" or not steps:
        return codes
    out = np.full((steps + books - 1, books), fill, codes.dtype)
    for k in range(books):
        out[k : k + steps, k] = codes[:, k]
    return out


def restored(streams: npt.NDArray[Any], pattern: str, codebooks: int) -> npt.NDArray[Any]:
    """The codes (steps, codebooks) that `arranged` has laid out.

    >>> restored(np.array([[1, 9], [2, 5], [9, 6]]), "delay", 2).tolist()
    [[1, 5], [2, 6]]
    """
    if pattern == "flatten":
        return streams.reshape(-1, codebooks)
    if pattern == "parallel" or not len(streams):
        return streams
    steps = len(streams) - codebooks + 1
    return np.stack([streams[k : k + steps, k] for k in range(codebooks)], 1)


def _check_top(books: Codebooks, place: Range) -> None:
    """Raise RecipeError where the codes of all codebooks, one range after another, are more ids than there are."""
    assert books.size is not None
    if books.codebooks * books.size > place.size:
        top = books.codebooks * books.size
        raise RecipeError(
            f"{books.codebooks} codebooks of {books.size:,} codes are {top:,} ids, and there are {place.size:,}"
        )


def _lists(parts: Sequence[npt.NDArray[Any]], dtype: np.dtype[Any]) -> pa.LargeListArray:
    offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    values = np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))


def given_streams(given: Mapping[str, Any], codebooks: int) -> npt.NDArray[Any]:
    """The sequences of one document of rows, (steps, codebooks), by the names that they have there.

    >>> given_streams({"input_ids": [1, 2], "codes_1": [5, 6]}, 2).tolist()
    [[1, 5], [2, 6]]
    """
    return np.stack([given[INPUT_IDS], *(given[f"codes_{k}"] for k in range(1, codebooks))], 1)
