"""Mixtures: how often each document is taken, in exact rational arithmetic.

    shares asked for, tokens there are ──▶ epochs of each source (a Fraction) ──▶ copies of each document (0, 1, 2 ...)

A source at 2.3 epochs has each of its documents twice, and three in ten of them a third time. Which those are is a
function of the document's id and the mixture's seed: a document that is chosen at 0.3 is chosen at 0.4 too, and neither
other documents nor how the corpus is cut has a say. No float decides a byte.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.kernels.hashing import GOLDEN, hash_bytes, hash_text, mixed
from pairloom.operators.text.arrays import text_of

__all__ = [
    "MAX_EPOCHS",
    "Asked",
    "copy_keys",
    "document_copies",
    "expanded",
    "partition_edges",
    "passes",
    "source_epochs",
]

MAX_EPOCHS = 1000  # more is taken for a mistake in the recipe
COPY_SEED = hash_bytes(b"pairloom: copies of documents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a recipe asks of a source: at most one of its share of the mixture, epochs, tokens; else one epoch."""

    name: str
    weight: Fraction | None = None
    epochs: Fraction | None = None
    tokens: int | None = None


def source_epochs(
    asked: Sequence[Asked], available: Sequence[int], total: int | None = None
) -> tuple[Fraction, ...]:
    """How often each source is seen, from the tokens that are available of each.

    A weight is a share of the mixture's tokens: with `total` tokens in all, or with the most tokens at which no source
    is seen more than once. Raises RecipeError for a share of a source without tokens and for more than MAX_EPOCHS.

    >>> web, books = Asked(name="web", weight=Fraction(3)), Asked(name="books", weight=Fraction(1))
    >>> source_epochs([web, books], [1000, 100])
    (Fraction(3, 10), Fraction(1, 1))
    >>> source_epochs([web, books], [1000, 100], total=800)
    (Fraction(3, 5), Fraction(2, 1))
    """
    for one, there in zip(asked, available, strict=True):
        if not there and (one.weight is not None or one.tokens is not None):
            raise RecipeError(
                f"source {one.name} has no training tokens to take a share of: correct its paths, or remove it"
            )
    weights = sum((one.weight for one in asked if one.weight is not None), Fraction(0))
    size = Fraction(0)
    if weights:
        # At this total the scarcest source is seen exactly once.
        size = (
            Fraction(total)
            if total is not None
            else weights
            * min(
                Fraction(there) / one.weight
                for one, there in zip(asked, available, strict=True)
                if one.weight is not None
            )
        )
    out = []
    for one, there in zip(asked, available, strict=True):
        epochs = Fraction(1) if one.epochs is None else one.epochs
        if one.weight is not None:
            epochs = size * one.weight / weights / there
        elif one.tokens is not None:
            epochs = Fraction(one.tokens, there)
        if epochs > MAX_EPOCHS:
            raise RecipeError(
                f"source {one.name} would be seen {float(epochs):,.1f} times, for {math.floor(epochs * there):,} tokens of the "
                f"{there:,} that it has; more than {MAX_EPOCHS} epochs are refused: ask for less of it"
            )
        out.append(epochs)
    return tuple(out)


def document_copies(ids: pa.Array, epochs: Fraction, seed: int) -> npt.NDArray[np.int64]:
    """How often each document of a source is taken: the whole epochs, and once more for `frac(epochs)` of them; int64.

    A document is taken once more if the hash of its id, of 64 bits, is below `frac(epochs)` of 2^64.
    """
    whole = math.floor(epochs)
    copies = np.full(len(ids), whole, np.int64)
    threshold = math.ceil((epochs - whole) * 2**64)
    if threshold == 2**64:
        copies += 1
    elif threshold:
        stream = COPY_SEED ^ hash_bytes(seed.to_bytes(8, "little"))
        copies += hash_text(text_of(ids), stream) < np.uint64(threshold)
    return copies


def expanded(copies: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The document of each copy and the copy's number, from 0; both int64, in the order of the documents.

    >>> [column.tolist() for column in expanded(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    index = np.repeat(np.arange(len(copies)), copies)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)


def copy_keys(keys: npt.NDArray[np.uint64], copy: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The place of each copy in the shuffled order: the first keeps its document's key, later ones have their own; uint64.

    For each copy number it is a bijection of the keys: `copy` steps of splitmix64.
    """
    return np.where(copy > 0, mixed(keys + copy.astype(np.uint64) * GOLDEN), keys)


def passes(epochs: Fraction, tokens: int) -> tuple[Fraction, ...]:
    """The tokens that each pass over a source is expected to take; whole passes all of them, the last the rest.

    >>> passes(Fraction(5, 2), 10)
    (Fraction(10, 1), Fraction(10, 1), Fraction(5, 1))
    """
    return tuple(min(Fraction(1), epochs - k) * tokens for k in range(math.ceil(epochs)))


def partition_edges(
    base: Fraction, width: Fraction, length: int, size: int, parts: int
) -> tuple[int, npt.NDArray[np.int64]]:
    """Cut a pass over a source where partitions end: the partition that it begins in, and the edges after it (int64).

    Partitions hold `size` tokens of the mixture; the last of the `parts` holds all the rest. The pass begins `base` tokens
    into the mixture and is expected to take `width` of them; its source is `length` tokens long. What stands at token `r`
    of the source stands in the mixture at `base + width * r / length`, and so in the first partition plus the number of
    edges that are at most `r`.
    """
    first, last = (min(parts - 1, math.floor(place / size)) for place in (base, base + width))
    edges = [math.ceil((part * size - base) * length / width) for part in range(first + 1, last + 1)]
    return first, np.array(edges, np.int64)
