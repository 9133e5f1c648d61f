"""The columns of everything that holds tokens: their names, their types, and the schemas of the files.

    token shard      slice, row, id, columns of the shard, attributes          one row a document, in the order of the input
    exchange file    key, document, copy, part, columns                        one row a document, by partition
    leftover         document, offset, columns                                 one row a segment that fills no row
    packed rows      input_ids, segment_lengths, document, offset, columns     one row of `seq_len` tokens

Two kinds of columns go with a document on the whole way. A *token* column has a value for each of its tokens: `input_ids`
is the first. A *document* column has one value a document: `source` is the first. A *row* column, which only a row step
gives, has values of each row's own, as many in every row. Each field of such a column says in its
metadata what it is, so that whoever reads a file takes the columns that it has (`columns_of`). Only `input_ids` says
nothing about itself: it is everywhere. What a recipe's `columns` ask of each record stands in token shards as it was given,
nulls and strings and all (`attributes_of`); from the exchange on it is a document column of numbers.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pairloom.operators.attributes import Attribute

__all__ = [
    "COPY",
    "DOCUMENT",
    "DOCUMENT_DTYPES",
    "GROUP",
    "ID",
    "INPUT_IDS",
    "JOINED",
    "JOINED_COLUMN",
    "KEY",
    "MEMBER",
    "METADATA",
    "OFFSET",
    "PAD_ID",
    "PART",
    "ROW",
    "ROW_SEED",
    "SEGMENT_LENGTHS",
    "SLICE",
    "SOURCE",
    "SOURCES",
    "SOURCE_COLUMN",
    "STRUCTURE",
    "TAKEN",
    "TOKEN_DTYPES",
    "TURN",
    "Column",
    "attributes_of",
    "columns_of",
    "document_columns",
    "dtype_for",
    "exchange_schema",
    "export_schema",
    "file_facts",
    "ids_column",
    "ids_dtype",
    "is_packed",
    "leftover_schema",
    "row_field",
    "row_schema",
    "seq_len_of",
    "shard_schema",
    "token_columns",
]

INPUT_IDS = "input_ids"
"""The ids of tokens."""
SOURCE = "source"
"""Which source of the corpus a document is of: its place in the recipe."""

SLICE = "slice"
"""Which slice of its unit a document of a shard is of."""
ROW = "row"
"""Which record of the slice it is."""
ID = "id"
"""Its id, if its source gives one."""

KEY = "key"
"""The place of a document among those of its partition."""
DOCUMENT = "document"
"""The number of a document: a hash of its id."""
COPY = "copy"
"""Which copy of the document it is, from 0 on; a mixture takes some several times."""
PART = "part"
"""The partition that a document goes to."""

SEGMENT_LENGTHS = "segment_lengths"
"""The tokens of each segment of a row."""
OFFSET = "offset"
"""From which token of its document on a segment has them."""

TURN = "turn"
"""The turn of a conversation that a token is of, from 1 on; 0 in other documents."""

JOINED = "joined"
"""Whether a segment of a row goes on from the one before it, where documents of a group are joined."""

GROUP = "group"
"""Of which prompt's completions a document is; all of them have the same number."""
MEMBER = "member"
"""Which of these it is, from 0 on."""

PAD_ID = "pad_id"
"""In the metadata of rows: the id that pads them."""
ROW_SEED = "row_seed"
"""In the metadata of rows that row steps were applied to: by which seed."""
SOURCES = "sources"
"""In the metadata of rows and leftovers: the names of the recipe's sources, up to the last that may be in them."""

STRUCTURE = frozenset({SLICE, ROW, ID, KEY, DOCUMENT, COPY, PART, SEGMENT_LENGTHS, OFFSET})
"""Names that no column of tokens or documents can have."""
TAKEN = STRUCTURE | {
    *(INPUT_IDS, SOURCE, "labels", "position_ids", "segment_ids", "cu_seqlens", "max_seqlen", "token_places"),
    *("run_first", "place", "segments_per_row", "tokens"),
}
"""Names that no column can have that a recipe asks for: batches and exports have something else by them."""

TOKEN_DTYPES = ("uint8", "uint16", "uint32", "int32", "float16", "float32")
"""What a value beside each token can be; everybody reads these, as numpy, Arrow and PyTorch do."""
DOCUMENT_DTYPES = (*TOKEN_DTYPES, "int8", "int16", "int64", "uint64", "float64")

