"""Runs of words that documents share with the texts of lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._hits import Items, found_in
from pairloom.operators.documents._spans import LOSS_MASK, laid_over, spans_of
from pairloom.operators.documents._step import Entries, Hit
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.documents.decontaminate import Decontaminate
from pairloom.operators.documents.kernels.overlaps import find_runs, hash_runs, hash_words
from pairloom.operators.errors import RecipeError
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize.classes import classes

__all__ = ["Decontaminated"]


class Words(NamedTuple):
    """The words of texts: where those of each begin, a hash of each, and its characters [begin, end) of the text."""

    first: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    begin: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]

    @staticmethod
    def of(texts: pa.LargeStringArray) -> "Words":
        """The words of texts in small letters; a small letter stands where the capital did, as one character."""
        text = text_of(pc.utf8_lower(texts))
        known = classes("marked")
        room = (len(text.data) + len(texts)) // 2 + 1
        words = Words(
            np.zeros(len(texts) + 1, np.int64),
            np.empty(room, np.uint64),
            np.empty(room, np.int64),
            np.empty(room, np.int64),
        )
        hash_words(text.data, text.offsets, known.block_of, known.blocks, *words)
        many = int(words.first[-1])
        return Words(words.first, words.hashes[:many], words.begin[:many], words.end[:many])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decontaminated(StepWithLists):
    """The step and the runs of its lists: hashes, ascending (`known`), the list of each (`of_list`), and a first look (`maybe`)."""

    name = "decontaminated"

    step: Decontaminate
    titles: tuple[str, ...]
    known: npt.NDArray[np.uint64]
    of_list: npt.NDArray[np.int64]
    maybe: npt.NDArray[np.bool_]
    items: Items

    @staticmethod
    def of(step: Decontaminate, titles: Sequence[str], lists: Sequence[Entries]) -> "Decontaminated":
        """The step that knows its lists; raises RecipeError for one that has no run of so many words."""
        hashes, owners, texts, lengths = [], [], [], []
        for number, (uri, entries) in enumerate(zip(step.against, lists, strict=True)):
            names = pa.array([], pa.large_string()) if entries.names is None else entries.names
            words = Words.of(names.cast(pa.large_string()))
            runs = np.empty(len(words.hashes), np.uint64)
            many = hash_runs(words.hashes, words.first, step.ngram, runs)
            if not many:
                raise RecipeError(
                    f"{step.name}: no item of {uri} has {step.ngram} words, so that nothing would be looked for: lower ngram, or "
                    f"correct column, which is {step.column!r}"
                )
            hashes.append(runs[:many])
            owners.append(np.full(many, number, np.int64))
            texts.append(names.cast(pa.large_string()))
            lengths.append(np.diff(words.first))
        known, first = np.unique(np.concatenate(hashes), return_index=True)
        maybe = np.zeros(1 << max(10, (16 * len(known)).bit_length()), np.bool_)
        maybe[known & np.uint64(len(maybe) - 1)] = True
        return Decontaminated(
            step=step,
            titles=tuple(titles),
            known=known,
            of_list=np.concatenate(owners)[first],
            maybe=maybe,
            items=Items.of(hashes, texts, lengths, step.ngram),
        )

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that share nothing, or all of them, with a mask or as they are."""
        if self.step.action == "report":
            return batch
        words = Words.of(batch.content)
        found, shared = np.full(len(batch), -1, np.int64), np.zeros(len(words.hashes), np.bool_)
        find_runs(words.hashes, words.first, self.step.ngram, self.maybe, self.known, found, shared)
        if self.step.action == "mask":
            masked = _masked(words, shared)
            if LOSS_MASK in batch.spans:
                if not shared.any():
                    return batch
                before = batch.spans[LOSS_MASK].to_pylist()
                masked = [
                    laid_over([_plain(one) for one in spans], over)
                    for spans, over in zip(before, masked, strict=True)
                ]
            return batch.with_spans(**{LOSS_MASK: spans_of(masked)})
        owner = np.where(found < 0, -1, self.of_list[found])
        for number, title in enumerate(self.titles):
            lost = owner == number
            batch, owner = batch.drop(lost, f"overlaps {title}"), owner[~lost]
        return batch

    def hits(self, batch: DocumentBatch) -> tuple[Hit, ...]:
        """The items that documents share runs of words with: of a run that several of a list have, the first of these."""
        words = Words.of(batch.content)
        found, shared = np.full(len(batch), -1, np.int64), np.zeros(len(words.hashes), np.bool_)
        find_runs(words.hashes, words.first, self.step.ngram, self.maybe, self.known, found, shared)
        which = np.flatnonzero(found >= 0)
        if not len(which):
            return ()
        words = Words.of(batch.content.take(pa.array(which)))
        runs = np.empty(len(words.hashes), np.uint64)
        many = hash_runs(words.hashes, words.first, self.step.ngram, runs)
        per_document = np.maximum(np.diff(words.first) - self.step.ngram + 1, 0)
        return tuple(
            Hit(
                int(which[document]),
                self.titles[of],
                item,
                *self.items.about(of, item),
                overlap,
                self.step.action,
            )
            for document, of, item, overlap in found_in(
                self.items, runs[:many], per_document, self.step.ngram
            )
        )


def _plain(span: Mapping[str, Any]) -> tuple[int, int, float]:
    return span["start"], span["end"], span["value"]


def _masked(words: Words, shared: npt.NDArray[np.bool_]) -> list[list[tuple[int, int, float]]]:
    """The spans from the first to the last of words that follow one another and are shared, not to be trained."""
    document = np.repeat(np.arange(len(words.first) - 1), np.diff(words.first))[shared]
    place = np.flatnonzero(shared)
    starts = (np.diff(place, prepend=-2) != 1) | (np.diff(document, prepend=-1) != 0)
    begins = np.flatnonzero(starts)
    ends = np.append(begins, len(place))[1:] - 1
    spans: list[list[tuple[int, int, float]]] = [[] for _ in range(len(words.first) - 1)]
    for of, begin, end in zip(
        document[begins].tolist(),
        words.begin[place[begins]].tolist(),
        words.end[place[ends]].tolist(),
        strict=True,
    ):
        spans[of].append((begin, end, 0.0))
    return spans
