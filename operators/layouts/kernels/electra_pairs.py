"""The kernel of ELECTRA's examples: segments as one or two runs of sentences between special tokens."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel
from pairloom.operators.layouts.kernels.draws import Rows, below, draw, share
from pairloom.operators.layouts.kernels.sentences import find_sentences

__all__ = ["Building", "Built", "build_examples", "warm_up"]

SHORTER, LENGTH = np.uint64(0x8B021FA1E5A0DD11), np.uint64(0x286D3F8C6A1C2D71)
SINGLE, OVERFLOW = np.uint64(0x6E3A5F0B1D9C4E27), np.uint64(0x51C64D0F7A3B92E5)
# [CLS] a [SEP], with a token.
LEAST = 3


class Building(NamedTuple):
    """Which tokens are special and which end sentences; the most tokens of an example; what stands around its sides.

    In 2^53rds, the share of examples whose length is drawn, of those with one side, and of sentences too long for the first
    side that it takes all the same.
    """

    special: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]
    length: int
    cls: int
    sep: int
    shorter: np.uint64
    single: np.uint64
    overflow: np.uint64


class Built(NamedTuple):
    """Rows of examples, all [b, seq_len]: their tokens, the side and the example of each place, -1 where there is none."""

    ids: npt.NDArray[np.uint32]
    types: npt.NDArray[np.uint8]
    examples: npt.NDArray[np.int32]


@kernel
def build_examples(rows: Rows, building: Building, starts: npt.NDArray[np.int64], to: Built) -> None:
    """Write each segment as examples, each in the place of the sentences that it is made of.

    The special tokens that a segment begins and ends with make room for those of examples. What an example has no room for is
    left out, first of its second side; on places that it leaves stands the token behind sides. `to.ids` begins as a copy of
    the ids, the others as zeros and -1. `starts` is room for seq_len + 1 numbers.
    """
    for r in range(len(rows.ids)):
        ids, stream = rows.ids[r], rows.streams[r]
        stop = example = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            count = find_sentences(ids, first, stop, building.special, building.ends, starts)
            k, low = 0, first
            while low < stop:
                target, begun = building.length, k
                if share(draw(stream, SHORTER, low)) < building.shorter:
                    target = 5 + below(draw(stream, LENGTH, low), building.length - 4)
                while k < count and starts[k] - starts[begun] < target:
                    k += 1
                high = stop if k == count else starts[k]
                room = min(high - low, building.length)
                if k == begun or room < LEAST:
                    for i in range(low, high):
                        to.examples[r, i] = example
                    low, example = high, example + 1
                    continue
                most = (target - 3) // 2
                if share(draw(stream, SINGLE, low)) < building.single:
                    most = stop + building.length
                m = begun + 1
                while m < k:
                    has = starts[m] - starts[begun]
                    fits = has + starts[m + 1] - starts[m] < most
                    if not fits and not (
                        has < most and share(draw(stream, OVERFLOW, starts[m])) < building.overflow
                    ):
                        break
                    m += 1
                a = min(starts[m] - starts[begun], room - 2)
                b = min(starts[k] - starts[m], max(0, room - a - 3))
                for i in range(low, high):
                    to.ids[r, i] = building.sep
                to.ids[r, low] = building.cls
                for i in range(a):
                    to.ids[r, low + 1 + i] = ids[starts[begun] + i]
                for i in range(b):
                    to.ids[r, low + 2 + a + i], to.types[r, low + 2 + a + i] = ids[starts[m] + i], 1
                size = a + 2
                if b > 0:
                    size = a + b + 3
                    to.types[r, low + size - 1] = 1
                for i in range(size):
                    to.examples[r, low + i] = example
                low, example = high, example + 1


def warm_up(rows: Any) -> None:
    """Build examples of rows."""
    from pairloom.operators.layouts.electra import Electra, Tables
    from pairloom.operators.layouts.kernels.electra import Generator

    generator = Generator(0, np.zeros(1, np.uint32), np.ones(1, np.uint64), True)
    some = np.zeros(9, np.bool_)
    Electra(pairs=True)(
        rows, 0, 0, 0, Tables(special=some, mask=0, generator=generator, ends=some, around=(1, 2))
    )
