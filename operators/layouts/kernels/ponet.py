"""The kernel of sentence structure: segments as pairs of runs of sentences, in order, swapped, or of two places."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.layouts.kernels.draws import Rows, below, draw, share
from pairloom.operators.layouts.kernels.sentences import begins_sentence, find_sentences

__all__ = ["Paired", "Pairing", "pair_sentences", "warm_up"]

SHORT, LENGTH = np.uint64(0x718BCD5882154AEE), np.uint64(0x7B54A41DC25A59B5)
SPLIT, ORDER = np.uint64(0x9C30D5392AF26013), np.uint64(0xC5D1B023286085F0)
OTHER, CUT = np.uint64(0xCA417918B8DB38EF), np.uint64(0x8E79DCB0603A180E)
# [CLS] a [SEP] b [SEP], with a token on either side.
LEAST = 5


class Pairing(NamedTuple):
    """Which tokens are special and which end sentences; how many tokens chunks have, the share of shorter ones in 2^53rds."""

    special: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]
    target: int
    short: np.uint64
    cls: int
    sep: int
    pad: int


class Paired(NamedTuple):
    """Rows of pairs, all [b, seq_len]: their tokens, the sentence and the example of each place, what pairs are."""

    ids: npt.NDArray[np.uint32]
    sentences: npt.NDArray[np.int32]
    examples: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]


@inner
def _target(stream: np.uint64, at: int, pairing: Pairing) -> int:
    if share(draw(stream, SHORT, at)) < pairing.short:
        return 2 + below(draw(stream, LENGTH, at), pairing.target - 1)
    return pairing.target


@kernel
def pair_sentences(
    rows: Rows,
    pairing: Pairing,
    starts: npt.NDArray[np.int64],
    chunks: npt.NDArray[np.int64],
    to: Paired,
) -> None:
    """Write each segment as pairs of runs of its sentences, each in the place of the chunk of sentences that it is made of.

    The special tokens that a segment begins and ends with make room for those of pairs; the longer run loses what more is
    needed, at ends that are drawn. `to.ids` begins as a copy of the ids, the others as padding. `starts` and `chunks` are
    room for seq_len + 1 numbers.
    """
    ends, seq_len = pairing.ends, rows.ids.shape[1]
    for r in range(len(rows.ids)):
        ids, stream = rows.ids[r], rows.streams[r]
        stop = example = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            count = find_sentences(ids, first, stop, pairing.special, ends, starts)
            # A chunk has two sentences at least, and leaves none alone.
            made, begun = 0, 0
            chunks[0] = 0
            target = _target(stream, first, pairing)
            for k in range(1, count - 1):
                if k - begun >= 2 and starts[k] - starts[begun] >= target:
                    made, begun = made + 1, k
                    chunks[made] = k
                    target = _target(stream, starts[k], pairing)
            made += 1
            chunks[made] = count
            for c in range(made):
                low = first if c == 0 else starts[chunks[c]]
                high = stop if c == made - 1 else starts[chunks[c + 1]]
                if count < 2 or high - low < LEAST:
                    for i in range(low, high):
                        to.sentences[r, i], to.examples[r, i] = 0, example
                    example += 1
                    continue
                split = chunks[c] + 1 + below(draw(stream, SPLIT, low), chunks[c + 1] - chunks[c] - 1)
                a, a_end, b, b_end = starts[chunks[c]], starts[split], starts[split], starts[chunks[c + 1]]
                what, label = below(draw(stream, ORDER, low), 3), 0
                if what == 0:
                    a, a_end, b, b_end = b, b_end, a, a_end
                    label = 1
                elif what == 1 and made > 1:
                    other = below(draw(stream, OTHER, low), made - 1)
                    other += other >= c
                    b, b_end = starts[chunks[other]], starts[chunks[other + 1]]
                    label = 2
                cut = 0
                while a_end - a + b_end - b > high - low - 3:
                    front = draw(stream, CUT, low * seq_len + cut) >> np.uint64(63) != 0
                    cut += 1
                    if a_end - a > b_end - b:
                        a, a_end = (a + 1, a_end) if front else (a, a_end - 1)
                    else:
                        b, b_end = (b + 1, b_end) if front else (b, b_end - 1)
                o, number = low, 1
                to.ids[r, o], to.sentences[r, o], to.examples[r, o], to.labels[r, o] = (
                    pairing.cls,
                    0,
                    example,
                    label,
                )
                o += 1
                for side in range(2):
                    start, after = (a, a_end) if side == 0 else (b, b_end)
                    for i in range(start, after):
                        number += i > start and begins_sentence(ids, i, ends)
                        to.ids[r, o], to.sentences[r, o], to.examples[r, o] = ids[i], number, example
                        o += 1
                    number += 1
                    to.ids[r, o], to.sentences[r, o], to.examples[r, o] = pairing.sep, number, example
                    o, number = o + 1, number + 1
                for i in range(o, high):
                    to.ids[r, i] = pairing.pad
                example += 1


def warm_up(rows: Any) -> None:
    """Pair the sentences of rows."""
    from pairloom.operators.layouts.ponet import PoNet, Tables

    PoNet()(rows, 0, 0, 0, Tables(np.zeros(9, np.bool_), np.arange(9) % 2 == 0, 0, 0))
