"""Which scripts a corpus is written in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from pairloom.operators.statistics import FirstRow, Partitions, TextStatistic

if TYPE_CHECKING:
    from pairloom.operators.counts import KeyCounter
    from pairloom.operators.documents import DocumentBatch

__all__ = ["Scripts"]

_CHARACTERS, _DOCUMENTS, _MAINLY = 1, 2, 3
OTHER = "Other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts(TextStatistic):
    """How much of the texts is written in each script of Unicode 16.

    The table has `script` (string), `characters`, `documents` that have any, and `mainly` (int64 each), documents that have more
    of it than of any other (of as many, the first in the order of Unicode's list). `Common` is what all scripts share, as digits,
    blanks and punctuation, `Inherited` marks that follow others, `Other` what is in none of the scripts that are told apart;
    documents that have nothing else are mainly of these. Rows are by falling characters, then by name.
    """

    name: ClassVar[str] = "scripts"

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        numbers = [
            pa.field(name, pa.int64(), nullable=False) for name in ("characters", "documents", "mainly")
        ]
        return pa.schema([pa.field("script", pa.string(), nullable=False), *numbers])

    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Count the characters of each script, and the documents."""
        import numpy as np

        from pairloom.operators.statistics._texts import add_values, code_points
        from pairloom.operators.text.pretokenize.patterns.properties import SCRIPTS, script_numbers

        points, length = code_points(batch.content)
        many, full = len(SCRIPTS) + 1, np.flatnonzero(length)
        begins = (np.cumsum(length) - length)[full]
        script = script_numbers()[points]
        here = np.zeros((len(full), many), np.int64)
        for one in np.flatnonzero(np.bincount(script)).tolist():
            here[:, one] = np.add.reduceat(script == one, begins, dtype=np.int64)
        names = pa.array([name.encode() for name in (OTHER, *SCRIPTS)], pa.large_binary())
        add_values(counter, _CHARACTERS, names, here.sum(0))
        add_values(counter, _DOCUMENTS, names, (here > 0).sum(0))
        # What says nothing of a script is the main one only where there is nothing else.
        weight = here * (many * many)
        weight[:, [0, 1, 2]] = here[:, [0, 1, 2]] > 0
        main = np.bincount(weight.argmax(1), minlength=many)
        add_values(counter, _MAINLY, names, main)

    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once."""
        from pairloom.operators.statistics._texts import values_of

        rows: dict[str, list[int]] = {}
        for counts in partitions():
            for place, kind in enumerate((_CHARACTERS, _DOCUMENTS, _MAINLY)):
                names, values = values_of(counts, kind)
                for name, value in zip(names.to_pylist(), values.tolist(), strict=True):
                    rows.setdefault(name.decode(), [0, 0, 0])[place] += value
        ordered = [(name, *rows[name]) for name in sorted(rows, key=lambda name: (-rows[name][0], name))]
        if ordered:
            columns = zip(*ordered, strict=True)
            arrays = [pa.array(one, field.type) for one, field in zip(columns, self.schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
