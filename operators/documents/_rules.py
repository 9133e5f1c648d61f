"""What steps that are rules share: documents are measured, and each that breaks a rule is left out for the first that it breaks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents.kernels.words import MEASURES, measure_words
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.pretokenize.classes import Classes, classes

__all__ = [
    "Rule",
    "above",
    "below",
    "letters",
    "measured",
    "ratio",
    "table_for",
    "texts_of",
    "without",
    "without_broken",
]

Mask: TypeAlias = npt.NDArray[np.bool_]
Rule: TypeAlias = tuple[str, Mask | None]
"""A reason, and which documents it leaves out; None where it is not asked for."""


def letters() -> Classes:
    """What is white space, a letter, a digit, and punctuation or a symbol, at Unicode 16."""
    return classes("segmented")


def texts_of(batch: DocumentBatch) -> Text:
    """The texts as kernels read them."""
    return text_of(batch.content)


def measured(batch: DocumentBatch, stops: Sequence[str] = ()) -> npt.NDArray[np.int64]:
    """What `measure_words` says of each document: int64[n, MEASURES]."""
    text, table = texts_of(batch), letters()
    out = np.zeros((len(batch), MEASURES), np.int64)
    hashes = np.array([hash_bytes(word.encode()) for word in stops], np.uint64)
    longest = max((len(word.encode()) for word in stops), default=0)
    measure_words(text.data, text.offsets, table.block_of, table.blocks, hashes, longest, out)
    return out


def ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """A share of each document, 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(len(part), np.float64), where=whole != 0)


def table_for(entries: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """The keys and stamps of a table of at least twice as many slots."""
    slots = 1 << max(4, (2 * entries).bit_length())
    return np.zeros(slots, np.uint64), np.zeros(slots, np.int32)


def without(batch: DocumentBatch, broken: npt.NDArray[Any], reasons: Sequence[str]) -> DocumentBatch:
    """Without the documents that break a rule, by its number from 1 on, each of which is counted for that one's reason."""
    dropped = dict(batch.dropped)
    for number, count in zip(*np.unique(broken[broken > 0], return_counts=True), strict=True):
        reason = reasons[int(number) - 1]
        dropped[reason] = dropped.get(reason, 0) + int(count)
    return replace(batch.filter(broken == 0), dropped=dropped)


def without_broken(batch: DocumentBatch, rules: Iterable[Rule]) -> DocumentBatch:
    """Without the documents that break a rule, each of which is counted for the first that it breaks."""
    asked = [(reason, mask) for reason, mask in rules if mask is not None]
    broken = np.zeros(len(batch), np.int64)
    for number, (_, mask) in reversed(list(enumerate(asked, start=1))):
        broken[mask] = number
    return without(batch, broken, [reason for reason, _ in asked])


def below(values: npt.NDArray[Any], bound: float | None) -> Mask | None:
    """Where values are less than a bound, if there is one."""
    return None if bound is None else values < bound


def above(values: npt.NDArray[Any], bound: float | None) -> Mask | None:
    """Where values are more than a bound, if there is one."""
    return None if bound is None else values > bound
