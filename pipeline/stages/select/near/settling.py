"""rank, select: of documents that hang together one is kept; the others are listed with it.

    pairs (document, least) ──▶ offer: the best of a range ──▶ in the range of the least: the best of all ──▶ back

Where the first is kept, that is the least, and there is nothing to rank.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.notes import note
from pairloom.pipeline.stages.select.duplicates import DUPLICATES, left_out_facts, write_spans
from pairloom.pipeline.stages.select.near.cost import settle_memory
from pairloom.pipeline.stages.select.near.places import Ranges, read_pairs, write_pairs
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["DecideTask", "OfferTask", "SettleTask", "SharedPairs"]

OFFERS = pa.schema(
    [
        pa.field("least", pa.int64(), nullable=False),
        pa.field("document", pa.int64(), nullable=False),
        pa.field("rank", pa.uint64(), nullable=False),
        pa.field("range", pa.int64(), nullable=False),
    ]
)
KEPT = DUPLICATES.append(pa.field("kept", pa.int64(), nullable=False))


class Signed(NamedTuple):
    """What is known of the documents of a range, ascending by their place in the corpus."""

    document: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]
    rank: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPairs:
    """The files of pairs, the shards with their files of what is known, and what was offered or decided."""

    pairs: tuple[StoredFile, ...]
    shards: tuple[PlacedShard, ...]
    signed: tuple[StoredFile, ...]
    said: tuple[StoredFile, ...] = ()

    def known(self, objects: Objects, low: int, high: int) -> Signed:
        """What is known of the documents [low, high)."""
        batches = []
        firsts = []
        for number, (shard, stored) in enumerate(zip(self.shards, self.signed, strict=True)):
            note(number, len(self.shards))
            if shard.first_record < high and low < shard.end_record:
                with open_arrow(objects, stored) as reader:
                    batches.append(reader.read_all())
                firsts.append(np.full(len(batches[-1]), shard.first_record, np.int64))
        if not batches:
            none = np.zeros(0, np.int64)
            return Signed(none, none, none.astype(np.bool_), none.astype(np.uint64))
        table = pa.concat_tables(batches)
        document = np.concatenate(firsts) + table.column("record").to_numpy()
        inside = (document >= low) & (document < high)
        tokens, held_out, rank = (
            table.column(name).to_numpy()[inside] for name in ("tokens", "validation", "rank")
        )
        return Signed(document[inside], tokens, held_out, rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RangeTask(UnitTask):
    """A task of one range; `files` is the fingerprint of all that are shared."""

    part: int
    files: str
    ranges: Ranges
    expected: int  # documents of the range
    size: int  # bytes of its pairs

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return [self.part, self.files, self.ranges.identity()]

    @property
    def label(self) -> str:
        """The range."""
        return f"range {self.part}"

    def need(self) -> int:
        """What is known of the documents of the range, and its pairs."""
        return settle_memory(self.expected, self.size)


def best_of(
    least: npt.NDArray[np.int64], rank: npt.NDArray[np.uint64], document: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The places of the best documents, one for each `least`, ascending: of the lowest rank, and of those the first."""
    order = np.lexsort((document, rank, least))
    new = np.ones(len(order), np.bool_)
    new[1:] = least[order][1:] != least[order][:-1]
    return order[new]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTask(_RangeTask):
    """Offer the best documents of a range to those that they hang together with."""

    step = "offer"

    def work(self, attempt: Attempt, shared: SharedPairs) -> None:
        """Read, rank, write."""
        document, least = read_pairs(attempt.objects, shared.pairs, self.part)
        known = shared.known(attempt.objects, *self.ranges.bounds(self.part))
        rank = known.rank[np.searchsorted(known.document, document)]
        best = best_of(least, rank, document)
        where = np.full(len(best), self.part, np.int64)
        edges = np.searchsorted(self.ranges.of(least[best]), np.arange(self.ranges.parts + 1))
        columns = (least[best], document[best], rank[best], where)
        whole = pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=OFFERS)
        with attempt.arrow("offers", OFFERS) as writer:
            for a, b in zip(edges[:-1], edges[1:], strict=True):
                writer.write(whole.slice(a, b - a))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideTask(_RangeTask):
    """Decide what is kept of those that hang together with a document of the range, and tell the ranges of them."""

    step = "decide"

    def work(self, attempt: Attempt, shared: SharedPairs) -> None:
        """Read, rank, write pairs of the least and the one that is kept."""
        batches = []
        for stored in shared.said:
            with open_arrow(attempt.objects, stored) as reader:
                batches.append(reader.get_batch(self.part))
        table = pa.Table.from_batches(batches, schema=OFFERS)
        least, document, where = (table.column(name).to_numpy() for name in ("least", "document", "range"))
        known = shared.known(attempt.objects, *self.ranges.bounds(self.part))
        own = np.unique(least)
        ranks = np.concatenate(
            [table.column("rank").to_numpy(), known.rank[np.searchsorted(known.document, own)]]
        )
        every, document = np.concatenate([least, own]), np.concatenate([document, own])
        kept = document[best_of(every, ranks, document)]
        told = np.concatenate([where, np.full(len(own), self.part, np.int64)])
        answers = np.unique(np.column_stack([told, every]), axis=0)
        pairs = answers[:, 1], kept[np.searchsorted(own, answers[:, 1])]
        write_pairs(attempt, "kept", pairs, answers[:, 0], self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleTask(_RangeTask):
    """List the documents of a range that are left out, each with the one that is kept for it."""

    sources: tuple[tuple[str, int], ...]
    span: int
    ranked: bool
    step = "select"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return [self.part, self.files, self.ranges.identity(), self.sources, self.span, self.ranked]

    def work(self, attempt: Attempt, shared: SharedPairs) -> None:
        """Read, list, count."""
        document, kept = read_pairs(attempt.objects, shared.pairs, self.part)
        if self.ranked:
            document, kept = _decided(document, kept, read_pairs(attempt.objects, shared.said, self.part))
            low, high = self.ranges.bounds(self.part)
            out = (document != kept) & (document >= low) & (document < high)
            document, kept = document[out], kept[out]
        known = shared.known(attempt.objects, *self.ranges.bounds(self.part))
        place = np.searchsorted(known.document, document)
        write_spans(attempt, KEPT, [document, kept], self.sources[-1][1], self.span)
        length, held_out = known.tokens[place], known.held_out[place]
        dropped = int(length.sum())
        attempt.ledger = Ledger(
            documents_in=len(known.document),
            documents_out=len(known.document) - len(document),
            tokens=int(known.tokens.sum()) - dropped,
            deduplicated=len(document),
            deduplicated_tokens=dropped,
        )
        attempt.facts = left_out_facts(self.sources, document, length, held_out)


def _decided(
    document: npt.NDArray[np.int64], least: npt.NDArray[np.int64], decided: Sequence[npt.NDArray[np.int64]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All documents that hang together with others, the least among them too, and what is kept for each; ascending."""
    of, kept = decided
    found = kept[np.searchsorted(of, least)]
    document, found = np.concatenate([document, of]), np.concatenate([found, kept])
    order = np.argsort(document, kind="stable")
    return document[order], found[order]
