"""Documents of parts, texts and the codes of modalities by turns, as one sequence.

[{"type": "text", "text": "a cat"}, {"type": "image", "tokens": [5, 0, 7]}]

a   ␣cat  <|image|>  <|image:5|>  <|image:0|>  <|image:7|>  <|/image|>
0   0     0          1            1            1            0             modality
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import DataError
from pairloom.operators.given.columns import Beside
from pairloom.operators.given.giver import OUT_OF_RANGE, Giver, begun, rejected
from pairloom.operators.given.lists import Faults, lists_of
from pairloom.operators.given.modality import Modality, Range
from pairloom.operators.schema import INPUT_IDS, Column

if TYPE_CHECKING:
    from pairloom.operators.encode import Tokenizer

__all__ = ["LOSS_MASK", "MODALITY", "Parts"]

MODALITY = Column(
    name="modality",
    dtype=np.dtype(np.uint8),
    doc="which modality a token is of, from 1 on; 0 for text and what is around",
)
LOSS_MASK = Column(name="loss_mask", dtype=np.dtype(np.uint8), doc="1 where a token is to be predicted")

_KINDS, _TEXTS, _TOKENS = "part_kinds", "part_texts", "part_tokens"
_RAW = np.dtype(np.uint32)
_TEXT = 0
_SPECIAL = "special_token_in_text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Giver):
    """Lists of parts in the field `parts`, each with a `type`: `text`, or the name of a modality.

    The names are those of the fields of a part. Codes of a modality are of the range that the vocabulary has for it, with
    what begins and ends it around them. Tokens of `untrained` modalities have 0 in `loss_mask`, all others 1.
    """

    parts: str
    modalities: tuple[Modality, ...]
    kind: str = "type"
    text: str = "text"
    tokens: str = "tokens"
    untrained: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The list of parts."""
        return (self.parts,)

    @property
    def beside(self) -> tuple[Beside, ...]:
        """The modality of each token, and whether it is trained."""
        mask = (Beside(column=LOSS_MASK, elsewhere=1.0),) if self.untrained else ()
        return (Beside(column=MODALITY, elsewhere=0.0), *mask)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Those of the modalities."""
        return tuple(token for one in self.modalities for token in one.special_tokens)

    def identity(self) -> object:
        """Every key."""
        return {
            "parts": [self.parts, self.kind, self.text, self.tokens],
            "modalities": [one.identity() for one in self.modalities],
            "untrained": self.untrained,
        }

    def read(self, batch: DocumentBatch) -> DocumentBatch:
        """See `Giver`; texts become the content, for whoever counts words."""
        faults: Faults = {}
        column = _structs(batch.fields[self.parts], self.parts, (self.kind, self.text, self.tokens), faults)
        counts = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        for row in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
            faults.setdefault(row, ("null_tokens", f"field {self.parts!r} is null or missing"))
        owner = np.repeat(np.arange(len(counts)), counts)
        kind, text, tokens = (_child(column.flatten(), name) for name in (self.kind, self.text, self.tokens))
        names = {one.name: number for number, one in enumerate(self.modalities, start=1)} | {"text": _TEXT}
        kinds = np.array([names.get(name, -1) for name in kind.to_pylist()], np.int64)
        of_text = kinds == _TEXT
        first = np.cumsum(counts) - counts

        def blame(bad: npt.NDArray[np.bool_], reason: str, say: Any) -> None:
            for at in np.flatnonzero(bad).tolist():
                row = int(owner[at])
                faults.setdefault(row, (reason, f"part {at - int(first[row])} of {self.parts!r} {say(at)}"))

        known = ", ".join(["text", *(one.name for one in self.modalities)])
        blame(
            kinds < 0,
            "unknown_modality",
            lambda at: f"is of type {kind[at].as_py()!r}, and there are {known}",
        )
        no_text = text.is_null().to_numpy(zero_copy_only=False)
        blame(of_text & no_text, "null_text", lambda _: f"has no {self.text}")
        lists, wrong = lists_of(tokens, _RAW, self.tokens)
        for at, (reason, detail) in wrong.items():
            if kinds[at] > _TEXT:
                blame(
                    np.arange(len(kinds)) == at,
                    reason,
                    lambda _, detail=detail: f"has tokens that are none: {detail}",
                )
        texts = pc.if_else(pa.array(of_text), text.fill_null(""), pa.scalar("", text.type))
        sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False) + np.diff(lists.offsets.to_numpy())
        some = np.bincount(owner, weights=sizes, minlength=len(counts)) > 0
        keep = pa.array(some[owner])
        offsets = pa.array(np.concatenate([[0], np.cumsum(np.where(some, counts, 0))]), pa.int64())
        kinds_kept = pa.array(np.maximum(kinds, 0).astype(np.uint8)).filter(keep)
        texts, lists = texts.filter(keep), lists.filter(keep)
        given = {
            _KINDS: pa.LargeListArray.from_arrays(offsets, kinds_kept),
            _TEXTS: pa.LargeListArray.from_arrays(offsets, texts),
            _TOKENS: pa.LargeListArray.from_arrays(offsets, lists),
        }
        words = pc.binary_join(
            pa.LargeListArray.from_arrays(offsets, texts), pa.scalar("\n", pa.large_string())
        )
        return begun(replace(batch, content=words), given, faults)

    def placed(self, batch: DocumentBatch, tokenizer: "Tokenizer", policy: str) -> DocumentBatch:
        """See `Giver`; texts are encoded, each by itself."""
        ranges = [one.found(tokenizer.vocabulary) for one in self.modalities]
        batch = self._checked(batch, tokenizer, policy, ranges)
        kinds, parts = _flat(batch.given[_KINDS])
        texts, _ = _flat(batch.given[_TEXTS])
        tokens, _ = _flat(batch.given[_TOKENS])
        kind = kinds.to_numpy().astype(np.int64)
        encoded = tokenizer.encode_column(
            texts, special_tokens_in_text="parse" if policy == "parse" else "text"
        ).ids
        dtype = tokenizer.vocabulary.dtype
        first = np.array([0, *(one.first for one in ranges)], np.int64)
        offsets = tokens.offsets.to_numpy()
        values = tokens.values.to_numpy()[offsets[0] : offsets[-1]].astype(np.int64)
        moved = (values + np.repeat(first[kind], np.diff(offsets))).astype(dtype)
        own = encoded.values.to_numpy().astype(dtype, copy=False)
        ids, sizes = _joined(
            kind, (own, encoded.offsets.to_numpy()), (moved, offsets - offsets[0]), ranges, dtype
        )
        number = np.array([0, *(one.number for one in ranges)], np.uint8)[kind]
        values_of = np.stack([np.zeros_like(number), number, np.zeros_like(number)], 1).reshape(-1)
        per_part = sizes.sum(1)
        total = np.concatenate([[0], np.cumsum(per_part)])
        edges = pa.array(total[parts])
        columns = {INPUT_IDS: ids, MODALITY.name: np.repeat(values_of, sizes.reshape(-1))}
        if self.untrained:
            left = np.array([0, *(one.name in self.untrained for one in self.modalities)], np.bool_)[kind]
            trained = np.stack([np.ones_like(left), ~left, np.ones_like(left)], 1).reshape(-1)
            columns[LOSS_MASK.name] = np.repeat(trained, sizes.reshape(-1)).astype(np.uint8)
        given = {name: pa.LargeListArray.from_arrays(edges, pa.array(flat)) for name, flat in columns.items()}
        return replace(batch, given=given)

    def _checked(
        self, batch: DocumentBatch, tokenizer: "Tokenizer", policy: str, ranges: list[Range]
    ) -> DocumentBatch:
        """Without the documents that have a code which a modality has not, or a text that spells a special token."""
        kinds, parts = _flat(batch.given[_KINDS])
        texts, _ = _flat(batch.given[_TEXTS])
        tokens, _ = _flat(batch.given[_TOKENS])
        kind, owner = kinds.to_numpy(), np.repeat(np.arange(len(batch)), np.diff(parts))
        offsets = tokens.offsets.to_numpy()
        sizes = np.diff(offsets)
        values = tokens.values.to_numpy()[offsets[0] : offsets[-1]]
        most = np.array([1 << 32, *(one.size for one in ranges)], np.int64)[kind]
        faults: Faults = {}
        part_of = np.repeat(np.arange(len(kind)), sizes)
        for at in np.flatnonzero(values >= most[part_of]).tolist():
            part = int(part_of[at])
            row = int(owner[part])
            place, name = at - int(offsets[part] - offsets[0]), self.modalities[kind[part] - 1].name
            detail = f"part {part - int(parts[row])}: value {place} is {values[at]}, and {name} has {most[part]:,} ids"
            faults.setdefault(row, (OUT_OF_RANGE, detail))
        if policy == "error":
            for part in np.flatnonzero(
                tokenizer.find_special_tokens(texts).to_numpy(zero_copy_only=False)
            ).tolist():
                detail = f"part {part - int(parts[owner[part]])}: the text spells a special token"
                faults.setdefault(int(owner[part]), (_SPECIAL, detail))
        return rejected(batch, faults)


def _joined(
    kind: npt.NDArray[np.int64],
    text: tuple[npt.NDArray[Any], npt.NDArray[np.int64]],
    codes: tuple[npt.NDArray[Any], npt.NDArray[np.int64]],
    ranges: list[Range],
    dtype: np.dtype[Any],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The ids of all parts, and how many each has before, in and behind its content: int64 (parts, 3)."""
    from pairloom.operators.kernels.tokens import copy_documents

    around = [np.zeros(0, dtype)]
    begin, end = np.zeros((2, len(ranges) + 1, 2), np.int64)
    at = 0
    for number, one in enumerate(ranges, start=1):
        for place, ids in ((begin, one.begin), (end, one.end)):
            place[number] = at, len(ids)
            around.append(np.array(ids, dtype))
            at += len(ids)
    edges = np.concatenate([*around, np.zeros(1, dtype)])
    of_text, width = kind == _TEXT, dtype.itemsize
    start, sizes = np.zeros((2, len(kind), 3), np.int64)
    for column, place in ((0, begin), (2, end)):
        start[:, column] = edges.ctypes.data + place[kind, 0] * width
        sizes[:, column] = place[kind, 1]
    for where, (values, offsets) in ((of_text, text), (~of_text, codes)):
        start[where, 1] = values.ctypes.data + offsets[:-1][where] * width
        sizes[where, 1] = np.diff(offsets)[where]
    out = np.empty(int(sizes.sum()), dtype)
    copy_documents(start.reshape(-1), sizes.reshape(-1) * width, out.view(np.uint8))
    return out, sizes


