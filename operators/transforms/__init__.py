"""Token steps: pure functions of documents of tokens, applied after selection and before rows are planned.

    partition ─▶ documents in their order ─▶ step ─▶ step ─▶ rows

A step is a frozen dataclass in a file of its own; its fields are its recipe keys:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Reverse(TokenStep):
        \"\"\"The tokens of each document, last first.\"\"\"

        name = "reverse"

        def __call__(self, batch: TokenBatch, seed: int, tables: None) -> TokenBatch: ...

Randomness is a hash of (seed, document number, copy), never a generator's state: a retry, another partitioning and whoever
proves the rows (`verify`) get the same tokens.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mixed
from pairloom.operators.registry import Registry
from pairloom.operators.schema import Column
from pairloom.operators.steps import step_identity, step_seed
from pairloom.operators.tokens import TokenBatch

__all__ = ["TRANSFORMS", "Prepared", "TokenStep", "document_streams", "draws", "prepared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStep(ABC):
    """A function of documents of tokens. Its fields are its recipe keys; a ValueError begins with the key that it is about.

    What becomes of a document depends on nothing but its tokens, number and copy, the seed and the tables: never on the
    documents beside it, which are others in a partition than in a shard.

    `columns` are token or document columns that it adds. `special_tokens` must be in the vocabulary. `version` changes
    whenever the same keys give other tokens, `source` where it was published. `keeps_places` says that tokens stay where they
    are, `respells` that a text may have other tokens after `undo` than it had before, `in_parts` that what it makes lies at
    places of rows, so that nothing after it may move it.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    source: ClassVar[str] = ""
    columns: ClassVar[tuple[Column, ...]] = ()
    keeps_places: ClassVar[bool] = False
    respells: ClassVar[bool] = False
    in_parts: ClassVar[bool] = False

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens that it puts between others, as text."""
        return ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that documents must bring, or a step before it must give, besides `input_ids`."""
        return ()

    @property
    def moves_columns(self) -> bool:
        """Whether what stands beside tokens goes with them; not where it makes text of them, and other tokens of that."""
        return True

    def identity(self) -> object:
        """Everything that decides what it gives, as JSON."""
        return step_identity(self)

    def in_rows(self, seq_len: int, *, aligned: bool) -> "TokenStep":
        """The step for rows of so many tokens; `aligned`, if documents will be cut at multiples of that, as they leave it.

        Raises ValueError where it cannot be used for them.
        """
        return self

    def prepare(self, tokenizer: Any) -> Any:
        """What it needs to know of the vocabulary: made once, pickled, shared by all tasks."""
        return None

    def need(self, tokens: int, width: int) -> int:
        """Bytes of memory that it takes for so many tokens of `width` bytes, its result included; by default a copy."""
        return 2 * tokens * width

    @abstractmethod
    def __call__(self, batch: TokenBatch, seed: int, tables: Any) -> TokenBatch:
        """The documents, as many as before and in their order, with what the step makes of them."""

    def undo(self, batch: TokenBatch, seed: int, tables: Any) -> TokenBatch | None:
        """Documents that decode to what `batch` was made of with this seed; None for a step that has no inverse."""
        return None


TRANSFORMS: Registry[TokenStep] = Registry(
    kind="token step",
    package="pairloom.operators.transforms",
    base="pairloom.operators.transforms:TokenStep",
    group="pairloom.steps",
    siblings=("pairloom.operators.layouts:LAYOUTS", "pairloom.operators.documents:DOCUMENT_STEPS"),
    place="pack.steps",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """Documents that steps were applied to, and by how many tokens the steps made documents longer and shorter."""

    batch: TokenBatch
    added: int
    removed: int


def prepared(batch: TokenBatch, steps: Sequence[TokenStep], seed: int, tables: Sequence[Any]) -> Prepared:
    """Apply steps one after another; `tables[i]` is what `steps[i].prepare` gave.

    Raises ValueError for a step that gives more or fewer documents than it got, or not the columns that it promised.
    """
    added = removed = 0
    for place, (step, table) in enumerate(zip(steps, tables, strict=True)):
        after = step(batch, step_seed(seed, place, step.name), table)
        if len(after) != len(batch):
            raise ValueError(f"the token step {step.name} makes {len(after)} documents of {len(batch)}")
        change = after.length - batch.length
        added += int(change[change > 0].sum())
        removed -= int(change[change < 0].sum())
        batch = after
    return Prepared(batch=batch, added=added, removed=removed)


def document_streams(seed: int, batch: TokenBatch) -> npt.NDArray[np.uint64]:
    """What the randomness of each copy of each document is made of: uint64, a hash of (seed, document number, copy)."""
    number, copy = (np.asarray(part).astype(np.uint64) for part in (batch.number, batch.copy))
    start = mixed(np.full(1, seed, np.uint64))
    return mixed(mixed(start ^ mixed(number)) + (copy + np.uint64(1)) * GOLDEN)


def draws(streams: npt.NDArray[np.uint64], which: npt.NDArray[np.int64] | int) -> npt.NDArray[np.uint64]:
    """Draw number `which` of each stream: uint64, uniform. Draws of one stream are independent of each other."""
    place = np.asarray(which).astype(np.uint64)
    return mixed(streams + (place + np.uint64(1)) * GOLDEN)