ATTRIBUTE = "attribute"
"""What the metadata of a field says that holds what was asked for of each record."""
METADATA = b"pairloom"
"""The key of what the metadata of a schema or a field says about it, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that goes with a document on its whole way into rows, or that a row step gives.

    `of` says what it has values for: each token, the document, or the row, which has as many values as its field says.
    `pad` is what a column of tokens holds in a row behind the last segment, and a column of rows behind what there is.
    `doc` is a sentence for people. Of documents, `null` is what stands for a value that is not there (NaN for floats, without
    being told), and `meanings` are what numbers stand for that are places in this list. Raises ValueError for a name that is
    taken or no identifier, and for a dtype that not everybody reads.

    >>> mask = Column(name="loss_mask", dtype=np.dtype(np.uint8), doc="1 where a token is to be predicted")
    >>> mask.of, mask.pad
    ('token', 0)
    """

    name: str
    dtype: np.dtype[Any]
    pad: int | float = 0
    of: Literal["token", "document", "row"] = "token"
    doc: str = ""
    null: int | None = dataclasses.field(default=None, repr=False)
    meanings: tuple[str, ...] | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", np.dtype(self.dtype))
        object.__setattr__(self, "meanings", None if self.meanings is None else tuple(self.meanings))
        if not self.name.isidentifier() or self.name in STRUCTURE:
            raise ValueError(f"a column cannot be named {self.name!r}")
        allowed = TOKEN_DTYPES if self.of == "token" else DOCUMENT_DTYPES
        if self.dtype.name not in allowed:
            raise ValueError(
                f"column {self.name} has {self.dtype} for each {self.of}; it can have {', '.join(allowed)}"
            )

    def identity(self) -> list[object]:
        """Everything that decides what files hold of it."""
        plain: list[object] = [self.name, self.dtype.name, self.pad, self.of]
        return plain if self._plain else [*plain, self.null, self.meanings]

    def said(self, value: Any) -> Any:
        """What a value stands for: a string, true or false, a number; None where there is none.

        >>> Column(name="lang", dtype=np.dtype(np.int32), of="document", null=-1, meanings=("de", "en")).said(0)
        'de'
        """
        if value == self.null or (isinstance(value, float | np.floating) and np.isnan(value)):
            return None
        if self.meanings == ("false", "true") and self.dtype == np.int8:
            return bool(value)
        return value if self.meanings is None else self.meanings[int(value)]

    @property
    def _plain(self) -> bool:
        """Whether its values are just what they are."""
        return self.null is None and self.meanings is None

    @property
    def values(self) -> pa.DataType:
        """The type of its values."""
        return pa.from_numpy_dtype(self.dtype)

    @property
    def metadata(self) -> dict[bytes, bytes] | None:
        """What its field says about it."""
        if self.name == INPUT_IDS:
            return None
        said: dict[str, Any] = {"of": self.of, "pad": self.pad, "doc": self.doc}
        if not self._plain:
            said |= {"null": self.null, "meanings": self.meanings}
        return {METADATA: json.dumps(said).encode()}


SOURCE_COLUMN = Column(
    name=SOURCE,
    dtype=np.dtype(np.uint16),
    of="document",
    doc="which source of the recipe a document is of; the schema's metadata has their names",
)

JOINED_COLUMN = Column(
    name=JOINED,
    dtype=np.dtype(np.uint8),
    of="document",
    doc="1: the segment goes on from the one before it, as one document; 2: joining has added it; 3: both; 0: neither",
)


def ids_column(dtype: np.dtype[Any], pad: int = 0) -> Column:
    """The column `input_ids` of a vocabulary whose ids have this dtype."""
    return Column(name=INPUT_IDS, dtype=dtype, pad=pad, doc="the ids of tokens")


