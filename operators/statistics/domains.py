"""Which sites documents come from, or link to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from pairloom.operators.statistics import FirstRow, Partitions, TextStatistic

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.counts import KeyCounter
    from pairloom.operators.documents import DocumentBatch

__all__ = ["Domains"]

_URLS, _DOCUMENTS, _BYTES = 1, 2, 3
_HOST = r"^\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:[^/?#@\s]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:\s\]\[]+)"
_LINK = r"(?i)\bhttps?://"
_IN_TEXT = (
    r"^(?:[^/?#@\s\"'<>()]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[\p{L}\p{N}](?:[\p{L}\p{N}_.\-]*[\p{L}\p{N}])?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains(TextStatistic):
    """How many documents come from each domain, by the URL in a field of their records; with `column: null`, which they link to.

    A domain is the host of a URL in small letters, without "www." and without a port. Links are what begins with http:// or
    https:// in the text. The table has `domain` (string, null for documents whose field has no URL), `urls`, `documents` and
    `bytes` of the texts of these (int64 each). `top` keeps so many. Rows are by falling documents, then urls, then by name.

    Raises ValueError for a `top` below 1, and an empty column.
    """

    name: ClassVar[str] = "domains"

    column: str | None = "url"
    top: int | None = 1_000_000

    def __post_init__(self) -> None:
        if self.column == "":
            raise ValueError("column must not be empty; null counts the links in texts")
        if self.top is not None and self.top < 1:
            raise ValueError(f"top must be at least 1, not {self.top}; leave it out for all domains")

    @property
    def needs(self) -> tuple[str, ...]:
        """The field with the URL."""
        return () if self.column is None else (self.column,)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        numbers = [pa.field(name, pa.int64(), nullable=False) for name in ("urls", "documents", "bytes")]
        return pa.schema([pa.field("domain", pa.string()), *numbers])

    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Count the domain of each document, or those of the links of each, once for each document and once for each link."""
        import numpy as np
        import pyarrow.compute as pc

        from pairloom.operators.statistics._texts import add_values
        from pairloom.operators.text.arrays import text_of

        hosts, document = self._hosts(batch)
        if not len(hosts):
            return
        names = pc.if_else(pc.is_null(hosts), pa.scalar("", pa.large_string()), hosts).cast(pa.large_binary())
        size = np.diff(text_of(batch.content).offsets)
        coded = names.dictionary_encode().indices.to_numpy().astype(np.int64)
        _, first = np.unique(document << 32 | coded, return_index=True)
        add_values(counter, _URLS, names, np.ones(len(names), np.int64))
        add_values(counter, _DOCUMENTS, names.take(pa.array(first)), np.ones(len(first), np.int64))
        add_values(counter, _BYTES, names.take(pa.array(first)), size[document[first]])

    def _hosts(self, batch: "DocumentBatch") -> tuple[pa.LargeStringArray, "npt.NDArray[np.int64]"]:
        """The domain of each URL, null where there is none, and whose it is."""
        import numpy as np
        import pyarrow.compute as pc

        if self.column is None:
            parts = pc.split_pattern_regex(batch.content, _LINK)
            many = pc.list_value_length(parts).to_numpy(zero_copy_only=False).astype(np.int64)
            flat = parts.flatten()
            inside = np.ones(len(flat), np.bool_)
            inside[(np.cumsum(many) - many)[many > 0]] = False  # what is before the first link
            urls, pattern = flat.filter(pa.array(inside)), _IN_TEXT
            document = np.repeat(np.arange(len(batch)), many)[inside]
        else:
            given = batch.columns.get(self.column, batch.fields.get(self.column))
            urls = pa.nulls(len(batch), pa.large_string()) if given is None else given.cast(pa.large_string())
            document, pattern = np.arange(len(batch)), _HOST
        hosts = pc.struct_field(pc.extract_regex(urls, pattern), "host")
        hosts = pc.replace_substring_regex(pc.utf8_lower(hosts), r"^www\.|\.$", "")
        hosts = pc.if_else(pc.equal(hosts, ""), pa.scalar(None, hosts.type), hosts).cast(pa.large_string())
        if self.column is None:
            there = hosts.is_valid()
            return hosts.filter(there), document[there.to_numpy(zero_copy_only=False)]
        return hosts, document

    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions twice, and holds all domains."""
        import numpy as np
        import pyarrow.compute as pc

        from pairloom.operators.statistics._texts import values_of

        names, documents = pa.array([], pa.large_binary()), np.zeros(0, np.int64)
        for counts in partitions():
            more, times = values_of(counts, _DOCUMENTS)
            names, documents = pa.concat_arrays([names, more]), np.concatenate([documents, times])
        found = {"urls": np.zeros(len(names), np.int64), "bytes": np.zeros(len(names), np.int64)}
        for counts in partitions():
            for column, kind in (("urls", _URLS), ("bytes", _BYTES)):
                more, times = values_of(counts, kind)
                found[column][pc.index_in(more, value_set=names).to_numpy(zero_copy_only=False)] = times
        order = np.asarray(pc.array_sort_indices(names).to_numpy(), np.int64)
        order = order[np.lexsort((-found["urls"][order], -documents[order]))][: self.top]
        if len(order):
            said = [name.decode() or None for name in names.take(pa.array(order)).to_pylist()]
            columns = [said, found["urls"][order], documents[order], found["bytes"][order]]
            arrays = [pa.array(one, field.type) for one, field in zip(columns, self.schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
