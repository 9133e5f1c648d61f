"""Replaying merges over word counts, with what each does to the counts of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import CapacityError
from pairloom.operators.evaluate.kernels import lay_out_words, list_adjacent, merge_everywhere
from pairloom.operators.models.bpe import replay
from pairloom.operators.models.bpe.merges import numbered_merges
from pairloom.operators.models.bpe.model import byte_ids, merge_products
from pairloom.operators.text.arrays import text_of
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Trace", "add_traces", "merge_trace", "scanned_trace"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """The pairs of a text before any merge, and how each merge changes their counts.

    A pair is `left << 32 | right`, int64. `pairs` and `counts` (int64) are those at first, ascending. Merge `t` has the
    changes from `ends[t - 1]` (0 for the first) to `ends[t]` of `changed` (pairs, ascending within a merge) and `change`.
    """

    pairs: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    changed: npt.NDArray[np.int64]
    change: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @property
    def total(self) -> int:
        """Pairs at first, repetitions included."""
        return int(self.counts.sum())


def merge_trace(vocabulary: Vocabulary, counts: WordCounts, merges: int) -> Trace:
    """Make the first `merges` merges in the words, one after another, left to right and without overlap.

    A pair is counted at each of its positions, as in learning. Time is that of learning so many merges; where the merges
    are not those of a learner (`numbered_merges`), that of one scan of the words a merge. Raises CapacityError where the
    words pass what is held in memory at a time (2^31 symbols) or sums could pass 2^63 - 1.
    """
    text = text_of(counts.words)
    size = text.bytes + len(text)
    if size >= 1 << 31 or float(counts.counts.astype(np.float64) @ np.diff(text.offsets)) >= 2.0**61:
        raise CapacityError(f"{len(text)} words of {text.bytes} bytes are too many to replay; take a sample")
    try:
        given, ids = numbered_merges(vocabulary, vocabulary.model.merges[:merges])
    except ValueError:
        return scanned_trace(vocabulary, counts, merges)
    steps = list(replay(counts, given))
    keys = [(ids[step.pairs[:, 0]] << 32) | ids[step.pairs[:, 1]] for step in steps]
    first = np.argsort(keys[0])
    pairs, at_first = keys[0][first], steps[0].counts[first]
    changed, now = np.concatenate(keys), np.concatenate([step.counts for step in steps])
    when = np.repeat(np.arange(len(steps)), [len(one) for one in keys])
    order = np.lexsort((when, changed))
    changed, now, when = changed[order], now[order], when[order]
    change = now - np.concatenate([[0], now[:-1]])
    new = np.diff(changed, prepend=changed[:1] - 1) != 0
    change[new] = now[new]
    kept = (when > 0) & (change != 0)
    changed, change, when = changed[kept], change[kept], when[kept]
    order = np.argsort(when, kind="stable")
    return Trace(
        pairs=pairs,
        counts=at_first,
        changed=changed[order],
        change=change[order],
        ends=np.searchsorted(when[order], np.arange(1, len(steps)), side="right").astype(np.int64),
    )


def scanned_trace(vocabulary: Vocabulary, counts: WordCounts, merges: int) -> Trace:
    """`merge_trace` by a scan of all words for each merge: for any list of merges, in any order."""
    text = text_of(counts.words)
    size = text.bytes + len(text)
    symbols = np.empty(size, np.int32)
    ids = byte_ids(vocabulary)
    filled = lay_out_words(text.data, text.offsets, np.where(ids < 0, -2, ids).astype(np.int32), symbols)
    products = merge_products(vocabulary, vocabulary.model.merges)
    weights = counts.counts
    keys, amounts = np.empty(5 * size // 2 + 5, np.int64), np.empty(5 * size // 2 + 5, np.int64)
    used = list_adjacent(symbols, filled, weights, keys, amounts)
    pairs, first = _summed(keys[:used], amounts[:used])
    changed, change, ends = [], [], []
    total = 0
    for rank in range(min(merges, len(vocabulary.model.merges))):
        left, right = vocabulary.model.merges[rank].tolist()
        filled, used = merge_everywhere(
            symbols, filled, weights, left, right, int(products[rank]), keys, amounts
        )
        one, by = _summed(keys[:used], amounts[:used])
        kept = by != 0
        changed.append(one[kept])
        change.append(by[kept])
        total += int(kept.sum())
        ends.append(total)
    nothing = np.zeros(0, np.int64)
    return Trace(
        pairs=pairs,
        counts=first,
        changed=np.concatenate([nothing, *changed]),
        change=np.concatenate([nothing, *change]),
        ends=np.array(ends, np.int64),
    )


def add_traces(traces: Sequence[Trace]) -> Trace:
    """The trace of all words, from the traces of the same merges over parts of them."""
    if len({len(trace.ends) for trace in traces}) != 1:
        raise ValueError(f"traces add up over the same merges, not {[len(trace.ends) for trace in traces]}")
    pairs, counts = _summed(
        np.concatenate([trace.pairs for trace in traces]), np.concatenate([trace.counts for trace in traces])
    )
    merges = len(traces[0].ends)
    steps = np.concatenate([np.repeat(np.arange(merges), np.diff(t.ends, prepend=0)) for t in traces])
    changed, change = (np.concatenate([getattr(t, name) for t in traces]) for name in ("changed", "change"))
    order = np.lexsort((changed, steps))
    steps, changed, change = steps[order], changed[order], change[order]
    starts = np.flatnonzero((np.diff(steps, prepend=-1) != 0) | (np.diff(changed, prepend=changed[:1]) != 0))
    sums = np.add.reduceat(change, starts) if len(starts) else change
    starts, sums = starts[sums != 0], sums[sums != 0]
    return Trace(
        pairs=pairs,
        counts=counts,
        changed=changed[starts],
        change=sums,
        ends=np.searchsorted(steps[starts], np.arange(merges), side="right").astype(np.int64),
    )


def _summed(
    keys: npt.NDArray[np.int64], amounts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    if not len(starts):
        return ordered, np.zeros(0, np.int64)
    return ordered[starts], np.add.reduceat(amounts[order], starts)
