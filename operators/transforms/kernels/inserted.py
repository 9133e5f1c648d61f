"""Kernels of what stands between the tokens of documents at equal distances, and of the numbers of what is between."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, copy_bytes, kernel, signed

__all__ = ["insert_runs", "number_places", "number_slots", "warm_up"]


@kernel
def insert_runs(
    start: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
    every: int,
    count: npt.NDArray[np.int64],
    run: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8],
) -> None:
    """Copy documents, `size[i]` bytes at the address `start[i]`, with `run` behind every `every` bytes, `count[i]` times."""
    source, length = address(run), signed(run.size)
    to = address(out)
    for i in range(len(start)):
        at = start[i]
        for _ in range(count[i]):
            copy_bytes(at, to, every)
            copy_bytes(source, to + every, length)
            at += every
            to += every + length
        rest = size[i] - count[i] * every
        copy_bytes(at, to, rest)
        to += rest


@kernel
def number_places(
    length: npt.NDArray[np.int64],
    period: int,
    block: npt.NDArray[np.int32],
    place: npt.NDArray[np.int32],
) -> None:
    """Of each token of documents, one after another: its block of `period` tokens, and its place there, both from 0 on."""
    at = 0
    for i in range(len(length)):
        number, within = 0, 0
        for _ in range(length[i]):
            block[at] = number
            place[at] = within
            at += 1
            within += 1
            if within == period:
                within = 0
                number += 1


@kernel
def number_slots(
    length: npt.NDArray[np.int64],
    scale: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    slot: npt.NDArray[np.int32],
    shared: npt.NDArray[np.uint16],
) -> None:
    """Of each token of chunks, one after another: its slot, a new one from `first[c]` on for every `scale[c]`, and the scale."""
    at = 0
    for c in range(len(length)):
        number, within = first[c], 0
        for _ in range(length[c]):
            slot[at] = number
            shared[at] = scale[c]
            at += 1
            within += 1
            if within == scale[c]:
                within = 0
                number += 1


def warm_up(batch: Any) -> None:
    """Put landmarks between a few tokens, and give them slots."""
    from pairloom.operators.transforms.extensible import Extensible
    from pairloom.operators.transforms.landmark import Landmark

    Landmark(every=2)(batch, 0, np.zeros(1, np.int64))
    Extensible()(batch, 0, None)
