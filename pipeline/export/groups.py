"""The completions of each prompt of a dataset, together: what trains on preferences or on rewards takes a group at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import LOSS_MASK
from pairloom.operators.errors import RecipeError
from pairloom.operators.schema import GROUP, ID, INPUT_IDS, MEMBER, SOURCE, Column, columns_of
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.whole_documents import Documents

__all__ = ["Completion", "Group", "groups"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Completion:
    """A prompt with one of its completions: `ids`, and `mask`, 1 where a token is to be predicted.

    `columns` are what stands beside the tokens else, `values` what is known of the document: its reward, its side.
    """

    id: str
    ids: npt.NDArray[np.integer[Any]]
    mask: npt.NDArray[np.uint8]
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def begins(self) -> int:
        """How many tokens come before the first that is to be predicted."""
        return int(np.argmax(self.mask))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The completions of one prompt, in the order of their record."""

    number: int
    completions: tuple[Completion, ...]

    @property
    def prompt_ids(self) -> list[int]:
        """The tokens that all have before any is to be predicted."""
        return [int(one) for one in self.completions[0].ids[: self._shared]]

    @property
    def completion_ids(self) -> list[list[int]]:
        """What each has behind these."""
        return [one.ids[self._shared :].tolist() for one in self.completions]

    @property
    def pair(self) -> dict[str, list[int]]:
        """As trainers of pairs take it: `prompt_ids`, `chosen_ids` and `rejected_ids`; raises ValueError for no pair."""
        sides = [one.values.get("side") for one in self.completions]
        if sides != ["chosen", "rejected"]:
            raise ValueError(
                f"group {self.number} has {len(sides)} completions, and no chosen and rejected one"
            )
        chosen, rejected = self.completion_ids
        return {"prompt_ids": self.prompt_ids, "chosen_ids": chosen, "rejected_ids": rejected}

    @property
    def _shared(self) -> int:
        first, *others = (one.ids[: one.begins] for one in self.completions)
        least = len(first)
        for other in others:
            size = min(least, len(other))
            same = first[:size] == other[:size]
            least = size if same.all() else int(np.argmin(same))
        return least


def groups(dataset: Dataset, split: str = "train") -> Iterator[Group]:
    """The groups of a split, in the order of the corpus, a copy of a group behind the other; other documents are left out.

    Raises RecipeError where no source brings completions.
    """
    source = Documents(dataset, split)
    if GROUP not in source.schema.names or MEMBER not in source.schema.names:
        raise RecipeError(
            "no source of this dataset brings completions of prompts: name preferences in one, and run it"
        )
    columns = columns_of(source.schema)
    kept = [one for one in columns if one.name not in (INPUT_IDS, LOSS_MASK, SOURCE, GROUP, MEMBER)]
    null = next(one.null for one in columns if one.name == GROUP)
    for part in source.parts():
        for batch in part:
            numbers = batch.table.column(GROUP).to_numpy()
            places = [int(i) for i in np.flatnonzero(numbers != null)]
            for number, rows in groupby(places, key=lambda i: numbers[i]):
                yield from _copies(int(number), batch.table.take(pa.array(list(rows))), kept)
    source.check()


def _copies(number: int, table: pa.RecordBatch, kept: list[Column]) -> Iterator[Group]:
    """A group for each copy that there is of it, and of each record that is another's equal."""
    member = table.column(MEMBER).to_numpy()
    nth = np.zeros(len(member), np.int64)
    seen: dict[int, int] = {}
    for i, one in enumerate(member.tolist()):
        nth[i] = seen[one] = seen.get(one, -1) + 1
    made = [_completion(table, i, kept) for i in range(len(table))]
    for copy in range(int(nth.max()) + 1):
        rows = sorted(np.flatnonzero(nth == copy).tolist(), key=lambda i: member[i])
        yield Group(number=number, completions=tuple(made[i] for i in rows))


def _completion(table: pa.RecordBatch, i: int, kept: list[Column]) -> Completion:
    def tokens(name: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = table.column(name)[i].values.to_numpy(zero_copy_only=False)
        return values

    return Completion(
        id=table.column(ID)[i].as_py(),
        ids=tokens(INPUT_IDS),
        mask=tokens(LOSS_MASK),
        columns={one.name: tokens(one.name) for one in kept if one.of == "token"},
        values={
            one.name: one.said(table.column(one.name)[i].as_py()) for one in kept if one.of == "document"
        },
    )