def token_columns(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Those that have a value for each token."""
    return tuple(column for column in columns if column.of == "token")


def document_columns(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Those that have one value a document."""
    return tuple(column for column in columns if column.of == "document")


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    """The columns of tokens and documents that a file has, in its order: `input_ids`, and those that say so themselves.

    >>> [column.name for column in columns_of(exchange_schema([ids_column(np.dtype(np.uint16)), SOURCE_COLUMN]))]
    ['source', 'input_ids']
    """
    found = []
    for field in schema:
        said = json.loads((field.metadata or {}).get(METADATA, b"null"))
        kind = field.type
        while hasattr(kind, "value_type") and not pa.types.is_dictionary(kind):
            kind = kind.value_type
        if field.name == INPUT_IDS:
            pad = file_facts(schema).get(PAD_ID, 0)
            found.append(ids_column(np.dtype(kind.to_pandas_dtype()), pad))
        elif said is not None and said["of"] != ATTRIBUTE:
            found.append(Column(name=field.name, dtype=np.dtype(kind.to_pandas_dtype()), **said))
    return tuple(found)


def attributes_of(schema: pa.Schema) -> tuple[Attribute, ...]:
    """The columns that a recipe asked for of each record, as a token shard has them."""
    found = []
    for field in schema:
        said = json.loads((field.metadata or {}).get(METADATA, b"null"))
        if said is not None and said["of"] == ATTRIBUTE:
            found.append(Attribute(name=field.name, field=said["field"], type=said["type"]))
    return tuple(found)


def shard_schema(
    dtype: np.dtype[Any],
    vocabulary: str,
    columns: Sequence[Column] = (),
    attributes: Sequence[Attribute] = (),
) -> pa.Schema:
    """A token shard: `dtype` is that of ids, `vocabulary` its fingerprint, `columns` what there is beside `input_ids`.

    `attributes` are what was asked for of each record.
    """
    return pa.schema(
        [
            pa.field(SLICE, pa.int32(), nullable=False),
            pa.field(ROW, pa.int64(), nullable=False),
            pa.field(ID, pa.large_string()),
            *_fields([ids_column(dtype), *columns]),
            *(pa.field(one.name, one.arrow, metadata=_attribute_metadata(one)) for one in attributes),
        ],
        metadata={"pairloom.vocabulary": vocabulary},
    )


def exchange_schema(columns: Sequence[Column]) -> pa.Schema:
    """An exchange file, or one of documents that are held out, with `input_ids` among the columns."""
    return pa.schema(
        [
            pa.field(KEY, pa.uint64(), nullable=False),
            pa.field(DOCUMENT, pa.int64(), nullable=False),
            pa.field(COPY, pa.int32(), nullable=False),
            pa.field(PART, pa.int64(), nullable=False),
            *_fields([*document_columns(columns), *token_columns(columns)]),
        ]
    )


def leftover_schema(columns: Sequence[Column], facts: Mapping[str, Any]) -> pa.Schema:
    """The segments that fill no row of their partition, with `input_ids` among the columns."""
    return pa.schema(
        [
            pa.field(DOCUMENT, pa.int64(), nullable=False),
            pa.field(OFFSET, pa.int64(), nullable=False),
            *_fields([*document_columns(columns), *token_columns(columns)]),
        ],
        metadata={METADATA: json.dumps(facts, sort_keys=True).encode()},
    )


def row_schema(columns: Sequence[Column], seq_len: int, facts: Mapping[str, Any]) -> pa.Schema:
    """Packed rows, with `input_ids` among the columns; `facts` are what a trainer must know and cannot see."""
    (ids,) = (column for column in columns if column.name == INPUT_IDS)
    further = [column for column in token_columns(columns) if column.name != INPUT_IDS]
    return pa.schema(
        [
            row_field(ids, seq_len),
            pa.field(SEGMENT_LENGTHS, _list(pa.int32()), nullable=False),
            pa.field(DOCUMENT, _list(pa.int64()), nullable=False),
            pa.field(OFFSET, _list(pa.int64()), nullable=False),
            *(row_field(column, seq_len) for column in (*document_columns(columns), *further)),
        ],
        metadata={METADATA: json.dumps(facts, sort_keys=True).encode()},
    )


def row_field(column: Column, seq_len: int) -> pa.Field:
    """A column in packed rows: `seq_len` values a row, of a row column as many as that is, or one for each segment."""
    many = column.of != "document"
    kind = pa.list_(pa.field("item", column.values), seq_len) if many else _list(column.values)
    return pa.field(column.name, kind, nullable=False, metadata=column.metadata)


def export_schema(dtype: np.dtype[Any], columns: Sequence[Column], facts: Mapping[str, Any]) -> pa.Schema:
    """Whole documents as they are exported: `columns` are what there is beside `input_ids`."""
    fields = [pa.field(ID, pa.large_string(), nullable=False), *_fields([ids_column(dtype), *columns])]
    return pa.schema(fields, metadata={METADATA: json.dumps(facts, sort_keys=True).encode()})


def file_facts(schema: pa.Schema) -> dict[str, Any]:
    """What the metadata of packed rows or leftovers says; nothing where there is none."""
    found: dict[str, Any] = json.loads((schema.metadata or {}).get(METADATA, b"{}"))
    return found


def is_packed(schema: pa.Schema) -> bool:
    """Whether a schema is that of rows with segments, and not of whole documents."""
    return SEGMENT_LENGTHS in schema.names


def seq_len_of(schema: pa.Schema) -> int:
    """The tokens in a row."""
    return int(schema.field(INPUT_IDS).type.list_size)


def dtype_for(tokens: int) -> np.dtype[Any]:
    """The narrowest of uint16 and uint32 that holds the ids of a vocabulary of so many tokens.

    >>> dtype_for(65_536), dtype_for(65_537)
    (dtype('uint16'), dtype('uint32'))
    """
    return np.dtype(np.uint16 if tokens <= 1 << 16 else np.uint32)


def ids_dtype(schema: pa.Schema) -> np.dtype[Any]:
    """The dtype of ids."""
    dtype: np.dtype[Any] = np.dtype(schema.field(INPUT_IDS).type.value_type.to_pandas_dtype())
    return dtype


def _fields(columns: Iterable[Column]) -> list[pa.Field]:
    """A large list for each column of tokens, a plain value for each of documents."""
    return [
        pa.field(
            column.name,
            pa.large_list(pa.field("item", column.values)) if column.of == "token" else column.values,
            nullable=False,
            metadata=column.metadata,
        )
        for column in columns
    ]


def _attribute_metadata(attribute: Attribute) -> dict[bytes, bytes]:
    return {
        METADATA: json.dumps({"of": ATTRIBUTE, "field": attribute.field, "type": attribute.type}).encode()
    }


def _list(values: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("item", values))
