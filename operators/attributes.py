"""Document columns that a recipe asks for: a name, where the value stands in a record, and what it is.

    record ──field──▶ value or null, of an Arrow type (token shards) ──▶ number (exchange files, rows)

In rows every value is a number, of a dtype that everybody reads: strings and true or false are their places in a list of
values, which the column's field has in its metadata, and what is missing is a number that stands for it: -1 for those, NaN
for floats, and for integers the least of the type, the greatest where none is negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from pairloom.operators.schema import Column

__all__ = ["MOST_BYTES", "MOST_VALUES", "Attribute", "AttributeType"]

AttributeType: TypeAlias = Literal[
    "string", "hash", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"
]  # fmt: skip
MOST_VALUES = 1 << 16
"""How many strings a column may have, all documents together; what has more says which document it is, not of what kind."""
MOST_BYTES = 1 << 20
"""How many bytes these may take: every file of rows has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A column of documents: `field` is a path into a record (`shaping.paths`), `type` what its values are.

    >>> import pyarrow as pa
    >>> lang = Attribute(name="lang", field="meta.lang")
    >>> lang.coded(pa.array(["de", None, "en"]), ("de", "en")).tolist(), lang.column(("de", "en")).said(1)
    ([0, -1, 1], 'en')
    """

    name: str
    field: str
    type: AttributeType = "string"

    def identity(self) -> list[str]:
        """Everything that decides what is read."""
        return [self.name, self.field, self.type]

    @property
    def listed(self) -> bool:
        """Whether its values are strings, which are to be listed."""
        return self.type == "string"

    @property
    def _number(self) -> str:
        """The type of its numbers; a hash is one of a text, never negative."""
        return "int64" if self.type == "hash" else self.type

    @property
    def arrow(self) -> "pa.DataType":
        """The type of its values in token shards, where they may be null."""
        import pyarrow as pa

        if self.listed:
            return pa.large_string()
        return pa.bool_() if self.type == "bool" else pa.type_for_alias(self._number)

    @property
    def null(self) -> int | None:
        """What stands for a missing value in rows; None for floats, which have NaN."""
        import numpy as np

        if self.type in ("string", "bool"):
            return -1
        if self.type.startswith("float"):
            return None
        limits = np.iinfo(self._number)
        return int(limits.min if limits.min < 0 else limits.max)

    def column(self, values: Sequence[str] = ()) -> "Column":
        """The column as rows have it; of strings, `values` are all that there are, in order."""
        import numpy as np

        from pairloom.operators.schema import Column

        dtype = {"string": "int32", "bool": "int8"}.get(self.type, self._number)
        listed = {"string": tuple(values), "bool": ("false", "true")}.get(self.type)
        return Column(
            name=self.name,
            dtype=np.dtype(dtype),
            of="document",
            doc="what the records say of each document",
            null=self.null,
            meanings=listed,
        )

    def coded(self, given: "pa.Array | pa.ChunkedArray", values: Sequence[str] = ()) -> "npt.NDArray[Any]":
        """The numbers that stand for values in rows; raises ValueError for a string that is not among `values`."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.listed:
            known = pa.array(list(values), pa.large_string())
            found = pc.fill_null(pc.index_in(given.cast(pa.large_string()), value_set=known), -1)
            if pc.sum(pc.equal(found, -1)).as_py() not in (None, given.null_count):
                raise ValueError(
                    f"column {self.name} has strings that are not among its {len(values)} values"
                )
            return np.asarray(found.to_numpy(), np.int32)
        if self.type == "bool":
            given = given.cast(pa.int8())
        null = np.nan if self.null is None else self.null
        return np.asarray(given.fill_null(pa.scalar(null, given.type)).to_numpy(), self.column().dtype)

    def missing(self, count: int) -> "npt.NDArray[Any]":
        """The numbers of so many documents that have no value."""
        import pyarrow as pa

        return self.coded(pa.nulls(count, self.arrow))