def _flat(lists: pa.LargeListArray) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The values of lists, and where each list's begin in them."""
    offsets = lists.offsets.to_numpy()
    return lists.flatten(), offsets - offsets[0]


def _child(structs: pa.StructArray, name: str) -> pa.Array:
    """A field of parts; of one that none has, nulls."""
    found: pa.Array = pc.struct_field(structs, name)
    if pa.types.is_string(found.type) or pa.types.is_dictionary(found.type):
        return found.cast(pa.large_string())
    return found


def _structs(column: pa.Array, name: str, fields: tuple[str, ...], faults: Faults) -> pa.Array:
    """The parts as large lists of structs that have all fields; JSON is read."""
    kind = column.type
    wanted = pa.struct(
        [
            pa.field(fields[0], pa.large_string()),
            pa.field(fields[1], pa.large_string()),
            pa.field(fields[2], pa.large_list(pa.int64())),
        ]
    )
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        rows = [_parsed(text, name, fields, i, faults) for i, text in enumerate(column.to_pylist())]
        made = []
        for i, row in enumerate(rows):
            try:
                made.append(pa.array([row], pa.large_list(wanted)))
            except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
                faults[i] = ("not_a_list", f"field {name!r} is no list of parts: {str(error)[:120]}")
                made.append(pa.array([None], pa.large_list(wanted)))
        return pa.concat_arrays(made) if made else pa.array([], pa.large_list(wanted))
    if pa.types.is_null(kind):
        return column.cast(pa.large_list(wanted))
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(
        kind.value_type
    ):
        raise DataError(f"column {name!r} is of type {kind}; it must hold lists of parts with a {fields[0]}")
    inner = kind.value_type
    there = [inner.field(k).name for k in range(inner.num_fields)]
    if fields[0] not in there:
        raise DataError(
            f"the parts of column {name!r} have no field {fields[0]!r}; they have {', '.join(there)}"
        )
    lists = column.cast(pa.large_list(inner))
    values = lists.flatten()
    children = [
        pc.struct_field(values, field) if field in there else pa.nulls(len(values), wanted.field(field).type)
        for field in fields
    ]
    sizes = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int64())
    made_of = pa.StructArray.from_arrays(children, names=list(fields))
    return pa.LargeListArray.from_arrays(offsets, made_of, mask=lists.is_null())


def _parsed(
    text: str | None, name: str, fields: tuple[str, ...], row: int, faults: Faults
) -> list[Mapping[str, Any]] | None:
    """The parts of a JSON text, with the wanted fields alone."""
    if text is None:
        return None
    try:
        found = json.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
        faults[row] = ("not_a_list", f"field {name!r} is {text[:40]!r}, and a list of parts is wanted")
        return None
    return [{field: part.get(field) for field in fields} for part in found]
