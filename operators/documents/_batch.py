"""Documents as they flow from a reader through steps to whoever counts, encodes or reports on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents._letters import DeadLetter, excerpt_of
from pairloom.operators.errors import RecipeError
from pairloom.operators.text.arrays import text_of, texts_kept

__all__ = ["DocumentBatch"]

_SHOWN = 32  # tokens of a document that a letter quotes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DocumentBatch:
    """Documents of one slice of an input, in the order of the file, and what became of the records between them.

    `content` (LargeString) is valid UTF-8 without nulls; a text may be empty. `id` (LargeString), of the same length, is
    None where no id is asked for and for text files. `row[i]` (int64, ascending) is the index within the slice of the record
    that document `i` was, counting all records; `uri` names the file, and `slice` is the slice's place in its unit.

    `fields` are Arrow arrays by name, of the same length: what else was asked for of each record, and what steps add. Their
    types are those of the file where it has types (Parquet, Arrow); those of CSV and JSON are strings, and of JSON a value
    that is no string is its JSON text ("7", "true", "[1, 2]"). A field that a JSON record does not have, or that is null,
    is null.

    `given` are the tokens that documents bring instead of a text, which is empty then, and what stands beside these: columns
    of lists by name, `input_ids` among them in the end (`pairloom.operators.given`).
    `columns` are what the recipe's `columns` ask for, of their types, null where a record has no such value; they go with the
    documents into rows. `refused` says of the rows of records that have something else there what is wrong; whoever makes
    tokens rejects them.

    `groups` says which documents are of one record, where a record gives several (`_groups.py`).

    `spans` say something about characters of each text (`_spans.py`): by the name of a column of tokens, the values that it has
    there; under `special`, the special tokens that stand there.

    Records that are not among the documents are in the ledger: `rejected` has a dead letter for each that cannot be used,
    `dropped` counts by reason those that a step left out. `bytes_read` is how many stored bytes were consumed since the
    batch before: over a slice they sum to `Slice.bytes`.

    >>> batch = DocumentBatch.of(["a", "bb", ""], fields={"lang": ["en", "de", None]})
    >>> kept = batch.drop([False, False, True], "empty")
    >>> kept.content.to_pylist(), kept.fields["lang"].to_pylist(), dict(kept.dropped)
    (['a', 'bb'], ['en', 'de'], {'empty': 1})
    """

    content: pa.LargeStringArray
    id: pa.LargeStringArray | None = None
    row: pa.Int64Array
    uri: str = ""
    slice: int = 0
    fields: Mapping[str, pa.Array] = field(default_factory=dict)
    given: Mapping[str, pa.Array] = field(default_factory=dict)
    spans: Mapping[str, pa.LargeListArray] = field(default_factory=dict)
    columns: Mapping[str, pa.Array] = field(default_factory=dict)
    groups: pa.StructArray | None = None
    refused: Mapping[int, str] = field(default_factory=dict)
    rejected: tuple[DeadLetter, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    bytes_read: int = 0

    @staticmethod
    def of(
        content: Any,
        *,
        id: Any = None,  # noqa: A002
        row: Any = None,
        uri: str = "",
        fields: Mapping[str, Any] | None = None,
        rejected: Sequence[DeadLetter] = (),
        bytes_read: int = 0,
    ) -> "DocumentBatch":
        """A batch of Python lists, or of Arrow or numpy arrays; without `row`, the records from the first on."""
        texts = _strings(content)
        return DocumentBatch(
            content=texts,
            id=None if id is None else _strings(id),
            row=pa.array(np.arange(len(texts)) if row is None else row, pa.int64()),
            uri=uri,
            fields={name: _array(values) for name, values in (fields or {}).items()},
            rejected=tuple(rejected),
            bytes_read=bytes_read,
        )

    def __len__(self) -> int:
        return len(self.content)

    @property
    def records(self) -> int:
        """How many records were read: kept, rejected and dropped together."""
        return len(self) + len(self.rejected) + sum(self.dropped.values())

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of all texts."""
        return text_of(self.content).bytes

    @property
    def size(self) -> int:
        """Bytes of all texts, or where documents bring tokens, how many these are."""
        if not self.given:
            return self.bytes
        offsets = next(iter(self.given.values())).offsets
        return int(offsets[-1].as_py() - offsets[0].as_py())

    def place(self, index: int) -> str:
        """Where a document is, for people: its file and row, and its id if it has one."""
        name = "" if self.id is None else f" ({self.id[index].as_py()!r})"
        return f"{self.uri}, row {self.row[index].as_py()}{name}"

    def with_content(
        self, content: Any, spans: Mapping[str, pa.LargeListArray] | None = None
    ) -> "DocumentBatch":
        """The same documents with other text, and its spans; raises ValueError for another number of texts, and for nulls.

        Raises RecipeError where the documents had spans and nothing is said of where these are now.
        """
        texts = _strings(content)
        if len(texts) != len(self):
            raise ValueError(f"{len(texts)} texts for {len(self)} documents")
        if spans is None and self.spans and not texts.equals(self.content):
            raise RecipeError(
                f"a step gives other text to documents that have spans ({', '.join(self.spans)}) over the characters of theirs: "
                "put it before what gives the spans, or give those of the new text, with_content(texts, spans={...})"
            )
        return replace(self, content=texts, spans=self.spans if spans is None else dict(spans))

    def with_spans(self, **spans: pa.LargeListArray) -> "DocumentBatch":
        """The same documents with more spans, or others in place of some; raises ValueError for another number of lists."""
        for name, lists in spans.items():
            if len(lists) != len(self):
                raise ValueError(f"spans {name!r}: {len(lists)} lists for {len(self)} documents")
        return replace(self, spans={**self.spans, **spans})

    def with_fields(self, **fields: Any) -> "DocumentBatch":
        """The same documents with more fields, or others in place of some; raises ValueError for another number of values."""
        arrays = {name: _array(values) for name, values in fields.items()}
        for name, array in arrays.items():
            if len(array) != len(self):
                raise ValueError(f"field {name!r}: {len(array)} values for {len(self)} documents")
        return replace(self, fields={**self.fields, **arrays})

    def with_columns(self, **columns: Any) -> "DocumentBatch":
        """The same documents with other values in columns that the recipe asks for.

        Raises ValueError for another number of values, for a column that is not asked for, and for values of another type.
        """
        changed = {}
        for name, values in columns.items():
            if name not in self.columns:
                raise ValueError(
                    f"no column {name!r} is asked for; there is {', '.join(self.columns) or 'none'}"
                )
            try:
                changed[name] = _array(values, self.columns[name].type)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise ValueError(f"column {name!r} is of {self.columns[name].type}: {error}") from error
            if len(changed[name]) != len(self):
                raise ValueError(f"column {name!r}: {len(changed[name])} values for {len(self)} documents")
        return replace(self, columns={**self.columns, **changed})

    def drop(self, mask: Any, reason: str = "") -> "DocumentBatch":
        """Without the documents where `mask` is true, which the ledger counts as left out for `reason`."""
        lost = self.mask(mask)
        count = int(np.count_nonzero(lost))
        if not count:
            return self
        dropped = {**self.dropped, reason: self.dropped.get(reason, 0) + count}
        return replace(self.filter(~lost), dropped=dropped)

    def reject(self, mask: Any, reason: str, detail: str | Sequence[str]) -> "DocumentBatch":
        """Without the documents where `mask` is true: they cannot be used, and each leaves a dead letter.

        `detail` says what is wrong, of all of them or of each (in the order of the rejected).
        """
        lost = self.mask(mask)
        places = np.flatnonzero(lost)
        if not len(places):
            return self
        details = [detail] * len(places) if isinstance(detail, str) else detail
        letters = tuple(
            DeadLetter(
                uri=self.uri,
                position=self._position(i),
                row=self.row[i].as_py(),
                reason=reason,
                detail=said,
                excerpt=excerpt_of(self._said(i)),
            )
            for i, said in zip(map(int, places), details, strict=True)
        )
        return replace(self.filter(~lost), rejected=(*self.rejected, *letters))

    def _position(self, index: int) -> str:
        """Where the record of a document is."""
        if self.groups is None:
            return f"row {self.row[index].as_py()}"
        group = self.groups[index].as_py()
        return f"row {group['record']}, {group['member'] + 1} of its {group['size']} completions"

    def _said(self, index: int) -> str:
        """What a document begins with: its text, or what it brings instead."""
        text: str = self.content[index].as_py()
        if text or not self.given:
            return text
        found = next(iter(self.given.values()))[index].values
        if found is not None and len(found):
            return str(found[:_SHOWN].to_pylist())
        return "" if not self.fields else str(next(iter(self.fields.values()))[index].as_py())

    def filter(self, mask: Any) -> "DocumentBatch":
        """The documents where `mask` is true. The ledger says nothing of the others: a step leaves out with `drop`."""
        keep = self.mask(mask)
        if keep.all():
            return self
        chosen, texts = pa.array(keep), self.content
        return self._each(lambda array: texts_kept(texts, keep) if array is texts else array.filter(chosen))

    def take(self, indices: Any) -> "DocumentBatch":
        """Some of the documents; as with `filter`, the ledger says nothing of the others."""
        places = pa.array(indices, pa.int64())
        return self._each(lambda array: array.take(places))

    def part(self, start: int, stop: int) -> "DocumentBatch":
        """The documents [start, stop), with nothing in the ledger."""
        cut = self._each(lambda array: array.slice(start, stop - start))
        return replace(cut, rejected=(), dropped={}, bytes_read=0)

    @staticmethod
    def concat(parts: Sequence["DocumentBatch"]) -> "DocumentBatch":
        """Batches of one slice that follow each other as one; raises ValueError where they have not the same fields."""
        first = parts[0]
        if any(part.spans.keys() != first.spans.keys() for part in parts):
            names = " and ".join(str(sorted(one)) for one in {frozenset(part.spans) for part in parts})
            raise ValueError(f"documents of one batch have different spans: {names}")
        if any(part.fields.keys() != first.fields.keys() for part in parts):
            names = " and ".join(str(sorted(one)) for one in {frozenset(part.fields) for part in parts})
            raise ValueError(f"documents of one batch have different fields: {names}")
        dropped: dict[str, int] = {}
        for part in parts:
            for reason, count in part.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + count
        return replace(
            first,
            content=pa.concat_arrays([part.content for part in parts]),
            id=None if first.id is None else pa.concat_arrays([part.id for part in parts]),
            row=pa.concat_arrays([part.row for part in parts]),
            fields={name: pa.concat_arrays([part.fields[name] for part in parts]) for name in first.fields},
            given={name: pa.concat_arrays([part.given[name] for part in parts]) for name in first.given},
            spans={name: pa.concat_arrays([part.spans[name] for part in parts]) for name in first.spans},
            columns={
                name: pa.concat_arrays([part.columns[name] for part in parts]) for name in first.columns
            },
            groups=None if first.groups is None else pa.concat_arrays([part.groups for part in parts]),
            refused={row: why for part in parts for row, why in part.refused.items()},
            rejected=tuple(letter for part in parts for letter in part.rejected),
            dropped=dropped,
            bytes_read=sum(part.bytes_read for part in parts),
        )

    def _each(self, change: Any) -> "DocumentBatch":
        return replace(
            self,
            content=change(self.content),
            id=None if self.id is None else change(self.id),
            row=change(self.row),
            fields={name: change(array) for name, array in self.fields.items()},
            given={name: change(array) for name, array in self.given.items()},
            spans={name: change(array) for name, array in self.spans.items()},
            columns={name: change(array) for name, array in self.columns.items()},
            groups=None if self.groups is None else change(self.groups),
        )

    def mask(self, mask: Any) -> npt.NDArray[np.bool_]:
        """True and false for each document, from an array or a list; raises ValueError for anything else."""
        given = _array(mask)
        if len(given) != len(self):
            raise ValueError(f"a mask of {len(given)} for {len(self)} documents")
        if len(given) and given.type != pa.bool_():
            raise ValueError(f"a mask is true or false, not {given.type}")
        if given.null_count:
            raise ValueError(
                f"a mask says true or false of every document, and is null for {given.null_count}"
            )
        return np.asarray(given.cast(pa.bool_()).to_numpy(zero_copy_only=False), np.bool_)


def _array(values: Any, kind: pa.DataType | None = None) -> pa.Array:
    """One Arrow array."""
    if isinstance(values, pa.ChunkedArray):
        values = (
            values.chunk(0)
            if values.num_chunks == 1
            else pa.concat_arrays(values.chunks or [pa.array([], values.type)])
        )
    if isinstance(values, pa.Array):
        return values if kind is None or values.type == kind else values.cast(kind)
    return pa.array(values, kind)


def _strings(values: Any) -> pa.LargeStringArray:
    array = (
        _array(values)
        if isinstance(values, pa.Array | pa.ChunkedArray)
        else pa.array(values, pa.large_string())
    )
    if array.null_count:
        raise ValueError(f"a document has a text, and {array.null_count} of {len(array)} are null")
    return array.cast(pa.large_string())
