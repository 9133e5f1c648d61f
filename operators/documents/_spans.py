"""Spans: what characters of a document say about the tokens that they become.

    text    User: hi Bot: hello          spans of `loss_mask`   (14, 19, 1.0)
    tokens  User|:| hi| Bot|:| hello     column `loss_mask`      0 0 0 0 0 1

A step gives spans and says, by a `Spanned`, which column they become; encoding maps them to tokens by the bytes of each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from pairloom.operators.schema import Column

if TYPE_CHECKING:
    from pairloom.operators.documents._step import DocumentStep
    from pairloom.operators.given import Beside

__all__ = [
    "LOSS_MASK",
    "LOSS_WEIGHT",
    "SPECIAL",
    "Rule",
    "Spanned",
    "laid_over",
    "spanned_by",
    "spans_of",
    "special_spans_of",
]

Rule = Literal["all", "any", "majority"]

SPECIAL = "special"
"""The spans that are special tokens, each with its token: what spells one elsewhere stays text."""

LOSS_MASK = "loss_mask"
"""1 where a token is to be predicted, 0 elsewhere."""
LOSS_WEIGHT = "loss_weight"
"""How much the loss at a token counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spanned:
    """A column of tokens that spans become.

    Characters in no span are `outside`. A token over whose bytes there are several values has, by `rule`, the least of them
    (all), the greatest (any) or that of most of its bytes (majority). Tokens put before a document are `outside`, those put
    behind it as its last one is. In sources without such spans every token is `without`. Where it is `needed`, a document
    of whose tokens all are 0 cannot be used. Where it is `over`, and something before it gives the column, its spans are laid over
    those that are there, and what else is said of the column is said by whoever gave it.
    """

    column: Column
    outside: float = 0.0
    rule: Rule = "all"
    without: float = 1.0
    needed: bool = False
    over: bool = False

    @property
    def beside(self) -> "Beside":
        """The column, as that of sources which bring it with tokens."""
        from pairloom.operators.given import Beside

        return Beside(column=self.column, elsewhere=self.without)


def spanned_by(steps: "Iterable[DocumentStep]", given: Iterable[str]) -> tuple[Spanned, ...]:
    """The columns that the spans of steps become, but those that are laid over what is `given` or what a step before gives."""
    names, found = set(given), []
    for step in steps:
        for one in step.spanned:
            if not (one.over and one.column.name in names):
                found.append(one)
            names.add(one.column.name)
    return tuple(found)


def laid_over(
    spans: Sequence[tuple[int, int, float]], over: Sequence[tuple[int, int, float]]
) -> list[tuple[int, int, float]]:
    """Spans of a document, and over them others, which take the place of what they cover.

    >>> laid_over([(0, 9, 1.0)], [(2, 4, 0.0), (8, 12, 0.0)])
    [(0, 2, 1.0), (2, 4, 0.0), (4, 8, 1.0), (8, 12, 0.0)]
    """
    left = list(spans)
    for first, last, _ in over:
        left = [
            part
            for start, end, value in left
            for part in ((start, min(end, first), value), (max(start, last), end, value))
            if part[0] < part[1]
        ]
    return sorted([*left, *over])


def spans_of(lists: Iterable[Sequence[tuple[int, int, float]]]) -> pa.LargeListArray:
    """Spans of documents, each (first character, the one behind the last, value), ascending, none in another.

    >>> spans_of([[(0, 2, 1.0)], []]).to_pylist()
    [[{'start': 0, 'end': 2, 'value': 1.0}], []]
    """
    rows = list(lists)
    flat = [span for row in rows for span in row]
    return _lists(
        rows,
        start=pa.array([span[0] for span in flat], pa.int64()),
        end=pa.array([span[1] for span in flat], pa.int64()),
        value=pa.array([float(span[2]) for span in flat], pa.float32()),
    )


def special_spans_of(lists: Iterable[Sequence[tuple[int, int, str]]]) -> pa.LargeListArray:
    """As `spans_of`, each (first character, the one behind the last, special token)."""
    rows = list(lists)
    flat = [span for row in rows for span in row]
    return _lists(
        rows,
        start=pa.array([span[0] for span in flat], pa.int64()),
        end=pa.array([span[1] for span in flat], pa.int64()),
        token=pa.array([span[2] for span in flat], pa.string()).dictionary_encode(),
    )


def _lists(rows: Sequence[Sequence[object]], **values: pa.Array) -> pa.LargeListArray:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    structs = pa.StructArray.from_arrays(list(values.values()), names=list(values))
    return pa.LargeListArray.from_arrays(pa.array(offsets), structs)
